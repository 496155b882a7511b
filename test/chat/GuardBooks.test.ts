/** Counters of `Guard` and its estimate of `Retry-After`. */
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Exit, Fiber, Random, Scope, TestClock } from "effect"
import { Guard, type GuardOptions } from "../../src/chat/Guard.ts"

/** Jitter between its minimum (0) and its maximum (1). */
const refusal = (guard: Guard["Type"], jitter = 0.5) =>
  Effect.withRandom(Effect.flip(Effect.scoped(guard.slot())), Random.fixed([jitter]))

/** Fills all slots, then frees one and takes it again after each of the waits. */
const drained = Effect.fnUntraced(function* (options: GuardOptions, waits: ReadonlyArray<number>) {
  const guard = yield* Guard.make(options)
  const scopes: Array<Scope.CloseableScope> = []
  const enter = Effect.gen(function* () {
    const scope = yield* Scope.make()
    yield* Scope.extend(guard.slot(), scope)
    scopes.push(scope)
  })
  yield* Effect.replicateEffect(enter, options.maxInFlight)
  for (const seconds of waits) {
    yield* TestClock.adjust(Duration.seconds(seconds))
    yield* Scope.close(scopes.shift()!, Exit.void)
    yield* enter
  }
  return { guard, scopes, enter }
})

const full = { maxInFlight: 2, queueMax: 0, queueTimeout: "30 seconds" } as const

describe("Guard", () => {
  it.effect(
    "estimates Retry-After as the moving average of the gaps between releases, the latest weighing a sixteenth",
    () =>
      Effect.gen(function* () {
        assert.strictEqual((yield* refusal((yield* drained(full, [4])).guard)).retryAfter, 4)
        assert.strictEqual((yield* refusal((yield* drained(full, [4, 4, 4])).guard)).retryAfter, 4)
        // 4 + (20 - 4) / 16 = 5, 20 + (4 - 20) / 16 = 19
        assert.strictEqual((yield* refusal((yield* drained(full, [4, 20])).guard)).retryAfter, 5)
        assert.strictEqual((yield* refusal((yield* drained(full, [20, 4])).guard)).retryAfter, 19)
      })
  )

  it.effect("estimates one gap for each waiter, and one more", () =>
    Effect.gen(function* () {
      const { guard } = yield* drained({ maxInFlight: 1, queueMax: 3, queueTimeout: "1 hour" }, [4])
      const waiting = yield* Effect.replicateEffect(Effect.fork(Effect.scoped(guard.slot())), 3)
      yield* Effect.repeatN(Effect.yieldNow(), 20)
      assert.strictEqual((yield* refusal(guard)).retryAfter, 16)
      yield* Fiber.interruptAll(waiting)
      assert.deepInclude(yield* guard.stats, { queued: 0, abandoned: 3, rejected: 1 })
    })
  )

  it.effect("measures gaps only while all slots are taken", () =>
    Effect.gen(function* () {
      const { enter, guard, scopes } = yield* drained(full, [4])
      // One slot stays free for an hour, while others are taken and released.
      yield* Scope.close(scopes.shift()!, Exit.void)
      for (let i = 0; i < 4; i++) {
        yield* TestClock.adjust("15 minutes")
        yield* enter
        yield* Scope.close(scopes.shift()!, Exit.void)
      }
      yield* TestClock.adjust("10 minutes")
      yield* Scope.close(scopes.shift()!, Exit.void)
      yield* TestClock.adjust("10 minutes")
      yield* enter
      yield* enter
      const { retryAfter } = yield* refusal(guard)
      assert.isAtMost(retryAfter, 4)
    })
  )

  it.effect("keeps what was measured as long as the number of slots is the same", () =>
    Effect.gen(function* () {
      const { guard } = yield* drained(full, [4])
      guard.limit({ ...full, queueTimeout: "20 seconds" })
      assert.strictEqual((yield* refusal(guard)).retryAfter, 4)
      guard.limit({ ...full, maxInFlight: 1 })
      assert.strictEqual((yield* refusal(guard)).retryAfter, 30)
    })
  )

  it.effect("measures anew from the change of the number of slots on", () =>
    Effect.gen(function* () {
      const { enter, guard, scopes } = yield* drained({ ...full, maxInFlight: 3 }, [4])
      yield* TestClock.adjust("100 seconds")
      guard.limit({ ...full, maxInFlight: 2 })
      yield* Scope.close(scopes.shift()!, Exit.void)
      yield* TestClock.adjust("7 seconds")
      yield* Scope.close(scopes.shift()!, Exit.void)
      yield* enter
      // The first release comes at once, the second after seven seconds: 0 + (7 - 0) / 16, which is told as a second.
      assert.strictEqual((yield* refusal(guard)).retryAfter, 1)
    })
  )

  it.effect("adds a jitter of 20 % to Retry-After, in whole seconds from 1 to 60", () =>
    Effect.gen(function* () {
      const told = (queueTimeout: Duration.DurationInput, jitter: number) =>
        Effect.scoped(
          Effect.gen(function* () {
            const guard = yield* Guard.make({ maxInFlight: 1, queueMax: 0, queueTimeout })
            yield* guard.slot()
            return (yield* refusal(guard, jitter)).retryAfter
          })
        )
      assert.deepStrictEqual([yield* told("10 seconds", 0), yield* told("10 seconds", 1)], [8, 12])
      assert.deepStrictEqual([yield* told(0, 0), yield* told(0, 1)], [1, 2])
      assert.deepStrictEqual([yield* told("1 hour", 0), yield* told("1 hour", 1)], [40, 60])
    })
  )

  it.scoped("rejects with queue_full, not queue_timeout, if it has no queue", () =>
    Effect.gen(function* () {
      for (const options of [
        { maxInFlight: 1, queueMax: 9, queueTimeout: 0 },
        { maxInFlight: 1, queueMax: 0, queueTimeout: "1 minute" }
      ] as const) {
        const guard = yield* Guard.make(options)
        yield* guard.slot()
        assert.strictEqual((yield* refusal(guard)).reason, "queue_full")
        assert.deepInclude(yield* guard.stats, { queued: 0, rejected: 1, abandoned: 0, accepted: 1 })
      }
    })
  )

  it.effect("counts a slot granted to an interrupted waiter as accepted and cancelled", () =>
    Effect.gen(function* () {
      const guard = yield* Guard.make({ maxInFlight: 1, queueMax: 1, queueTimeout: "1 minute" })
      const holder = yield* Scope.make()
      yield* Scope.extend(guard.slot(), holder)
      const waiting = yield* Effect.fork(Effect.scoped(Effect.zipRight(guard.slot(), Effect.never)))
      yield* Effect.repeatN(Effect.yieldNow(), 20)
      // The grant and the interrupt come in one step, before the waiter runs.
      yield* Effect.zipRight(Scope.close(holder, Exit.void), Fiber.interruptFork(waiting))
      yield* Fiber.await(waiting)
      assert.deepStrictEqual(yield* guard.stats, {
        maxInFlight: 1,
        inFlight: 0,
        queued: 0,
        accepted: 2,
        rejected: 0,
        abandoned: 0,
        completed: 0,
        failed: 0,
        cancelled: 2
      })
    })
  )

  it.effect("shares its slots among all that share its layer", () =>
    Effect.gen(function* () {
      const first = yield* Guard
      const second = yield* Guard
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* first.slot()
          assert.strictEqual((yield* refusal(second)).reason, "queue_full")
        })
      )
      yield* Effect.scoped(second.slot())
      assert.deepInclude(yield* first.stats, { accepted: 2, rejected: 1 })
    }).pipe(Effect.provide(Guard.layer({ maxInFlight: 1, queueMax: 0, queueTimeout: 0 })))
  )
})

const turns = async (n: number) => {
  for (let i = 0; i < n; i++) await Promise.resolve()
}
const idle = () => new Promise((resolve) => setImmediate(resolve))

describe("Guard with a fiber that yields at every step", () => {
  it("never queues a request while a slot is free", async () => {
    const left: Array<string> = []
    for (let ops = 12; ops <= 30; ops++) {
      for (let k = 0; k <= 20; k++) {
        const guard = await Effect.runPromise(Guard.make({ maxInFlight: 1, queueMax: 5, queueTimeout: "1 hour" }))
        const holder = Effect.runSync(Scope.make())
        Effect.runSync(Scope.extend(guard.slot(), holder))
        const fiber = Effect.runFork(Effect.withMaxOpsBeforeYield(Effect.scoped(guard.slot()), ops))
        await turns(k)
        Effect.runSync(Scope.close(holder, Exit.void))
        for (let i = 0; i < 3; i++) await idle()
        if (fiber.unsafePoll() === null) {
          left.push(`${ops}/${k}`)
          await Effect.runPromise(Fiber.interrupt(fiber))
        }
      }
    }
    assert.deepStrictEqual(left, [])
  })
})

import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Exit, FastCheck, Fiber, FiberId, Random, Scope, TestClock } from "effect"
import { Guard } from "../../src/chat/Guard.ts"
import { balanced, crowd, type Outcome, setting, settled, TIMEOUT, yields } from "../support/GuardCrowd.ts"

const one = Guard.make({ maxInFlight: 1, queueMax: 2, queueTimeout: "5 seconds" })

const turns = async (n: number) => {
  for (let i = 0; i < n; i++) await Promise.resolve()
}
const idle = () => new Promise((resolve) => setImmediate(resolve))

describe("Guard", () => {
  it.effect("gives the slot back when the scope closes", () =>
    Effect.gen(function* () {
      const { slot, stats } = yield* one
      yield* Effect.scoped(slot())
      yield* Effect.scoped(slot())
      const { accepted, inFlight, maxInFlight } = yield* stats
      assert.deepStrictEqual({ accepted, inFlight, maxInFlight }, { accepted: 2, inFlight: 0, maxInFlight: 1 })
    })
  )

  it.effect("counts the outcome of each request, as first settled", () =>
    Effect.gen(function* () {
      const { slot, stats } = yield* one
      yield* Effect.scoped(Effect.map(slot(), ({ settle }) => settle("completed")))
      yield* Effect.scoped(
        Effect.map(slot(), ({ settle }) => {
          settle("failed")
          settle("completed")
        })
      )
      const late = yield* Effect.scoped(slot())
      late.settle("completed")
      const { accepted, cancelled, completed, failed } = yield* stats
      assert.deepStrictEqual([accepted, completed, failed, cancelled], [3, 1, 1, 1])
    })
  )

  it.scoped("rejects once the queue timeout has passed", () =>
    Effect.gen(function* () {
      const { slot, stats } = yield* one
      yield* slot()
      const waiting = yield* Effect.fork(Effect.flip(Effect.scoped(slot())))
      yield* TestClock.adjust("4 seconds")
      assert.strictEqual((yield* stats).queued, 1)
      yield* TestClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.join(waiting)).reason, "queue_timeout")
      const { inFlight, queued, rejected } = yield* stats
      assert.deepStrictEqual({ inFlight, queued, rejected }, { inFlight: 1, queued: 0, rejected: 1 })
    })
  )

  it.scoped("rejects at once when the queue is full", () =>
    Effect.gen(function* () {
      const { slot, stats } = yield* one
      yield* slot()
      yield* Effect.forkScoped(Effect.scoped(slot()))
      yield* Effect.forkScoped(Effect.scoped(slot()))
      yield* settled
      assert.strictEqual((yield* Effect.flip(Effect.scoped(slot()))).reason, "queue_full")
      assert.strictEqual((yield* stats).queued, 2)
    })
  )

  it.scoped("has no queue when the queue timeout is zero", () =>
    Effect.gen(function* () {
      const { slot } = yield* Guard.make({ maxInFlight: 1, queueMax: 9, queueTimeout: 0 })
      yield* slot()
      assert.strictEqual((yield* Effect.flip(Effect.scoped(slot())))._tag, "Overloaded")
    })
  )

  it.scoped("removes an interrupted waiter from the queue", () =>
    Effect.gen(function* () {
      const { slot, stats } = yield* one
      yield* slot()
      const waiting = yield* Effect.fork(Effect.scoped(slot()))
      yield* settled
      yield* Fiber.interrupt(waiting)
      const { abandoned, queued, rejected } = yield* stats
      assert.deepStrictEqual({ abandoned, queued, rejected }, { abandoned: 1, queued: 0, rejected: 0 })
    })
  )

  it.effect("serves thousands of waiters in FIFO order", () =>
    Effect.gen(function* () {
      const { slot, stats } = yield* Guard.make({ maxInFlight: 1, queueMax: 4000, queueTimeout: "1 minute" })
      const order: Array<number> = []
      const numbers = Array.from({ length: 4000 }, (_, i) => i)
      const work = (n: number) =>
        Effect.scoped(
          Effect.flatMap(slot(), () => {
            order.push(n)
            return Effect.yieldNow()
          })
        )
      yield* Effect.forEach(numbers, work, { concurrency: "unbounded", discard: true })
      assert.deepStrictEqual(order, numbers)
      assert.strictEqual((yield* stats).inFlight, 0)
    })
  )

  it.scoped("derives Retry-After from the measured rate of releases", () =>
    Effect.gen(function* () {
      const { slot } = yield* Guard.make({ maxInFlight: 1, queueMax: 1, queueTimeout: "1 minute" })
      const hold = (seconds: number) =>
        Effect.scoped(Effect.zipRight(slot(), TestClock.adjust(Duration.seconds(seconds))))
      yield* hold(4)
      // Idle time does not count.
      yield* TestClock.adjust("1 hour")
      yield* hold(4)
      yield* slot()
      yield* Effect.forkScoped(Effect.scoped(slot()))
      yield* settled
      const { retryAfter } = yield* Effect.flip(Effect.scoped(slot()))
      assert.isAtLeast(retryAfter, 7)
      assert.isAtMost(retryAfter, 10)
    })
  )

  it.effect(
    "estimates Retry-After from the queue's length and the mean gap, between 1 and 50 seconds before jitter",
    () =>
      Effect.gen(function* () {
        const told = (gaps: ReadonlyArray<number>) =>
          Effect.scoped(
            Effect.gen(function* () {
              const { slot } = yield* Guard.make({ maxInFlight: 1, queueMax: 2, queueTimeout: "1 hour" })
              for (const gap of gaps) {
                yield* Effect.scoped(Effect.zipRight(slot(), TestClock.adjust(Duration.seconds(gap))))
              }
              yield* slot()
              yield* Effect.forkScoped(Effect.scoped(slot()))
              yield* Effect.forkScoped(Effect.scoped(slot()))
              yield* settled
              // Min, middle and max jitter.
              return yield* Effect.forEach([0, 0.5, 1], (random) =>
                Effect.map(
                  Effect.flip(Effect.withRandom(Effect.scoped(slot()), Random.fixed([random]))),
                  ({ retryAfter }) => retryAfter
                )
              )
            })
          )
        // Third in the queue, 4.1 seconds each.
        assert.deepStrictEqual(yield* told([4.1]), [10, 13, 15])
        // A gap weighs a sixteenth: 5.1 seconds.
        assert.deepStrictEqual(yield* told([4.1, 20.1]), [13, 16, 19])
        assert.deepStrictEqual(yield* told([600]), [40, 50, 60])
        assert.deepStrictEqual(yield* told([0.01]), [1, 1, 2])
      })
  )

  it.effect("derives Retry-After from the queue timeout before anything was measured, between 1 and 60 seconds", () =>
    Effect.gen(function* () {
      const retryAfter = (queueTimeout: Duration.DurationInput) =>
        Effect.gen(function* () {
          const { slot } = yield* Guard.make({ maxInFlight: 1, queueMax: 0, queueTimeout })
          yield* slot()
          return (yield* Effect.flip(Effect.scoped(slot()))).retryAfter
        }).pipe(Effect.scoped)
      for (const [timeout, low, high] of [
        ["30 seconds", 24, 36],
        [0, 1, 2],
        ["1 hour", 40, 60]
      ] as const) {
        const seconds = yield* retryAfter(timeout)
        assert.isTrue(Number.isInteger(seconds) && seconds >= low && seconds <= high, `${seconds} for ${timeout}`)
      }
    })
  )

  describe("under any interleaving", () => {
    it.effect.prop(
      "keeps its limit, its FIFO order and its invariant, and loses no slot",
      { ...setting, pauses: FastCheck.array(FastCheck.nat(5), { minLength: 30, maxLength: 30 }) },
      ({ commands, maxInFlight, pauses, queueMax }) =>
        Effect.gen(function* () {
          const { act, nothingIsLost, overtakers, stats } = yield* crowd({ maxInFlight, queueMax })
          for (const [i, command] of commands.entries()) {
            yield* act(command)
            yield* yields(pauses[i]!)
            const now = yield* stats
            balanced(now)
            assert.isAtMost(now.inFlight, maxInFlight)
            assert.isAtMost(now.queued, queueMax)
            assert.isTrue(now.queued === 0 || now.inFlight === maxInFlight, "nobody waits beside a free place")
          }
          assert.deepStrictEqual(overtakers, [], "nobody is granted a place before one who came earlier")
          yield* nothingIsLost
        }),
      { fastCheck: { numRuns: 200 } }
    )

    it.effect.prop(
      "behaves like a model of a list and a counter",
      setting,
      ({ commands, maxInFlight, queueMax }) =>
        Effect.gen(function* () {
          const { act, entered, now, nothingIsLost, people, stats } = yield* crowd({ maxInFlight, queueMax })
          const inside = new Set<number>()
          let queue: Array<{ readonly id: number; readonly until: number }> = []
          const early = new Map<number, Outcome>()
          const count = { accepted: 0, rejected: 0, abandoned: 0, completed: 0, failed: 0, cancelled: 0 }
          const expected: Array<number> = []
          const leave = (id: number, outcome: Outcome) => {
            inside.delete(id)
            count[outcome]++
            const [next, ...rest] = queue
            if (next === undefined) return
            queue = rest
            enter(next.id)
          }
          const enter = (id: number) => {
            count.accepted++
            expected.push(id)
            inside.add(id)
            const outcome = early.get(id)
            if (outcome !== undefined) leave(id, outcome)
          }
          for (const command of commands) {
            yield* act(command)
            yield* settled
            if (command._tag === "arrive") {
              const id = people.length - 1
              if (inside.size < maxInFlight) enter(id)
              else if (queue.length < queueMax) queue.push({ id, until: now() + TIMEOUT })
              else count.rejected++
            } else if (command._tag === "advance") {
              const before = queue.length
              queue = queue.filter(({ until }) => until > now())
              count.rejected += before - queue.length
            } else if (people.length > 0) {
              const id = command.who % people.length
              if (command._tag === "interrupt") {
                const before = queue.length
                queue = queue.filter((waiter) => waiter.id !== id)
                count.abandoned += before - queue.length
                if (inside.has(id)) leave(id, "cancelled")
              } else if (!early.has(id)) {
                // One that is to leave while it waits leaves as soon as it gets its slot.
                early.set(id, command.outcome)
                if (inside.has(id)) leave(id, command.outcome)
              }
            }
            const state = { maxInFlight, inFlight: inside.size, queued: queue.length, ...count }
            assert.deepStrictEqual(yield* stats, state)
            assert.deepStrictEqual(entered, expected)
          }
          yield* nothingIsLost
        }),
      { fastCheck: { numRuns: 200 } }
    )
  })

  // A slot can be lost within a few microtasks, which random interleavings may miss; these tests try each of them.
  describe("interrupted at every microtask", () => {
    const make = () => Effect.runPromise(Guard.make({ maxInFlight: 1, queueMax: 5, queueTimeout: "2 seconds" }))
    const use = (guard: Guard["Type"]) => Effect.scoped(Effect.zipRight(guard.slot(), Effect.yieldNow()))
    const isFree = async (guard: Guard["Type"]) => {
      for (let i = 0; i < 3; i++) await idle()
      const stats = Effect.runSync(guard.stats)
      balanced(stats)
      return stats.inFlight === 0 && stats.queued === 0
    }

    it("does not lose a slot granted in the same microtask", async () => {
      const lost: Array<number> = []
      for (let k = 0; k <= 40; k++) {
        const guard = await make()
        const scope = Effect.runSync(Scope.make())
        Effect.runSync(Scope.extend(guard.slot(), scope))
        const waiting = Effect.runFork(use(guard))
        await idle()
        Effect.runFork(Scope.close(scope, Exit.void))
        await turns(k)
        waiting.unsafeInterruptAsFork(FiberId.none)
        if (!(await isFree(guard))) lost.push(k)
      }
      assert.deepStrictEqual(lost, [])
    })

    for (const queued of [false, true]) {
      it(`loses no slot of a fiber that yields at every step, ${queued ? "waiting for one" : "with one free"}`, async () => {
        const lost: Array<string> = []
        for (let ops = 12; ops <= 40; ops++) {
          for (let k = 0; k <= 40; k++) {
            const guard = await make()
            const holder = queued
              ? Effect.runFork(Effect.scoped(Effect.zipRight(guard.slot(), Effect.never)))
              : undefined
            const fiber = Effect.runFork(Effect.withMaxOpsBeforeYield(use(guard), ops))
            if (holder !== undefined) {
              await idle()
              holder.unsafeInterruptAsFork(FiberId.none)
            }
            await turns(k)
            fiber.unsafeInterruptAsFork(FiberId.none)
            if (!(await isFree(guard))) lost.push(`${ops}/${k}`)
          }
        }
        assert.deepStrictEqual(lost, [])
      })
    }
  })
})

import { assert, describe, it } from "@effect/vitest"
import {
  Cause,
  Clock,
  Deferred,
  Duration,
  Effect,
  Exit,
  FastCheck,
  Fiber,
  Logger,
  Option,
  Scope,
  TestClock
} from "effect"
import * as SharedWork from "../../src/runtime/SharedWork.ts"
import * as Steps from "../support/Steps.ts"

const yields = (n: number) => Effect.repeatN(Effect.yieldNow(), n)
const settled = yields(8)
/** Defects are logged. */
const quiet = Logger.remove(Logger.defaultLogger)
const forGood = { keep: Duration.hours(1) }

/** Some steps, a wait for a promise, some more; counts its runs. */
const counted = () => {
  const counts = { begun: 0, ended: 0 }
  const work = Effect.gen(function* () {
    const mine = ++counts.begun
    yield* yields(3)
    yield* Effect.promise(() => Promise.resolve())
    yield* yields(3)
    counts.ended++
    return mine
  })
  return { counts, work }
}

describe("SharedWork", () => {
  it.scoped("runs once for all who ask at the same time, and for those who ask while it is kept", () =>
    Effect.gen(function* () {
      const { counts, work } = counted()
      const shared = yield* SharedWork.make(work, forGood)
      const all = yield* Effect.all([shared.result, shared.result, shared.result], { concurrency: "unbounded" })
      assert.deepStrictEqual([...all, yield* shared.result], [1, 1, 1, 1])
      assert.deepStrictEqual(counts, { begun: 1, ended: 1 })
    })
  )

  it.scoped("runs work that can be interrupted, wherever it was made", () =>
    Effect.gen(function* () {
      const never = Effect.raceFirst(Effect.never, Effect.yieldNow())
      const shared = yield* Effect.uninterruptible(SharedWork.make(never, forGood))
      assert.isUndefined(yield* shared.result)
    })
  )

  it.scoped("gives work that never waits to whoever began it", () =>
    Effect.gen(function* () {
      const shared = yield* SharedWork.make(
        Effect.sync(() => "at once"),
        { keep: 0 }
      )
      assert.strictEqual(yield* shared.result, "at once")
      assert.strictEqual(yield* shared.join(), "at once")
      assert.isFalse(shared.isRunning())
    })
  )

  it.scoped("keeps a success from the beginning of its run, since what it found may be as old as that", () =>
    Effect.gen(function* () {
      let runs = 0
      const shared = yield* SharedWork.make(
        Effect.delay(
          Effect.sync(() => ++runs),
          "600 millis"
        ),
        { keep: "1 second" }
      )
      const ask = Effect.gen(function* () {
        const asked = yield* Effect.fork(shared.result)
        yield* TestClock.adjust("600 millis")
        return yield* Fiber.join(asked)
      })
      assert.strictEqual(yield* ask, 1)
      // The clock stands at 600 ms.
      yield* TestClock.adjust("399 millis")
      assert.strictEqual(yield* shared.result, 1)
      yield* TestClock.adjust("1 millis")
      assert.strictEqual(yield* ask, 2)
    })
  )

  it.scoped("tells a failure to those who wait, and tries again for the next", () =>
    Effect.gen(function* () {
      let tries = 0
      const shared = yield* SharedWork.make(
        Effect.zipRight(
          Effect.yieldNow(),
          Effect.suspend(() => (++tries === 1 ? Effect.fail("not yet") : Effect.succeed(tries)))
        ),
        forGood
      )
      const both = yield* Effect.all([Effect.either(shared.result), Effect.either(shared.result)], { concurrency: 2 })
      assert.deepStrictEqual(
        both.map(({ _tag }) => _tag),
        ["Left", "Left"]
      )
      assert.strictEqual(yield* shared.result, 2)
    })
  )

  for (const [what, ending] of [
    ["a defect", Effect.dieMessage("bug")],
    ["an interrupt of its own", Effect.interrupt]
  ] as const) {
    it.scoped(`tells ${what} of the work as a failure, and tries again for the next`, () =>
      Effect.gen(function* () {
        let tries = 0
        const shared = yield* SharedWork.make(
          Effect.zipRight(
            yields(2),
            Effect.suspend(() => (++tries === 1 ? ending : Effect.succeed("done")))
          ),
          forGood
        )
        const waiting = yield* Effect.fork(shared.result)
        const error = yield* Effect.flip(shared.result)
        assert.strictEqual(error._tag, "WorkBroken")
        assert.strictEqual((yield* Effect.flip(Fiber.join(waiting)))._tag, "WorkBroken")
        assert.strictEqual(yield* shared.result, "done")
      })
    )
  }

  it.effect("ends with its scope: the work is interrupted, those who wait and those who come later are told", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const interrupted = yield* Deferred.make<void>()
      const work = Effect.onInterrupt(Effect.never, () => Deferred.succeed(interrupted, undefined))
      const shared = yield* Scope.extend(SharedWork.make(work, forGood), scope)
      const waiting = yield* Effect.fork(Effect.flip(shared.result))
      yield* settled
      assert.isTrue(shared.isRunning())
      yield* Scope.close(scope, Exit.void)
      yield* Deferred.await(interrupted)
      assert.strictEqual((yield* Fiber.join(waiting))._tag, "WorkBroken")
      assert.strictEqual((yield* Effect.flip(shared.result))._tag, "WorkBroken")
    })
  )

  it.scoped("does not inherit the span of a caller", () =>
    Effect.gen(function* () {
      const shared = yield* SharedWork.make(
        Effect.flatMap(Effect.currentSpan.pipe(Effect.option), (span) => Effect.succeed(Option.isSome(span))),
        forGood
      )
      assert.isFalse(yield* Effect.withSpan(shared.result, "request"))
    })
  )

  // The callers go one after the other in a fixed order, so that each k is one interleaving.
  for (const who of [0, 1, 2]) {
    it.effect(`gives the value to the others when caller ${who + 1} of 3 is interrupted after any of its steps`, () =>
      Effect.gen(function* () {
        const swept = yield* Steps.sweep((k, when) => {
          const { counts, work } = counted()
          return Effect.scoped(
            Effect.gen(function* () {
              const shared = yield* SharedWork.make(work, forGood)
              const calls = [0, 1, 2].map((i) =>
                i === who
                  ? Steps.interruptAfter(shared.result, k, when)
                  : Effect.map(Effect.exit(shared.result), (exit) => ({ exit, interruptedAt: undefined }))
              )
              const ends = yield* Effect.all(calls, { concurrency: "unbounded" })
              const others = ends.filter((_, i) => i !== who).map(({ exit }) => exit)
              assert.deepStrictEqual(others, [Exit.succeed(1), Exit.succeed(1)], `${when}, step ${k}`)
              assert.strictEqual(yield* shared.result, 1)
              assert.deepStrictEqual(counts, { begun: 1, ended: 1 })
              return { interruptedAt: ends[who]?.interruptedAt }
            })
          )
        })
        assert.isAbove(swept, 4)
      })
    )
  }

  describe("under any interleaving", () => {
    type Command =
      | { readonly _tag: "ask" | "forget" }
      | { readonly _tag: "leave"; readonly who: number }
      | { readonly _tag: "end"; readonly which: number; readonly how: "succeeds" | "fails" | "dies" }
      | { readonly _tag: "advance"; readonly millis: number }
    const command: FastCheck.Arbitrary<Command> = FastCheck.oneof(
      { weight: 5, arbitrary: FastCheck.constant<Command>({ _tag: "ask" }) },
      { weight: 1, arbitrary: FastCheck.constant<Command>({ _tag: "forget" }) },
      {
        weight: 2,
        arbitrary: FastCheck.record({ _tag: FastCheck.constant("leave" as const), who: FastCheck.nat(20) })
      },
      {
        weight: 3,
        arbitrary: FastCheck.record({
          _tag: FastCheck.constant("end" as const),
          which: FastCheck.nat(5),
          how: FastCheck.constantFrom("succeeds" as const, "fails" as const, "dies" as const)
        })
      },
      {
        weight: 2,
        arbitrary: FastCheck.record({ _tag: FastCheck.constant("advance" as const), millis: FastCheck.nat(12) })
      }
    )
    const KEEP = 10

    const wordOf = (exit: Exit.Exit<number, string | SharedWork.WorkBroken>): string => {
      if (Exit.isSuccess(exit)) return `${exit.value}`
      if (Cause.isInterruptedOnly(exit.cause)) return "left"
      const failure = Cause.failureOption(exit.cause)
      if (Option.isNone(failure)) return "defect"
      return typeof failure.value === "string" ? failure.value : failure.value._tag
    }

    it.effect.prop(
      "does what a list of runs and their callers would do",
      { commands: FastCheck.array(command, { maxLength: 40 }) },
      ({ commands }) =>
        Effect.scoped(
          Effect.gen(function* () {
            let now = 0
            const clock = { ...Clock.make(), unsafeCurrentTimeNanos: () => BigInt(now) * 1_000_000n }
            const live: Array<{ readonly id: number; readonly done: Deferred.Deferred<number, string> }> = []
            let runs = 0
            const work = Effect.flatMap(Deferred.make<number, string>(), (done) => {
              live.push({ id: ++runs, done })
              return Deferred.await(done)
            })
            const shared = yield* Effect.withClock(SharedWork.make(work, { keep: KEEP }), clock)

            const callers: Array<Fiber.RuntimeFiber<number, string | SharedWork.WorkBroken>> = []
            const expected: Array<string> = []
            const began = new Map<number, { readonly at: number; readonly callers: Array<number> }>()
            let current: number | undefined
            let kept: { readonly value: number; readonly until: number } | undefined

            for (const command of commands) {
              switch (command._tag) {
                case "ask": {
                  const me = callers.push(yield* Effect.fork(shared.result)) - 1
                  if (kept !== undefined && now < kept.until) expected[me] = `${kept.value}`
                  else {
                    current ??= runs + 1
                    const run = began.get(current) ?? { at: now, callers: [] }
                    began.set(current, run)
                    run.callers.push(me)
                    expected[me] = "waits"
                  }
                  break
                }
                case "forget":
                  shared.forget()
                  current = undefined
                  kept = undefined
                  break
                case "leave": {
                  const who = callers.length === 0 ? 0 : command.who % callers.length
                  const fiber = callers[who]
                  if (fiber !== undefined) yield* Fiber.interrupt(fiber)
                  if (expected[who] === "waits") expected[who] = "left"
                  break
                }
                case "end": {
                  const [run] = live.splice(live.length === 0 ? 0 : command.which % live.length, 1)
                  if (run === undefined) break
                  const { done, id } = run
                  const end = { succeeds: Effect.succeed(id), fails: Effect.fail("failed"), dies: Effect.die("bug") }
                  yield* Deferred.complete(done, end[command.how])
                  const known = began.get(id)
                  const word = { succeeds: `${id}`, fails: "failed", dies: "WorkBroken" }[command.how]
                  for (const who of known?.callers ?? []) if (expected[who] === "waits") expected[who] = word
                  if (current === id) {
                    current = undefined
                    if (command.how === "succeeds") kept = { value: id, until: (known?.at ?? 0) + KEEP }
                  }
                  break
                }
                case "advance":
                  now += command.millis
              }
              yield* settled
              const seen = callers.map((fiber) => {
                const exit = fiber.unsafePoll()
                return exit === null ? "waits" : wordOf(exit)
              })
              assert.deepStrictEqual(seen, expected)
              assert.strictEqual(shared.isRunning(), current !== undefined)
              assert.strictEqual(runs, began.size)
            }
          }).pipe(Effect.provide(quiet))
        ),
      { fastCheck: { numRuns: 100 } }
    )
  })
})

/**
 * A crowd that comes to a Guard, waits, leaves, loses patience and is interrupted, by a clock that is moved by hand: the
 * test clock waits in real time at every step.
 */
import { assert } from "@effect/vitest"
import { Clock, Deferred, Duration, Effect, Exit, FastCheck, Fiber, Scope } from "effect"
import { Guard, type GuardStats } from "../../src/chat/Guard.ts"
import { anonymous, type Caller } from "../../src/domain/keys/Caller.ts"

export const yields = (n: number) => Effect.repeatN(Effect.yieldNow(), n)
export const settled = yields(24)

export const balanced = (stats: GuardStats) =>
  assert.strictEqual(stats.accepted, stats.completed + stats.failed + stats.cancelled + stats.inFlight)

const manualClock = () => {
  let now = 0
  let sleepers: Array<{ readonly at: number; readonly wake: () => void }> = []
  const clock: Clock.Clock = {
    ...Clock.make(),
    unsafeCurrentTimeMillis: () => now,
    unsafeCurrentTimeNanos: () => BigInt(now) * 1_000_000n,
    sleep: (duration) =>
      Effect.async((resume) => {
        sleepers.push({ at: now + Duration.toMillis(duration), wake: () => resume(Effect.void) })
      })
  }
  const advance = (millis: number) => {
    now += millis
    const due = sleepers.filter(({ at }) => at <= now)
    sleepers = sleepers.filter(({ at }) => at > now)
    for (const { wake } of due) wake()
  }
  return { advance, clock, now: () => now }
}

export type Outcome = "completed" | "failed" | "cancelled"
export type Command =
  /** `key` is an index into the callers of the crowd. */
  | { readonly _tag: "arrive"; readonly key: number }
  | { readonly _tag: "leave"; readonly who: number; readonly outcome: Outcome }
  | { readonly _tag: "interrupt"; readonly who: number }
  | { readonly _tag: "advance"; readonly millis: number }

const who = FastCheck.nat(30)
const command: FastCheck.Arbitrary<Command> = FastCheck.oneof(
  {
    weight: 4,
    arbitrary: FastCheck.record({ _tag: FastCheck.constant("arrive" as const), key: FastCheck.nat(3) })
  },
  {
    weight: 3,
    arbitrary: FastCheck.record({
      _tag: FastCheck.constant("leave" as const),
      who,
      outcome: FastCheck.constantFrom<Array<Outcome>>("completed", "failed", "cancelled")
    })
  },
  { weight: 2, arbitrary: FastCheck.record({ _tag: FastCheck.constant("interrupt" as const), who }) },
  {
    weight: 2,
    arbitrary: FastCheck.record({ _tag: FastCheck.constant("advance" as const), millis: FastCheck.nat(12) })
  }
)
export const setting = {
  maxInFlight: FastCheck.integer({ min: 1, max: 3 }),
  queueMax: FastCheck.nat(4),
  commands: FastCheck.array(command, { maxLength: 30 })
}
/** Milliseconds in the queue. */
export const TIMEOUT = 10

export const crowd = Effect.fnUntraced(function* (
  options: { readonly maxInFlight: number; readonly queueMax: number },
  callers: ReadonlyArray<Caller> = [anonymous]
) {
  const time = manualClock()
  const guard = yield* Effect.withClock(Guard.make({ ...options, queueTimeout: TIMEOUT }), time.clock)
  const entered: Array<number> = []
  const refused: Array<{ readonly id: number; readonly reason: string }> = []
  const asking = new Set<number>()
  const overtakers: Array<number> = []
  const people: Array<{ readonly fiber: Fiber.RuntimeFiber<unknown>; readonly done: Deferred.Deferred<Outcome> }> = []
  const arrive = Effect.fnUntraced(function* (key: number) {
    const done = yield* Deferred.make<Outcome>()
    const me = people.length
    const stay = Effect.gen(function* () {
      asking.add(me)
      const slot = yield* guard.slot(callers[key % callers.length], 100)
      entered.push(me)
      // Fibers may resume in another order than they were granted: a newcomer takes a free slot without waiting while
      // an earlier one, already granted, still resumes. Those not granted yet are counted in the queue, and as many
      // must have come later.
      const later = asking.size - 1 - [...asking].indexOf(me)
      asking.delete(me)
      if ((yield* guard.stats).queued > later) overtakers.push(me)
      const outcome = yield* Deferred.await(done)
      if (outcome !== "cancelled") slot.settle(outcome)
      slot.charge({ prompt: 100, completion: me * 10 })
    })
    const gone = Effect.sync(() => asking.delete(me))
    const fiber = yield* stay.pipe(
      Effect.scoped,
      Effect.tapError(({ reason }) => Effect.sync(() => refused.push({ id: me, reason }))),
      Effect.ensuring(gone),
      Effect.exit,
      Effect.withClock(time.clock),
      Effect.fork
    )
    people.push({ done, fiber })
  })
  const act = (command: Command): Effect.Effect<void> => {
    switch (command._tag) {
      case "arrive":
        return arrive(command.key)
      case "advance":
        return Effect.sync(() => time.advance(command.millis))
      default: {
        const person = people[command.who % Math.max(people.length, 1)]
        if (person === undefined) return Effect.void
        return command._tag === "leave"
          ? Effect.asVoid(Deferred.succeed(person.done, command.outcome))
          : Fiber.interruptFork(person.fiber)
      }
    }
  }
  const nothingIsLost = Effect.gen(function* () {
    for (const { fiber } of people) yield* Fiber.interruptFork(fiber)
    yield* settled
    yield* settled
    const stats = yield* guard.stats
    balanced(stats)
    assert.strictEqual(stats.inFlight + stats.queued, 0)
    // All slots can be taken again, and no more.
    const scope = yield* Scope.make()
    for (let i = 0; i < options.maxInFlight; i++) yield* Scope.extend(guard.slot(), scope)
    assert.strictEqual((yield* guard.stats).inFlight, options.maxInFlight)
    yield* Scope.close(scope, Exit.void)
  })
  return { ...guard, act, entered, refused, nothingIsLost, now: time.now, overtakers, people }
})

import { assert, describe, it } from "@effect/vitest"
import { Chunk, Deferred, Duration, Effect, Exit, Fiber, TestClock } from "effect"
import * as Watchdog from "../../src/chat/Watchdog.ts"
import { finish, textDelta } from "../../src/domain/Chat.ts"
import * as Turn from "../../src/domain/Turn.ts"
import * as QuickClock from "../support/QuickClock.ts"

const watchdog = Watchdog.make({
  firstTokenTimeout: Duration.seconds(10),
  idleTimeout: Duration.seconds(4),
  totalTimeout: Duration.seconds(20)
})

const phase = (turn: Turn.Turn) => {
  const failure = turn.failure()
  return failure?._tag === "UpstreamTimeout" ? failure.phase : failure?._tag
}

describe("Watchdog", () => {
  it.scoped("ends a turn whose first event does not come, and not before its time", () =>
    Effect.gen(function* () {
      const { deadline, watch } = yield* watchdog
      const turn = Turn.make({ instance: "a" })
      yield* watch(turn, "a", deadline())
      yield* QuickClock.adjust("9 seconds")
      assert.strictEqual(turn.state(), "running")
      yield* QuickClock.adjust("1100 millis")
      assert.strictEqual(phase(turn), "first_token")
    })
  )

  it.scoped("ends a turn that falls silent when the idle timeout has passed, neither before nor long after", () =>
    Effect.gen(function* () {
      const { deadline, watch } = yield* watchdog
      const turn = Turn.make({ instance: "a" })
      yield* watch(turn, "a", deadline())
      yield* QuickClock.adjust("3 seconds")
      turn.emit(textDelta("a"))
      yield* QuickClock.adjust("3900 millis")
      assert.strictEqual(turn.state(), "running")
      yield* QuickClock.adjust("300 millis")
      assert.strictEqual(phase(turn), "idle")
    })
  )

  it.scoped("ends a turn that falls silent, and lets one that speaks go on until its total", () =>
    Effect.gen(function* () {
      const { deadline, watch } = yield* watchdog
      const silent = Turn.make({ instance: "a" })
      const slow = Turn.make({ instance: "a" })
      yield* watch(silent, "a", deadline())
      yield* watch(slow, "a", deadline())
      silent.emit(textDelta("a"))
      for (let i = 0; i < 6; i++) {
        slow.emit(textDelta("a"))
        yield* QuickClock.adjust("3 seconds")
      }
      assert.strictEqual(phase(silent), "idle")
      assert.strictEqual(slow.state(), "running")
      slow.emit(textDelta("a"))
      yield* QuickClock.adjust("2500 millis")
      assert.strictEqual(phase(slow), "total")
    })
  )

  it.scoped("lets one go on that works at something else, until its total, and gives it no less time than before", () =>
    Effect.gen(function* () {
      const { deadline, watch } = yield* watchdog
      const busy = Turn.make({ instance: "a" })
      const once = Turn.make({ instance: "a" })
      yield* watch(busy, "a", deadline())
      yield* watch(once, "a", deadline())
      once.work()
      for (let i = 0; i < 6; i++) {
        busy.work()
        yield* QuickClock.adjust("3 seconds")
        if (i === 2) assert.strictEqual(once.state(), "running")
      }
      assert.strictEqual(phase(once), "first_token")
      assert.strictEqual(busy.state(), "running")
      busy.work()
      yield* QuickClock.adjust("2500 millis")
      assert.strictEqual(phase(busy), "total")
    })
  )

  it.scoped("gives the first event until the deadline, whenever the turn began to be watched", () =>
    Effect.gen(function* () {
      const { deadline, watch } = yield* watchdog
      const admitted = deadline()
      assert.strictEqual(admitted, 10_000)
      yield* QuickClock.adjust("6 seconds")
      const turn = Turn.make({ instance: "a" })
      yield* watch(turn, "a", admitted)
      yield* QuickClock.adjust("3900 millis")
      assert.strictEqual(turn.state(), "running")
      yield* QuickClock.adjust("200 millis")
      assert.strictEqual(phase(turn), "first_token")
    })
  )

  it.scoped("interrupts what has not ended by its deadline, and not before", () =>
    Effect.gen(function* () {
      const { deadline, within } = yield* watchdog
      let ended = 0
      const hanging = Effect.onInterrupt(Effect.never, () =>
        Effect.zipRight(
          Effect.sleep("1 second"),
          Effect.sync(() => ended++)
        )
      )
      const waiting = yield* Effect.fork(Effect.exit(within(hanging, deadline(), Effect.fail("late"))))
      yield* QuickClock.adjust("9900 millis")
      assert.strictEqual((yield* Fiber.poll(waiting))._tag, "None")
      yield* QuickClock.adjust("1 second")
      assert.strictEqual((yield* Fiber.poll(waiting))._tag, "None", "it waits until what it cut has ended")
      yield* QuickClock.adjust("1 second")
      assert.deepStrictEqual(yield* Fiber.join(waiting), Exit.fail("late"))
      assert.strictEqual(ended, 1)
    })
  )

  it.scoped("passes on how it ended, when that was in time", () =>
    Effect.gen(function* () {
      const { deadline, within } = yield* watchdog
      const late = Effect.fail("late")
      const exitOf = <A, E>(effect: Effect.Effect<A, E>) => Effect.exit(within(effect, deadline(), late))
      assert.deepStrictEqual(yield* exitOf(Effect.succeed(7)), Exit.succeed(7))
      assert.deepStrictEqual(yield* exitOf(Effect.fail("no")), Exit.fail("no"))
      assert.isTrue(Exit.isInterrupted(yield* exitOf(Effect.interrupt)), "an interrupt from inside is no lateness")
      const defect = yield* exitOf(Effect.die("broken"))
      assert.isTrue(Exit.isFailure(defect) && defect.cause._tag === "Die")
    })
  )

  it.scoped("ends what it waits for when it is interrupted itself, and forgets it", () =>
    Effect.gen(function* () {
      const { deadline, within } = yield* watchdog
      const begun = yield* Deferred.make<void>()
      let ended = 0
      const hanging = Effect.zipRight(Deferred.succeed(begun, undefined), Effect.never).pipe(
        Effect.onInterrupt(() => Effect.sync(() => ended++))
      )
      let seen = 0
      const waiting = yield* Effect.fork(
        Effect.onExit(within(hanging, deadline(), Effect.die("late")), () => Effect.sync(() => (seen = ended)))
      )
      yield* Deferred.await(begun)
      const exit = yield* Fiber.interrupt(waiting)
      assert.isTrue(Exit.isInterrupted(exit))
      assert.strictEqual(seen, 1, "before anything that comes after it")
      yield* QuickClock.adjust("1 minute")
      assert.strictEqual(ended, 1)
    })
  )

  it.scoped("ends each wait at its limit to the millisecond, when a look falls there", () =>
    Effect.gen(function* () {
      const { deadline, watch, within } = yield* watchdog
      const [silent, fallen, slow] = [
        Turn.make({ instance: "a" }),
        Turn.make({ instance: "a" }),
        Turn.make({ instance: "a" })
      ]
      for (const turn of [silent, fallen, slow]) yield* watch(turn, "a", deadline())
      const waiting = yield* Effect.fork(Effect.exit(within(Effect.never, deadline(), Effect.fail("late"))))
      const states = Effect.sync(() => [silent, fallen, slow].map((turn) => phase(turn)))
      fallen.emit(textDelta("a"))
      yield* QuickClock.adjust("4 seconds")
      assert.deepStrictEqual(yield* states, [undefined, undefined, undefined])
      yield* QuickClock.adjust("100 millis")
      assert.deepStrictEqual(yield* states, [undefined, "idle", undefined])
      yield* QuickClock.adjust("5800 millis")
      slow.work()
      assert.strictEqual((yield* Fiber.poll(waiting))._tag, "None")
      yield* QuickClock.adjust("100 millis")
      assert.deepStrictEqual(yield* states, ["first_token", "idle", undefined])
      assert.deepStrictEqual(yield* Fiber.join(waiting), Exit.fail("late"))
      for (let i = 0; i < 3; i++) {
        slow.work()
        yield* QuickClock.adjust("3300 millis")
      }
      assert.strictEqual(slow.state(), "running")
      yield* QuickClock.adjust("100 millis")
      assert.strictEqual(phase(slow), "total")
    })
  )

  it.scoped("looks at the clock only while a turn or a wait is there, and as long as one of them is", () =>
    Effect.gen(function* () {
      const { deadline, watch, within } = yield* watchdog
      const [first, second] = [Turn.make({ instance: "a" }), Turn.make({ instance: "a" })]
      const isResting = Effect.zipRight(QuickClock.adjust("100 millis"), Effect.map(TestClock.sleeps(), Chunk.isEmpty))
      assert.isTrue(yield* isResting)
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* watch(first, "a", deadline())
          yield* Effect.scoped(watch(second, "a", deadline()))
          assert.isFalse(yield* isResting, "a turn is left")
        })
      )
      assert.isTrue(yield* isResting)
      const waiting = yield* Effect.fork(within(Effect.never, deadline(), Effect.fail("late")))
      yield* Effect.yieldNow()
      yield* Effect.scoped(watch(first, "a", deadline()))
      assert.isFalse(yield* isResting, "a wait is left")
      yield* Fiber.interrupt(waiting)
      assert.isTrue(yield* isResting)
      assert.strictEqual(yield* within(Effect.succeed(7), deadline(), Effect.fail("late")), 7)
      assert.isTrue(yield* isResting)
    })
  )

  it.effect("leaves finished turns and closed scopes alone", () =>
    Effect.gen(function* () {
      const gone = Turn.make({ instance: "a" })
      const done = Turn.make({ instance: "a" })
      yield* Effect.scoped(
        Effect.gen(function* () {
          const { deadline, watch } = yield* watchdog
          yield* Effect.scoped(watch(gone, "a", deadline()))
          yield* watch(done, "a", deadline())
          done.emit(finish("stop"))
          yield* QuickClock.adjust("1 minute")
        })
      )
      assert.strictEqual(gone.state(), "running")
      assert.strictEqual(done.state(), "finished")
    })
  )
})

import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, TestClock } from "effect"
import { finish, textDelta } from "../src/domain/Chat.ts"
import * as Turn from "../src/domain/Turn.ts"
import * as Watchdog from "../src/Watchdog.ts"

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
      yield* TestClock.adjust("9 seconds")
      assert.strictEqual(turn.state(), "running")
      yield* TestClock.adjust("1100 millis")
      assert.strictEqual(phase(turn), "first_token")
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
        yield* TestClock.adjust("3 seconds")
      }
      assert.strictEqual(phase(silent), "idle")
      assert.strictEqual(slow.state(), "running")
      slow.emit(textDelta("a"))
      yield* TestClock.adjust("2500 millis")
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
        yield* TestClock.adjust("3 seconds")
        if (i === 2) assert.strictEqual(once.state(), "running")
      }
      assert.strictEqual(phase(once), "first_token")
      assert.strictEqual(busy.state(), "running")
      busy.work()
      yield* TestClock.adjust("2500 millis")
      assert.strictEqual(phase(busy), "total")
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
          yield* TestClock.adjust("1 minute")
        })
      )
      assert.strictEqual(gone.state(), "running")
      assert.strictEqual(done.state(), "finished")
    })
  )
})

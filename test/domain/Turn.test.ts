import { assert, describe, it } from "@effect/vitest"
import { Chunk, Effect, Either, FastCheck, Stream } from "effect"
import { type ChatEvent, finish, textDelta, thoughtDelta } from "../../src/domain/Chat.ts"
import { BackendFailure, type TurnError } from "../../src/domain/ChatError.ts"
import * as Turn from "../../src/domain/Turn.ts"

const broke = new BackendFailure({ instance: "a", started: true, detail: "broke" })
const delta = FastCheck.oneof(FastCheck.string().map(textDelta), FastCheck.string().map(thoughtDelta))

/** Both readings of the same script, the reader attaching after `before` events. */
const collected = (turn: Turn.Turn) => {
  const seen: Array<ChatEvent | TurnError> = []
  turn.read({ onEvent: (event) => seen.push(event), onFailure: (error) => seen.push(error) })
  return seen
}

describe("Turn", () => {
  it.effect.prop(
    "gives both readings the same events and the same end, whenever they attach",
    { events: FastCheck.array(delta), before: FastCheck.nat(20), good: FastCheck.boolean() },
    ({ before, events, good }) =>
      Effect.gen(function* () {
        const byCallback = Turn.make({ instance: "a" })
        const byStream = Turn.make({ instance: "a" })
        const end = (turn: Turn.Turn) => (good ? turn.emit(finish("stop")) : turn.fail(broke))
        const first = events.slice(0, before)
        const rest = events.slice(before)
        for (const event of first) for (const turn of [byCallback, byStream]) turn.emit(event)
        const seen = collected(byCallback)
        const running = yield* Effect.fork(
          Stream.runFoldWhile(
            Stream.either(Turn.toStream(byStream)),
            [] as ReadonlyArray<ChatEvent | TurnError>,
            () => true,
            (all, next) => [...all, Either.merge(next)]
          )
        )
        yield* Effect.yieldNow()
        for (const event of rest) for (const turn of [byCallback, byStream]) turn.emit(event)
        end(byCallback)
        end(byStream)
        assert.deepStrictEqual(yield* running, seen)
        assert.deepStrictEqual(seen, [...events, good ? finish("stop") : broke])
      })
  )

  it.effect("takes nothing after its end", () =>
    Effect.sync(() => {
      const turn = Turn.make({ instance: "a" })
      const seen = collected(turn)
      assert.isTrue(turn.emit(textDelta("a")))
      assert.isTrue(turn.emit(finish("stop")))
      assert.isFalse(turn.emit(finish("stop")))
      assert.isFalse(turn.emit(textDelta("late")))
      turn.fail(broke)
      assert.strictEqual(turn.state(), "finished")
      assert.deepStrictEqual(seen, [textDelta("a"), finish("stop")])
    })
  )

  it.effect("is started by its first event, or fails to start", () =>
    Effect.gen(function* () {
      const good = Turn.make({ instance: "a" })
      good.emit(thoughtDelta("hm"))
      yield* good.started
      const bad = Turn.make({ instance: "a" })
      bad.fail(broke)
      assert.strictEqual(yield* Effect.flip(bad.started), broke)
    })
  )

  it.effect("fails rather than hold more than it may for a reader that does not read", () =>
    Effect.gen(function* () {
      const turn = Turn.make({ instance: "a", capacity: 10 })
      assert.isTrue(turn.emit(textDelta("12345")))
      assert.isFalse(turn.emit(textDelta("123456")))
      assert.strictEqual(turn.state(), "failed")
      const slow = Turn.make({ instance: "a" })
      const ended = yield* Effect.fork(Effect.flip(Stream.runForEach(Turn.toStream(slow, 10), () => Effect.yieldNow())))
      yield* Effect.yieldNow()
      for (let i = 0; i < 10; i++) slow.emit(textDelta("12345"))
      assert.strictEqual((yield* ended)._tag, "BackendFailure")
    })
  )

  it.effect("takes an answer of many megabytes at once, with a reader or before there is one", () =>
    Effect.gen(function* () {
      const text = "x".repeat(8 << 20)
      const early = Turn.make({ instance: "a" })
      assert.isTrue(early.emit(textDelta(text)))
      assert.isTrue(early.emit(finish("stop")))
      assert.strictEqual(collected(early).length, 2)
      const streamed = Turn.make({ instance: "a" })
      const events = yield* Effect.fork(Stream.runCollect(Turn.toStream(streamed)))
      yield* Effect.yieldNow()
      assert.isTrue(streamed.emit(textDelta(text)))
      assert.isTrue(streamed.emit(finish("stop")))
      assert.strictEqual((yield* events).length, 2)
    })
  )

  it.scoped("turns a stream into a turn, and an end without a finish into a failure", () =>
    Effect.gen(function* () {
      const whole = yield* Turn.fromStream(Stream.make(textDelta("a"), finish("stop")), { instance: "a" })
      const events = yield* Stream.runCollect(Turn.toStream(whole))
      assert.deepStrictEqual(Chunk.toReadonlyArray(events), [textDelta("a"), finish("stop")])
      const half = yield* Turn.fromStream(Stream.make(textDelta("a")), { instance: "a" })
      assert.strictEqual((yield* Effect.flip(Stream.runDrain(Turn.toStream(half))))._tag, "BackendFailure")
      const dead = yield* Turn.fromStream(Stream.die("bug"), { instance: "a" })
      assert.strictEqual((yield* Effect.flip(dead.started))._tag, "BackendFailure")
    })
  )
})

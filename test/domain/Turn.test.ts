import { assert, describe, it } from "@effect/vitest"
import { Chunk, Deferred, Effect, Either, FastCheck, Fiber, Stream } from "effect"
import { type ChatEvent, finish, textDelta, thoughtDelta, usage } from "../../src/domain/Chat.ts"
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

  it("tells its observer of each event before its reader, and of those that wait for one", () => {
    const turn = Turn.make({ instance: "a" })
    const seen: Array<string> = []
    turn.emit(textDelta("a"))
    turn.observe((event) => seen.push(`observed ${event._tag}`))
    turn.read({ onEvent: (event) => seen.push(`read ${event._tag}`), onFailure: () => seen.push("failed") })
    turn.emit(usage({ outputTokens: 1 }))
    turn.emit(finish("stop"))
    turn.emit(textDelta("late"))
    assert.deepStrictEqual(seen, [
      "observed TextDelta",
      "read TextDelta",
      "observed Usage",
      "read Usage",
      "observed Finish",
      "read Finish"
    ])
  })

  for (const [when, emitted] of [
    ["an event", 1],
    ["what waits", 0]
  ] as const) {
    it(`fails, and does not throw into the backend, when its observer cannot take ${when}`, () => {
      const turn = Turn.make({ instance: "a" })
      if (emitted === 0) turn.emit(textDelta("a"))
      turn.observe(() => {
        throw new Error("no")
      })
      const seen = collected(turn)
      if (emitted === 1) assert.isFalse(turn.emit(finish("stop")))
      assert.strictEqual(turn.state(), "failed")
      assert.deepStrictEqual(seen.at(-1), new BackendFailure({ instance: "a", started: true, detail: "Error: no" }))
    })
  }

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

  it("gives a reader that attaches after a failure what came before it, then the failure", () => {
    const turn = Turn.make({ instance: "a" })
    turn.emit(textDelta("a"))
    turn.fail(broke)
    assert.strictEqual(turn.failure(), broke)
    assert.deepStrictEqual(collected(turn), [textDelta("a"), broke])
  })

  it("hands over what it held once only: a reader that takes over sees what comes after", () => {
    const turn = Turn.make({ instance: "a" })
    turn.emit(textDelta("a"))
    const first = collected(turn)
    const second = collected(turn)
    turn.emit(textDelta("b"))
    assert.deepStrictEqual(first, [textDelta("a")])
    assert.deepStrictEqual(second, [textDelta("b")])
  })

  it("keeps its first failure, and tells it once", () => {
    const turn = Turn.make({ instance: "a" })
    const seen = collected(turn)
    turn.fail(broke)
    turn.fail(new BackendFailure({ instance: "a", started: true, detail: "again" }))
    assert.isFalse(turn.emit(textDelta("late")))
    assert.strictEqual(turn.failure(), broke)
    assert.deepStrictEqual(seen, [broke])
  })

  it.effect("does not count figures as an answer: a failure after them alone is a failure to start", () =>
    Effect.gen(function* () {
      const turn = Turn.make({ instance: "a" })
      assert.isTrue(turn.emit(usage({ inputTokens: 1, outputTokens: 2 })))
      assert.strictEqual(turn.count(), 0)
      turn.fail(broke)
      assert.strictEqual(yield* Effect.flip(turn.started), broke)
    })
  )

  it.effect("stays started when it fails later", () =>
    Effect.gen(function* () {
      const turn = Turn.make({ instance: "a" })
      turn.emit(textDelta("a"))
      turn.fail(broke)
      yield* turn.started
    })
  )

  it("counts its events and its signs of work for whoever watches it", () => {
    const turn = Turn.make({ instance: "a" })
    assert.deepStrictEqual([turn.count(), turn.worked()], [0, 0])
    turn.emit(textDelta("a"))
    turn.emit(textDelta("b"))
    turn.work()
    turn.work()
    turn.work()
    assert.deepStrictEqual([turn.count(), turn.worked()], [2, 3])
  })

  it("holds up to its capacity to the character, and 64 for an event without text", () => {
    const exact = Turn.make({ instance: "a", capacity: 10 })
    assert.isTrue(exact.emit(textDelta("12345")))
    assert.isTrue(exact.emit(thoughtDelta("12345")))
    assert.isFalse(exact.emit(textDelta("1")))
    assert.deepStrictEqual(
      exact.failure(),
      new BackendFailure({ instance: "a", started: true, detail: "the reader fell behind" })
    )
    const finished = Turn.make({ instance: "a", capacity: 64 })
    assert.isTrue(finished.emit(finish("stop")))
    assert.isFalse(Turn.make({ instance: "a", capacity: 63 }).emit(finish("stop")))
  })

  it("holds no more than 16 Mi characters when no capacity is given", () => {
    const turn = Turn.make({ instance: "a" })
    assert.isTrue(turn.emit(textDelta("x".repeat(16 << 20))))
    assert.isFalse(turn.emit(textDelta("x")))
  })

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

  it.effect("ends a stream whose reader fell behind with a failure, after what was held", () =>
    Effect.gen(function* () {
      for (const [last, text] of [
        [textDelta("1"), "1234567890"],
        [finish("stop"), ""]
      ] as const) {
        const turn = Turn.make({ instance: "a" })
        const gate = yield* Deferred.make<void>()
        const seen: Array<ChatEvent> = []
        const reading = yield* Effect.fork(
          Effect.flip(
            Stream.runForEach(Turn.toStream(turn, 10), (event) =>
              Effect.zipRight(
                Effect.sync(() => seen.push(event)),
                Deferred.await(gate)
              )
            )
          )
        )
        yield* Effect.yieldNow()
        turn.emit(textDelta("first"))
        yield* Effect.repeatN(Effect.yieldNow(), 20)
        // The reader is busy with the first: exactly what may be held is, one more is too much.
        assert.isTrue(turn.emit(textDelta(text)))
        assert.strictEqual(turn.state(), "running")
        turn.emit(last)
        turn.emit(textDelta("late"))
        yield* Deferred.succeed(gate, undefined)
        const failure = yield* Fiber.join(reading)
        // A turn does not know whose it is.
        assert.deepStrictEqual(
          failure,
          new BackendFailure({ instance: "", started: true, detail: "the reader fell behind" })
        )
        assert.deepStrictEqual(seen, [textDelta("first"), textDelta(text)])
      }
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
      const failure = (detail: string) => new BackendFailure({ instance: "a", started: true, detail })
      assert.deepStrictEqual(
        yield* Effect.flip(Stream.runDrain(Turn.toStream(half))),
        failure("the answer ended without a finish")
      )
      const dead = yield* Turn.fromStream(Stream.die("bug"), { instance: "a" })
      assert.deepStrictEqual(yield* Effect.flip(dead.started), failure("bug"))
      const failed = yield* Turn.fromStream(Stream.fail(broke), { instance: "b" })
      assert.strictEqual(yield* Effect.flip(failed.started), broke)
    })
  )
})

import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Option } from "effect"
import { textDelta } from "../../src/domain/Chat.ts"
import { BackendUnavailable, ContextLengthExceeded, NotLoggedIn, QuotaExhausted } from "../../src/domain/ChatError.ts"
import * as RetryBudget from "../../src/domain/RetryBudget.ts"
import * as QuickClock from "../support/QuickClock.ts"
import * as TestBackend from "../support/TestBackend.ts"
import { asAgent, crash, gateway, idle, open, request, scripted, tagOf, whole } from "../support/TestChat.ts"

describe("A chat that is tried again", () => {
  it.effect("asks another ready instance once when nothing was sent yet", () => {
    const bad = scripted("a", TestBackend.refuse(crash(true)))
    const good = scripted("b")
    return Effect.gen(function* () {
      for (let i = 0; i < 4; i++) assert.strictEqual(yield* whole(), "b")
      assert.deepStrictEqual(yield* idle, { completed: 4, failed: 0, cancelled: 0 })
      assert.isAbove(bad.asks.length, 0)
    }).pipe(Effect.provide(gateway(bad.backend, good.backend)))
  })

  it.effect("gives up after the second instance, and tells the second failure", () => {
    const a = scripted("a", TestBackend.refuse(crash(true)))
    const b = scripted("b", TestBackend.refuse(new QuotaExhausted({ instance: "b" })))
    const c = scripted("c", TestBackend.refuse(crash(true)))
    return Effect.gen(function* () {
      yield* Effect.flip(whole())
      assert.strictEqual(a.asks.length + b.asks.length + c.asks.length, 2)
      assert.deepStrictEqual(yield* idle, { completed: 0, failed: 1, cancelled: 0 })
    }).pipe(Effect.provide(gateway(a.backend, b.backend, c.backend)))
  })

  it.effect("looks at each instance once while none is there, beside the one second try", () => {
    const absent = (id: string) =>
      scripted(id, TestBackend.refuse(new BackendUnavailable({ instance: id, detail: "" })))
    const [a, b] = [absent("a"), absent("b")]
    const c = scripted("c", TestBackend.refuse(crash(true)))
    const d = scripted("d")
    return Effect.gen(function* () {
      for (let i = 0; i < 8; i++) assert.strictEqual(yield* whole(), "d")
      assert.deepStrictEqual(yield* idle, { completed: 8, failed: 0, cancelled: 0 })
      const all = scripted("e", TestBackend.refuse(crash(true)))
      const error = yield* Effect.flip(Effect.provide(whole(), gateway(absent("f").backend, all.backend, c.backend)))
      assert.strictEqual(error._tag, "BackendFailure")
    }).pipe(Effect.provide(gateway(a.backend, b.backend, c.backend, d.backend)))
  })

  it.effect("does not repeat an agent's turn that may have begun", () => {
    const begun = [
      scripted("a", TestBackend.refuse(crash(true))),
      scripted("b", TestBackend.refuse(crash(true)))
    ] as const
    const never = [
      scripted("a", TestBackend.refuse(crash(false))),
      scripted("b", TestBackend.refuse(crash(false)))
    ] as const
    const asks = (pair: typeof begun) => pair[0].asks.length + pair[1].asks.length
    return Effect.gen(function* () {
      yield* Effect.provide(Effect.flip(whole(asAgent)), gateway(begun[0].backend, begun[1].backend))
      assert.strictEqual(asks(begun), 1)
      yield* Effect.provide(Effect.flip(whole(asAgent)), gateway(never[0].backend, never[1].backend))
      assert.strictEqual(asks(never), 2)
    })
  })

  it.effect("does not repeat an agent's turn that ran into the quota or a sign-out half way", () =>
    Effect.forEach(
      [
        [new QuotaExhausted({ instance: "a", started: true }), 1],
        [new NotLoggedIn({ instance: "a", retriable: false, started: true }), 1],
        [new QuotaExhausted({ instance: "a" }), 2],
        [new NotLoggedIn({ instance: "a", retriable: true }), 2]
      ] as const,
      ([error, asked]) => {
        const pair = [scripted("a", TestBackend.refuse(error)), scripted("b", TestBackend.refuse(error))] as const
        return Effect.gen(function* () {
          yield* Effect.flip(whole(asAgent))
          assert.strictEqual(pair[0].asks.length + pair[1].asks.length, asked, error._tag)
        }).pipe(Effect.provide(gateway(pair[0].backend, pair[1].backend)))
      }
    )
  )

  it.effect("does not ask another instance for an agent's turn that says nothing", () => {
    const a = scripted("a", TestBackend.silent)
    const b = scripted("b", TestBackend.silent)
    return Effect.gen(function* () {
      const waiting = yield* Effect.fork(Effect.flip(whole(asAgent)))
      yield* QuickClock.adjust("10200 millis")
      const error = yield* Fiber.poll(waiting)
      assert.deepInclude(Option.getOrUndefined(error), { _tag: "Success" })
      assert.strictEqual(a.asks.length + b.asks.length, 1)
      assert.deepStrictEqual(yield* idle, { completed: 0, failed: 1, cancelled: 0 })
    }).pipe(Effect.provide(gateway(a.backend, b.backend)))
  })

  it.effect("asks another instance no more often than the retry budget allows", () => {
    // Says nothing about the instances, which thus stay where they are.
    const signedOut = (id: string) =>
      scripted(id, TestBackend.refuse(new NotLoggedIn({ instance: id, retriable: false })))
    const [a, b] = [signedOut("a"), signedOut("b")]
    return Effect.gen(function* () {
      const budget = RetryBudget.make()
      let allowed = 0
      for (let i = 0; i < 30; i++) {
        budget.request(0)
        if (budget.take(0)) allowed++
        yield* Effect.flip(whole())
        assert.strictEqual(a.asks.length + b.asks.length, i + 1 + allowed)
      }
      assert.isBelow(allowed, 20)
    }).pipe(Effect.provide(gateway(a.backend, b.backend)))
  })

  it.effect("never repeats what has begun to answer", () => {
    const half: TestBackend.Script = (turn) =>
      Effect.sync(() => {
        turn.emit(textDelta("half"))
        turn.fail(crash(true))
      })
    const a = scripted("a", half)
    const b = scripted("b", half)
    return Effect.gen(function* () {
      const run = yield* open()
      assert.strictEqual(run.turn.state(), "failed")
      assert.strictEqual(a.asks.length + b.asks.length, 1)
    }).pipe(Effect.scoped, Effect.zipRight(idle), Effect.provide(gateway(a.backend, b.backend)))
  })

  it.effect("gives up on an instance that says nothing, and on the one asked next", () => {
    const a = scripted("a", TestBackend.silent)
    const b = scripted("b", TestBackend.silent)
    return Effect.gen(function* () {
      const waiting = yield* Effect.fork(Effect.flip(whole()))
      yield* QuickClock.adjust("10200 millis")
      assert.strictEqual(a.asks.length + b.asks.length, 2)
      yield* QuickClock.adjust("10200 millis")
      const error = yield* Fiber.join(waiting)
      assert.isTrue(error._tag === "UpstreamTimeout" && error.phase === "first_token")
      assert.deepStrictEqual(yield* idle, { completed: 0, failed: 1, cancelled: 0 })
    }).pipe(Effect.provide(gateway(a.backend, b.backend)))
  })

  it.effect("does not ask another instance for what the upstream itself finds too long", () => {
    const tooLong = TestBackend.refuse(new ContextLengthExceeded({ promptTokens: 2, limit: 1 }))
    const [a, b] = [scripted("a", tooLong), scripted("b", tooLong)]
    return Effect.gen(function* () {
      assert.strictEqual(yield* tagOf(request), "ContextLengthExceeded")
      assert.strictEqual(a.asks.length + b.asks.length, 1)
    }).pipe(Effect.provide(gateway(a.backend, b.backend)))
  })
})

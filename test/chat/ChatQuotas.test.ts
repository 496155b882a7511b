import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { Pool } from "../../src/chat/Pool.ts"
import { finish, textDelta } from "../../src/domain/Chat.ts"
import { QuotaExhausted } from "../../src/domain/ChatError.ts"
import * as QuickClock from "../support/QuickClock.ts"
import * as TestBackend from "../support/TestBackend.ts"
import { gateway, idle, keyed, model, offering, open, tagOf, whole, x } from "../support/TestChat.ts"

describe("A chat and what is used up", () => {
  const spent = (instance: string, until: number, key?: string) =>
    TestBackend.refuse(new QuotaExhausted({ instance, until, ...(key === undefined ? {} : { model: key }) }))

  it.effect("begins no more than fourteen turns for twelve chats when one of two accounts is spent", () => {
    const a = offering("a", [x], spent("a", 600_000, "x"))
    const b = offering("b", [x])
    return Effect.gen(function* () {
      for (let n = 0; n < 12; n++) assert.strictEqual(yield* whole(keyed(n, "x")), "b")
      assert.strictEqual(a.asks.length, 1)
      assert.strictEqual(b.asks.length, 12)
      assert.isTrue((yield* (yield* Pool).snapshot).every(({ ready }) => ready))
    }).pipe(Effect.provide(gateway(a.backend, b.backend)))
  })

  for (const [early, late] of [
    ["a", "b"],
    ["b", "a"]
  ] as const) {
    it.effect(
      `tells the earliest return when all accounts are spent, here that of ${early}, and asks each once more at first`,
      () => {
        let isBack = false
        const first = offering(early, [x], (turn, ask) =>
          (isBack ? TestBackend.say("hi") : spent(early, 60_000, "x"))(turn, ask)
        )
        const second = offering(late, [x, model("y")], spent(late, 900_000, "x"))
        return Effect.gen(function* () {
          for (let n = 0; n < 5; n++) {
            const error = yield* Effect.flip(whole(keyed(0, "x")))
            assert.deepInclude(error, { _tag: "QuotaExhausted", instance: early, until: 60_000 })
          }
          assert.deepStrictEqual([first.asks.length, second.asks.length], [2, 2])
          isBack = true
          yield* QuickClock.adjust("1 minute")
          for (let n = 0; n < 5; n++) assert.strictEqual(yield* whole(keyed(n, "x")), early)
          assert.strictEqual(second.asks.length, 2)
          assert.deepStrictEqual(yield* idle, { completed: 5, failed: 5, cancelled: 0 })
        }).pipe(Effect.provide(gateway(first.backend, second.backend)))
      }
    )
  }

  it.effect(
    "asks a lone account again at once after its quota was used up, as it may have been topped up since",
    () => {
      let isSpent = true
      const a = offering("a", [x, model("y")], (turn, ask) =>
        (isSpent ? spent("a", 86_400_000) : TestBackend.say("hi"))(turn, ask)
      )
      return Effect.gen(function* () {
        assert.strictEqual(yield* tagOf(keyed(0, "x")), "QuotaExhausted")
        isSpent = false
        for (let n = 0; n < 3; n++) assert.strictEqual(yield* whole(keyed(n, "y")), "a")
        isSpent = true
        for (let n = 0; n < 12; n++) assert.strictEqual(yield* tagOf(keyed(n, "x")), "QuotaExhausted")
        assert.strictEqual(a.asks.length, 1 + 3 + 2)
        isSpent = false
        yield* QuickClock.adjust("1 second")
        assert.strictEqual(yield* whole(keyed(0, "x")), "a")
      }).pipe(Effect.provide(gateway(a.backend)))
    }
  )

  it.effect("marks a model that runs into its quota half way, and clears it by a chat of it that ends well", () => {
    const a = offering("a", [x], TestBackend.silent)
    return Effect.gen(function* () {
      const running = yield* Effect.fork(Effect.scoped(Effect.zipRight(open(keyed(0, "x")), Effect.never)))
      const good = yield* a.turns.take
      good.emit(textDelta("hi"))
      const second = yield* Effect.fork(whole(keyed(1, "x")))
      ;(yield* a.turns.take).fail(new QuotaExhausted({ instance: "a", model: "x", started: true }))
      assert.strictEqual((yield* Effect.flip(Fiber.join(second)))._tag, "QuotaExhausted")
      const probe = yield* Effect.fork(tagOf(keyed(2, "x")))
      ;(yield* a.turns.take).fail(new QuotaExhausted({ instance: "a", model: "x", started: true }))
      assert.strictEqual(yield* Fiber.join(probe), "QuotaExhausted")
      assert.strictEqual(yield* tagOf(keyed(2, "x")), "QuotaExhausted")
      assert.strictEqual(a.asks.length, 3)
      good.emit(finish("stop"))
      yield* Fiber.interrupt(running)
      const next = yield* Effect.fork(whole(keyed(3, "x")))
      ;(yield* a.turns.take).emit(textDelta("hi"))
      assert.strictEqual(yield* Fiber.join(next), "a")
    }).pipe(Effect.provide(gateway(a.backend)))
  })
})

import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber, Option } from "effect"
import type { BackendState } from "../../src/chat/Backend.ts"
import { Chat } from "../../src/chat/Chat.ts"
import type { ChatRequest } from "../../src/domain/Chat.ts"
import { BackendUnavailable } from "../../src/domain/ChatError.ts"
import type { Model } from "../../src/domain/Model.ts"
import * as QuickClock from "../support/QuickClock.ts"
import * as TestBackend from "../support/TestBackend.ts"
import { gateway, idle, keyed, model, offering, request, scripted, tagOf, whole, x } from "../support/TestChat.ts"

describe("A chat and what the instances offer", () => {
  it.effect("refuses pictures for a model that does not see, and asks nothing", () => {
    const a = TestBackend.make(TestBackend.say("I see"), {
      models: Effect.succeed([
        { key: "blind", name: "Blind", scene: "chat", isDefault: false, vision: false },
        { key: "auto", name: "Auto", scene: "chat", isDefault: true, vision: false }
      ])
    })
    return Effect.gen(function* () {
      const chat = yield* Chat
      const shown = { ...request.messages[0], images: [{ mediaType: "image/png", data: "aGk=" }] }
      const ask = (model: string) => Effect.scoped(chat.open({ ...request, model, messages: [shown] }))
      const error = yield* Effect.flip(ask("Blind"))
      assert.isTrue(error._tag === "ImagesNotSupported" && error.model === "blind")
      assert.strictEqual(a.counts.opened, 0)
      yield* ask("auto")
      assert.lengthOf(a.asks[0]?.images ?? [], 1)
    }).pipe(Effect.provide(gateway(a.backend)))
  })

  it.effect("refuses a conversation that is longer than the model takes", () => {
    const a = scripted("a")
    return Effect.gen(function* () {
      const chat = yield* Chat
      const long = { ...request.messages[0], text: "word ".repeat(200_000) }
      const error = yield* Effect.flip(
        Effect.scoped(chat.open({ ...request, model: "org/qwen3 coder", messages: [long] }))
      )
      assert.strictEqual(error._tag, "ContextLengthExceeded")
      assert.isAbove(yield* chat.count({ ...request, messages: [long] }), 131_072)
      assert.strictEqual(a.counts.opened, 0)
    }).pipe(Effect.provide(gateway(a.backend)))
  })

  it.effect("reaches the one account that offers a model with each of twelve chats, and lists what all offer", () => {
    const a = offering("a", [x])
    const b = offering("b", [model("y")])
    return Effect.gen(function* () {
      for (let n = 0; n < 12; n++) {
        assert.strictEqual(yield* whole(keyed(n, "x")), "a")
        assert.strictEqual(yield* whole({ ...request, model: "y" }), "b")
      }
      assert.strictEqual(yield* tagOf({ ...request, model: "z" }), "ModelNotFound")
      assert.deepStrictEqual([a.asks.length, b.asks.length], [12, 12])
      const listed = yield* Effect.flatMap(Chat, (chat) => chat.models)
      assert.deepStrictEqual(
        listed.map(({ key }) => key),
        ["x", "y"]
      )
      assert.deepStrictEqual(yield* idle, { completed: 24, failed: 1, cancelled: 0 })
    }).pipe(Effect.provide(gateway(a.backend, b.backend)))
  })

  it.effect("lists what the others offer when an instance goes away meanwhile", () => {
    const gone = new BackendUnavailable({ instance: "b", detail: "" })
    const b = TestBackend.make(undefined, { id: "b", models: Effect.fail(gone) })
    return Effect.gen(function* () {
      const listed = yield* Effect.flatMap(Chat, (chat) => chat.models)
      assert.deepStrictEqual(listed, [x])
    }).pipe(Effect.provide(gateway(offering("a", [x]).backend, b.backend)))
  })

  it.effect(
    "chooses the account whose model sees for pictures, and the one with the longest window for a long text",
    () => {
      const a = offering("a", [model("x", { vision: false, contextLength: 5_000 })])
      const b = offering("b", [model("x", { vision: true, contextLength: 20_000 })])
      const message = request.messages[0]!
      const ask = (n: number, more: Partial<typeof message>): ChatRequest => ({
        ...keyed(n, "x"),
        messages: [{ ...message, ...more }] as const
      })
      return Effect.gen(function* () {
        for (let n = 0; n < 6; n++) {
          assert.strictEqual(yield* whole(ask(n, { images: [{ mediaType: "image/png", data: "aGk=" }] })), "b")
          assert.strictEqual(yield* whole(ask(n, { text: "word ".repeat(8_000) })), "b")
        }
        assert.strictEqual(a.asks.length, 0)
        const tooLong = yield* Effect.flip(whole(ask(0, { text: "word ".repeat(40_000) })))
        assert.deepInclude(tooLong, { _tag: "ContextLengthExceeded", limit: 20_000 })
      }).pipe(Effect.provide(gateway(a.backend, b.backend)))
    }
  )

  /** Comes up when it is told to, with these models. */
  const starting = (id: string, models: ReadonlyArray<Model>) => {
    const up = Effect.runSync(Deferred.make<void>())
    let status = { ...TestBackend.ready, state: "starting" as BackendState }
    const scripted = TestBackend.make(undefined, {
      id,
      status: Effect.sync(() => status),
      ensureReady: Deferred.await(up),
      models: Effect.succeed(models)
    })
    const come = Effect.suspend(() => {
      status = { ...TestBackend.ready, models }
      return Deferred.succeed(up, undefined)
    })
    return { ...scripted, come }
  }
  it.effect("waits for an instance on its way when no ready one offers the model, and does not when one does", () => {
    const a = offering("a", [x])
    const b = starting("b", [model("y")])
    return Effect.gen(function* () {
      assert.strictEqual(yield* whole({ ...request, model: "x" }), "a")
      const waiting = yield* Effect.fork(whole({ ...request, model: "y" }))
      yield* QuickClock.adjust("1 second")
      assert.isTrue(Option.isNone(yield* Fiber.poll(waiting)))
      yield* b.come
      assert.strictEqual(yield* Fiber.join(waiting), "b")
    }).pipe(Effect.provide(gateway(a.backend, b.backend)))
  })

  it.effect("asks the next instance on its way when the first turns out not to offer the model, then tells so", () => {
    const [a, b, c] = [offering("a", [x]), starting("b", [model("y")]), starting("c", [model("z")])]
    return Effect.gen(function* () {
      for (const [name, servedBy] of [
        ["z", "c"],
        ["y", "b"]
      ] as const) {
        const waiting = yield* Effect.fork(whole({ ...request, model: name }))
        yield* QuickClock.adjust("1 second")
        yield* b.come
        yield* c.come
        assert.strictEqual(yield* Fiber.join(waiting), servedBy)
      }
      assert.strictEqual(yield* tagOf({ ...request, model: "none" }), "ModelNotFound")
      assert.deepStrictEqual(yield* idle, { completed: 2, failed: 1, cancelled: 0 })
    }).pipe(Effect.provide(gateway(a.backend, b.backend, c.backend)))
  })

  it.effect("goes from one instance on its way to the next for a model that the first does not offer", () => {
    const [b, c] = [starting("b", [model("y")]), starting("c", [model("z")])]
    return Effect.gen(function* () {
      const waiting = yield* Effect.forEach(["y", "y", "z", "z"], (name) =>
        Effect.fork(whole({ ...request, model: name }))
      )
      const none = yield* Effect.fork(tagOf({ ...request, model: "none" }))
      yield* QuickClock.adjust("100 millis")
      yield* b.come
      yield* c.come
      assert.deepStrictEqual(yield* Effect.forEach(waiting, Fiber.join), ["b", "b", "c", "c"])
      assert.strictEqual(yield* Fiber.join(none), "ModelNotFound")
      assert.strictEqual(b.asks.length + c.asks.length, 4)
    }).pipe(Effect.provide(gateway(b.backend, c.backend)))
  })
})

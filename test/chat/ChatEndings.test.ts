import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Layer } from "effect"
import { Chat } from "../../src/chat/Chat.ts"
import { Guard } from "../../src/chat/Guard.ts"
import { OverloadProtection } from "../../src/chat/OverloadProtection.ts"
import { Pool } from "../../src/chat/Pool.ts"
import { GatewayConfig } from "../../src/config/Config.ts"
import { finish, textDelta } from "../../src/domain/Chat.ts"
import { BackendUnavailable, LoginFailed, ModelNotFound, Shed } from "../../src/domain/ChatError.ts"
import { Metrics } from "../../src/observe/Metrics.ts"
import * as LogLines from "../support/LogLines.ts"
import * as TestBackend from "../support/TestBackend.ts"
import { crash, gateway, healthOf, idle, offering, open, request, scripted, whole, x } from "../support/TestChat.ts"

const outcomes = Effect.flatMap(Metrics, (metrics) => Effect.map(metrics.counters, (counters) => counters.outcomes))
const none = { completed: 0, failed: 0, cancelled: 0, rejected: 0 }

describe("A chat that ends", () => {
  const begun: TestBackend.Script = TestBackend.emit(textDelta("Hel"))

  for (const [what, script, exit, outcome, failures] of [
    ["running with its scope", begun, Exit.void, "cancelled", 0],
    ["running with an interrupted scope", begun, Exit.interrupt(0 as never), "cancelled", 0],
    ["running with a scope that failed", begun, Exit.fail("no"), "failed", 0],
    ["running with a scope that broke", begun, Exit.die("no"), "failed", 1],
    ["finished with an interrupted scope", undefined, Exit.interrupt(0 as never), "completed", 0],
    ["finished with a scope that failed", undefined, Exit.fail("no"), "failed", 0],
    ["finished with a scope that broke", undefined, Exit.die("no"), "failed", 1]
  ] as const) {
    it.effect(`${what} counts as ${outcome}, and the instance has ${failures} failures`, () =>
      Effect.gen(function* () {
        const ended = yield* Effect.exit(Effect.scoped(Effect.zipRight(open(), exit)))
        assert.strictEqual(Exit.isSuccess(ended), Exit.isSuccess(exit))
        assert.deepStrictEqual(yield* idle, { completed: 0, failed: 0, cancelled: 0, [outcome]: 1 })
        assert.strictEqual((yield* healthOf).failures, failures)
      }).pipe(Effect.provide(gateway(scripted("a", script).backend)))
    )
  }

  it.effect("with a release that breaks has failed, for the instance too, and the scope tells the defect", () => {
    const a = scripted("a", (turn) =>
      Effect.zipRight(
        Effect.addFinalizer(() => Effect.die("broken")),
        Effect.sync(() => {
          turn.emit(textDelta("hi"))
          turn.emit(finish("stop"))
        })
      )
    )
    return Effect.gen(function* () {
      const ended = yield* Effect.exit(whole())
      assert.isTrue(Exit.isFailure(ended) && ended.cause._tag === "Die" && ended.cause.defect === "broken")
      assert.deepStrictEqual(yield* idle, { completed: 0, failed: 1, cancelled: 0 })
      assert.strictEqual((yield* healthOf).failures, 1)
    }).pipe(Effect.provide(gateway(a.backend)))
  })

  for (const [what, admit, outcome] of [
    ["is refused before the queue", new Shed({ retryAfter: 1 }), "rejected"],
    ["meets a defect before the queue", Effect.die("broken"), "failed"],
    ["leaves before the queue", Effect.interrupt, "cancelled"]
  ] as const) {
    it.effect(`before it has a slot counts as ${outcome} when it ${what}`, () =>
      Effect.gen(function* () {
        assert.isTrue(Exit.isFailure(yield* Effect.exit(whole())))
        assert.deepStrictEqual(yield* outcomes, { ...none, [outcome]: 1 })
        assert.strictEqual((yield* (yield* Guard).stats).accepted, 0)
      }).pipe(Effect.provide(gateway(scripted("a").backend)), Effect.provideService(OverloadProtection, { admit }))
    )
  }

  it.effect("badly is logged once, with the fields of its failure, of which a long one is cut", () => {
    const { layer, lines } = LogLines.listening()
    const instance = "a"
    const long = new LoginFailed({ instance, reason: "timed_out", detail: "x".repeat(501) })
    const a = TestBackend.make(TestBackend.refuse(crash(true)), { id: "a", ensureReady: Effect.fail(long) })
    const b = TestBackend.make(undefined, { id: "b" })
    const told = Effect.sync(() =>
      lines.splice(0).map(({ annotations, level, message }) => [level, message, annotations["error"]])
    )
    return Effect.gen(function* () {
      assert.strictEqual((yield* Effect.flip(Effect.provide(whole(), gateway(a.backend))))._tag, "LoginFailed")
      const { annotations } = lines[0]!
      assert.deepStrictEqual(annotations, {
        error: "LoginFailed",
        instance,
        reason: "timed_out",
        detail: "x".repeat(500)
      })
      assert.deepStrictEqual(yield* told, [["WARN", "chat failed", "LoginFailed"]])
      const error = yield* Effect.flip(
        Effect.provide(whole({ ...request, model: "z" }), gateway(offering("a", [x]).backend))
      )
      assert.instanceOf(error, ModelNotFound)
      assert.deepStrictEqual(lines[0]?.annotations, { error: "ModelNotFound", model: "z" }, "no lists")
      yield* told
      yield* Effect.provide(whole(), gateway(a.backend, b.backend))
      assert.deepStrictEqual(yield* told, [["WARN", "chat tried again on another instance", "LoginFailed"]])
      const half = scripted("a", (turn) =>
        Effect.sync(() => {
          turn.emit(textDelta("half"))
          turn.fail(crash(true))
        })
      )
      yield* Effect.provide(whole(), gateway(half.backend))
      assert.deepStrictEqual(lines[0]?.annotations, {
        error: "BackendFailure",
        instance,
        started: true,
        detail: "crash"
      })
      assert.deepStrictEqual(yield* told, [["WARN", "chat failed", "BackendFailure"]])
    }).pipe(Effect.provide(layer))
  })
})

describe("A list of models", () => {
  const listed = Effect.map(
    Effect.flatMap(Chat, (chat) => chat.models),
    (models) => models.map(({ key }) => key)
  )
  const gone = new BackendUnavailable({ instance: "a", detail: "" })

  it.effect("comes from the ready instances alone, and is counted", () => {
    const starting = TestBackend.make(undefined, {
      id: "b",
      status: Effect.succeed({ ...TestBackend.ready, state: "starting" }),
      ensureReady: Effect.die("not asked")
    })
    return Effect.gen(function* () {
      assert.deepStrictEqual(yield* listed, ["x"])
      assert.strictEqual((yield* (yield* Metrics).counters).modelLists, 1)
      assert.deepStrictEqual(yield* outcomes, none)
    }).pipe(Effect.provide(gateway(offering("a", [x]).backend, starting.backend)))
  })

  it.effect("comes from one that wakes where none is ready, and fails when no list came", () => {
    let isUp = false
    const a = TestBackend.make(undefined, {
      id: "a",
      status: Effect.succeed({ ...TestBackend.ready, state: "failed" }),
      ensureReady: Effect.suspend(() => (isUp ? Effect.void : Effect.fail(gone))),
      models: Effect.succeed([x])
    })
    return Effect.gen(function* () {
      assert.strictEqual((yield* Effect.flip(listed))._tag, "BackendUnavailable")
      isUp = true
      assert.deepStrictEqual(yield* listed, ["x"])
      assert.deepStrictEqual(
        (yield* (yield* Pool).snapshot).map(({ inFlight }) => inFlight),
        [0]
      )
    }).pipe(Effect.provide(gateway(a.backend)))
  })
})

describe("Chat of the settings", () => {
  const withSettings = (settings: Parameters<typeof GatewayConfig.layer>[0]) => (a: TestBackend.Scripted) =>
    Chat.layerFromConfig.pipe(
      Layer.provideMerge(Layer.merge(Guard.layer({ maxInFlight: 1, queueMax: 1, queueTimeout: 0 }), Metrics.layer)),
      Layer.provideMerge(Pool.layer([a.backend])),
      Layer.provide(GatewayConfig.layer(settings))
    )
  const modelOf = (name: string) => Effect.scoped(Effect.map(open({ ...request, model: name }), ({ model }) => model))

  it.effect("understands names as they say", () => {
    const key = "org/qwen3 coder"
    const aliases = [{ pattern: "gpt-*", target: key }]
    return Effect.gen(function* () {
      assert.strictEqual(yield* modelOf("gpt-5"), key)
      assert.strictEqual(yield* modelOf("unknown"), "auto")
    }).pipe(Effect.provide(withSettings({ modelAliases: aliases, modelFallback: "default" })(scripted("a"))))
  })
})

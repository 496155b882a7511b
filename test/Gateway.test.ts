import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpLayerRouter from "@effect/platform/HttpLayerRouter"
import * as HttpServer from "@effect/platform/HttpServer"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Layer, Logger, Option, Schedule, Stream } from "effect"
import * as Telemetry from "../src/app/Telemetry.ts"
import * as Client from "../src/Client.ts"
import { Chat } from "../src/chat/Chat.ts"
import { Guard } from "../src/chat/Guard.ts"
import { Pool } from "../src/chat/Pool.ts"
import { GatewayConfig } from "../src/config/Config.ts"
import { finish, request, textDelta } from "../src/domain/Chat.ts"
import * as Gateway from "../src/Gateway.ts"
import { Backend } from "../src/textonly/StreamBackend.ts"
import * as Collector from "./support/Collector.ts"

const saying = (text: string) =>
  Backend.fromStream({ id: text, models: ["one", "two"], chat: () => Stream.make(textDelta(text), finish("stop")) })

const messages = [{ role: "user", content: "hi" }] as const
const address = Effect.map(HttpServer.HttpServer, (server) => HttpServer.formatAddress(server.address))
const ask = (prefix: string) =>
  Effect.gen(function* () {
    const { openai } = yield* Client.make({ baseUrl: (yield* address) + prefix })
    const { choices } = yield* openai.chatCompletions({ payload: { model: "auto", messages } })
    return choices[0]?.message.content
  }).pipe(Effect.provide(FetchHttpClient.layer))
const stats = (path: string) =>
  Effect.flatMap(HttpClient.get(path), (response) => response.json) as Effect.Effect<
    { readonly concurrency: { readonly accepted_total: number } },
    unknown,
    HttpClient.HttpClient
  >

const quiet = Logger.remove(Logger.defaultLogger)
const serve = <A, E, R>(app: Layer.Layer<A, E, R>) =>
  HttpLayerRouter.serve(app, { disableLogger: true, disableListenLog: true }).pipe(
    Layer.provideMerge(NodeHttpServer.layerTest),
    Layer.provide(quiet)
  )

describe("Gateway", () => {
  it.live("serves an app's own backends in a test, which can ask for Guard and Pool", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* ask(""), "fine")
      assert.deepInclude(yield* (yield* Guard).stats, { accepted: 1, completed: 1, maxInFlight: 3 })
      const [instance] = yield* (yield* Pool).snapshot
      assert.deepInclude(instance, { id: "fine", ready: true, inFlight: 0 })
    }).pipe(
      Effect.provide(
        Gateway.layerTest([saying("fine")], { maxInFlight: 3 }).pipe(
          Layer.provideMerge(NodeHttpServer.layerTest),
          Layer.provide(quiet)
        )
      )
    )
  )

  it.live("is one gateway for an app's routes and its own chats", () =>
    Effect.gen(function* () {
      yield* ask("/ai")
      const run = yield* (yield* Chat).open(request({ messages: "hi" }))
      yield* Stream.runDrain(run.events)
      assert.deepInclude(yield* (yield* Guard).stats, { accepted: 2 })
    }).pipe(
      Effect.scoped,
      Effect.provide(
        serve(Gateway.routesWithoutPool("/ai")).pipe(
          Layer.provideMerge(Gateway.chat),
          Layer.provide(Pool.layer([saying("fine")])),
          Layer.provide(GatewayConfig.layer())
        )
      )
    )
  )

  it.live("can be built twice in one app, each with counts of its own", () => {
    const one = (prefix: "/a" | "/b") =>
      Layer.fresh(
        Gateway.routesWithoutPool(prefix).pipe(
          Layer.provide(Pool.layer([saying(prefix)])),
          Layer.provide(GatewayConfig.layer())
        )
      )
    return Effect.gen(function* () {
      assert.deepStrictEqual([yield* ask("/a"), yield* ask("/b"), yield* ask("/b")], ["/a", "/b", "/b"])
      const accepted = yield* Effect.forEach(["/a", "/b"], (prefix) => stats(`${prefix}/internal/stats`))
      assert.deepStrictEqual(
        accepted.map(({ concurrency }) => concurrency.accepted_total),
        [1, 2]
      )
    }).pipe(Effect.provide(serve(Layer.merge(one("/a"), one("/b")))))
  })

  it.scopedLive("has metrics of its own in a process of several, for Prometheus and for OTLP", () =>
    Effect.gen(function* () {
      const collectors = { "/a": yield* Collector.make(), "/b": yield* Collector.make() }
      const one = (prefix: "/a" | "/b") =>
        Layer.fresh(
          Gateway.routesWithoutPool(prefix).pipe(
            Layer.provide(Telemetry.layerFromConfig),
            Layer.provide(Pool.layer([saying(prefix)])),
            Layer.provide(
              GatewayConfig.layer({
                otelEndpoint: Option.some(collectors[prefix].url),
                otelTracesExporter: "none",
                otelMetricInterval: Duration.millis(50)
              })
            )
          )
        )
      /** Counters, gauges and a histogram: all that chats move, and each at the same time. */
      const names = [
        "gateway_chats_total",
        "gateway_accepted_total",
        "gateway_pool_instance_in_flight",
        "gateway_chat_duration_seconds"
      ]
      const scraped = (prefix: string) =>
        Effect.map(
          Effect.flatMap(HttpClient.get(`${prefix}/metrics`), (response) => response.text),
          (text) =>
            names.map((name) =>
              text
                .split("\n")
                .filter((line) => new RegExp(`^${name}(_count)?[{ ]`).test(line))
                .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(" "))), 0)
            )
        )
      const exported = (prefix: "/a" | "/b") => names.map((name) => collectors[prefix].figure(name) ?? 0)
      const untilExported = (prefix: "/a" | "/b", wanted: ReadonlyArray<number>) =>
        Effect.sync(() => JSON.stringify(exported(prefix)) === JSON.stringify(wanted)).pipe(
          Effect.repeat({ until: (yes) => yes, schedule: Schedule.spaced("10 millis") }),
          Effect.timeout("5 seconds"),
          Effect.ignore
        )
      yield* Effect.gen(function* () {
        yield* Effect.repeatN(ask("/a"), 1)
        yield* ask("/b")
        yield* ask("/a")
        assert.deepStrictEqual(yield* scraped("/a"), [3, 3, 0, 3])
        assert.deepStrictEqual(yield* scraped("/b"), [1, 1, 0, 1])
        yield* untilExported("/a", [3, 3, 0, 3])
        yield* untilExported("/b", [1, 1, 0, 1])
        assert.deepStrictEqual(
          [exported("/a"), exported("/b")],
          [
            [3, 3, 0, 3],
            [1, 1, 0, 1]
          ]
        )
        yield* ask("/b")
      }).pipe(Effect.provide(serve(Layer.merge(one("/a"), one("/b")))))
      // What came after the last interval is sent at shutdown.
      assert.deepStrictEqual(exported("/b"), [2, 2, 0, 2])
    })
  )
})

describe("a backend from a stream", () => {
  it.live("fails when the stream ends without a finish", () => {
    const half = Backend.fromStream({ id: "half", models: ["one"], chat: () => Stream.make(textDelta("half")) })
    return Effect.gen(function* () {
      const client = yield* Client.make()
      const failure = yield* Effect.flip(Stream.runDrain(client.chatStream({ model: "one", messages })))
      assert.deepInclude(failure, { _tag: "ChatStreamFailed", code: "upstream_error" })
    }).pipe(
      Effect.provide(Gateway.layerTest([half]).pipe(Layer.provideMerge(NodeHttpServer.layerTest), Layer.provide(quiet)))
    )
  })
})

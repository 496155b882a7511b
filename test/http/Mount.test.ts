import { createServer } from "node:http"
import * as HttpLayerRouter from "@effect/platform/HttpLayerRouter"
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { assert, describe, it } from "@effect/vitest"
import { Context, Duration, Effect, Exit, Fiber, HashMap, Layer, Logger, Option, Queue, Scope, Tracer } from "effect"
import { Guard } from "../../src/chat/Guard.ts"
import type { Settings } from "../../src/config/Config.ts"
import { finish, textDelta } from "../../src/domain/Chat.ts"
import * as Server from "../../src/http/Server.ts"
import * as RawHttp from "../support/RawHttp.ts"
import * as SocketClient from "../support/SocketClient.ts"
import * as TestBackend from "../support/TestBackend.ts"
import * as TestGateway from "../support/TestGateway.ts"

interface Line {
  readonly message: string
  readonly level: string
  readonly annotations: Readonly<Record<string, unknown>>
}

/** An app with two routes of its own, and the gateway beside them. */
const serve = Effect.fnUntraced(function* (
  scripted: TestBackend.Scripted,
  {
    hostname = "127.0.0.1",
    prefix,
    settings = {},
    tracer
  }: { hostname?: string; prefix?: "/ai"; settings?: Partial<Settings>; tracer?: Tracer.Tracer } = {}
) {
  const lines: Array<Line> = []
  const log = Logger.make(({ annotations, logLevel, message }) => {
    lines.push({
      message: String(message),
      level: logLevel.label,
      annotations: Object.fromEntries(HashMap.toEntries(annotations))
    })
  })
  const scope = yield* Scope.make()
  yield* Effect.addFinalizer(() => Scope.close(scope, Exit.void))
  const own = Layer.mergeAll(
    HttpLayerRouter.add("GET", "/", HttpServerResponse.text("the app's")),
    HttpLayerRouter.add("GET", "/v1/orders", HttpServerResponse.text("the app's")),
    prefix === undefined ? Layer.empty : HttpLayerRouter.add("GET", "/healthz", HttpServerResponse.text("the app's"))
  )
  const context = yield* HttpLayerRouter.serve(Layer.merge(own, Server.mounted(prefix)), {
    disableLogger: true,
    disableListenLog: true
  }).pipe(
    Layer.provideMerge(NodeHttpServer.layer(() => createServer(), { host: hostname, port: 0 })),
    Layer.provideMerge(TestGateway.core(scripted, settings)),
    Layer.provide(Logger.replace(Logger.defaultLogger, log)),
    Layer.provide(tracer === undefined ? Layer.empty : Layer.setTracer(tracer)),
    Layer.buildWithScope(scope)
  )
  const { address } = Context.get(context, HttpServer.HttpServer)
  const port = address._tag === "TcpAddress" ? address.port : 0
  const ask = (method: string, path: string, host = "localhost", body = "") =>
    Effect.scoped(
      Effect.gen(function* () {
        const peer = yield* RawHttp.connect(port)
        const head = `${method} ${path} HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\ncontent-type: application/json\r\n`
        yield* peer.send(`${head}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`)
        return yield* peer.closed
      })
    )
  const chat = (body: object, path = "/v1/chat/completions") => ask("POST", path, "localhost", JSON.stringify(body))
  return { ask, chat, close: Scope.close(scope, Exit.void), guard: Context.get(context, Guard), lines, port }
})

const hello = { model: "auto", messages: [{ role: "user", content: "hi" }] }
const access = (lines: ReadonlyArray<Line>) => lines.filter(({ message }) => message === "request")
const eventually = (check: () => boolean) =>
  Effect.repeat(Effect.sleep("1 millis"), { until: check }).pipe(Effect.timeout("5 seconds"))

describe("a gateway on an app's router", () => {
  it.scopedLive("leaves the app's own routes alone", () =>
    Effect.gen(function* () {
      const { ask, lines } = yield* serve(TestBackend.make(), { settings: { corsOrigins: ["https://a.example"] } })
      for (const path of ["/", "/v1/orders"]) {
        const answer = yield* ask("GET", path, "evil.example")
        assert.match(answer, /^HTTP\/1.1 200 /)
        assert.include(answer, "the app's")
        assert.notMatch(answer, /x-request-id|nosniff|no-store|vary/i)
      }
      for (const path of ["/nope", "/v1/nope"]) {
        const answer = yield* ask("GET", path, "evil.example")
        assert.match(answer, /^HTTP\/1.1 404 /)
        assert.notInclude(answer, "error")
      }
      assert.deepStrictEqual(lines, [])
    })
  )

  it.scopedLive("guards its own as it does by itself", () =>
    Effect.gen(function* () {
      const { ask } = yield* serve(TestBackend.make())
      const foreign = yield* ask("GET", "/v1/models", "evil.example")
      assert.match(foreign, /^HTTP\/1.1 403 /)
      assert.include(foreign, `"code":"host_not_allowed"`)
      const wrong = yield* ask("DELETE", "/v1/chat/completions")
      assert.match(wrong, /^HTTP\/1.1 405 /)
      assert.match(wrong, /x-request-id: req-/i)
      assert.match(wrong, /allow: POST, OPTIONS/i)
      // The app's router folds case; what is guarded is what is routed.
      assert.include(yield* ask("GET", "/V1/models"), `"code":"unknown_url"`)
      assert.match(yield* ask("GET", "/v1/models/org/qwen3%20coder"), /"id":"org\/qwen3 coder"/)
      assert.match(yield* ask("HEAD", "/healthz"), /^HTTP\/1.1 200 /)
      assert.match(yield* ask("GET", "/openapi.json"), /^HTTP\/1.1 200 /)
      const open = yield* serve(TestBackend.make(), { hostname: "0.0.0.0" })
      assert.match(yield* open.ask("GET", "/v1/models", "app.example"), /^HTTP\/1.1 200 /)
      assert.include(open.lines[0]?.message, "without API_KEYS")
    })
  )

  it.scopedLive("has no WebSocket, and says so with the status at which Codex goes on over HTTP", () =>
    Effect.gen(function* () {
      for (const prefix of [undefined, "/ai"] as const) {
        const { port } = yield* serve(TestBackend.make(), prefix === undefined ? {} : { prefix })
        const base = `http://127.0.0.1:${port}${prefix ?? ""}`
        const refused = yield* Effect.flip(Effect.asVoid(SocketClient.connect(base)))
        assert.strictEqual(refused.status, 426)
      }
    })
  )

  it.scopedLive("words failures in the dialect of the path, under a prefix too", () =>
    Effect.gen(function* () {
      for (const prefix of [undefined, "/ai"] as const) {
        const { ask, chat } = yield* serve(TestBackend.make(), prefix === undefined ? {} : { prefix })
        const messages = `${prefix ?? ""}/v1/messages`
        const wrong = yield* ask("DELETE", messages)
        assert.match(wrong, /^HTTP\/1.1 405 /)
        assert.include(wrong, '{"type":"error","error":{"type":"invalid_request_error"')
        assert.match(wrong, /^request-id: req-/im)
        assert.include(yield* chat({ ...hello, max_tokens: 9 }, messages), '"stop_reason":"end_turn"')
        assert.include(yield* chat(hello, `${messages}/count_tokens`), '{"input_tokens":')
      }
    })
  )

  it.scopedLive("answers chats, and logs each at its true end", () =>
    Effect.gen(function* () {
      const scripted = TestBackend.make(TestBackend.silent)
      const { chat, lines, port } = yield* serve(scripted)
      const stream = yield* RawHttp.connect(port)
      yield* stream.send(RawHttp.post({ ...hello, stream: true }))
      const turn = yield* Queue.take(scripted.turns)
      turn.emit(textDelta("one"))
      yield* stream.until(`"content":"one"`)
      assert.deepStrictEqual(access(lines), [])
      turn.emit(finish("stop"))
      yield* stream.until("[DONE]")
      const whole = yield* Effect.fork(chat(hello))
      const second = yield* Queue.take(scripted.turns)
      second.emit(textDelta("two"))
      second.emit(finish("stop"))
      assert.include(yield* Fiber.join(whole), `"content":"two"`)
      yield* eventually(() => access(lines).length === 2)
      const told = access(lines).map(({ annotations: { completion_tokens, outcome, request_id, route, status } }) => {
        assert.match(String(request_id), /^req-/)
        return { completion_tokens, outcome, route, status }
      })
      const line = { completion_tokens: 1, outcome: "completed", route: "/v1/chat/completions", status: 200 }
      assert.deepStrictEqual(told, [line, line])
    })
  )

  it.scopedLive("gives everything back when a client leaves", () =>
    Effect.gen(function* () {
      const scripted = TestBackend.make(TestBackend.emit(textDelta("half")))
      const { guard, lines, port } = yield* serve(scripted)
      const peer = yield* RawHttp.connect(port)
      yield* peer.send(RawHttp.post({ ...hello, stream: true }))
      yield* peer.until("half")
      yield* Effect.sync(() => peer.socket.destroy())
      yield* eventually(() => access(lines).length === 1)
      assert.deepStrictEqual(scripted.counts, { opened: 1, closed: 1, cancelled: 1 })
      assert.strictEqual((yield* guard.stats).inFlight, 0)
      assert.deepInclude(access(lines)[0]?.annotations, { outcome: "cancelled", status: 499 })
    })
  )

  it.scopedLive("has everything under its prefix, and nothing else", () =>
    Effect.gen(function* () {
      const { ask, chat } = yield* serve(TestBackend.make(), { prefix: "/ai" })
      assert.include(yield* ask("GET", "/healthz"), "the app's")
      assert.include(yield* ask("GET", "/ai/healthz"), "pool_size")
      assert.include(yield* ask("GET", "/ai"), "lingma-gateway")
      assert.include(yield* chat(hello, "/ai/v1/chat/completions"), `"content":"Hello"`)
      assert.include(yield* ask("GET", "/ai/v1/models/org/qwen3%20coder"), `"id":"org/qwen3 coder"`)
      assert.include(yield* ask("GET", "/ai/nope"), `"code":"unknown_url"`)
      assert.notInclude(yield* ask("GET", "/v1/models"), "error")
    })
  )

  it.scopedLive("lets what runs end when the app does", () =>
    Effect.gen(function* () {
      const scripted = TestBackend.make(TestBackend.silent)
      const { close, lines, port } = yield* serve(scripted)
      const peer = yield* RawHttp.connect(port)
      yield* peer.send(RawHttp.post({ ...hello, stream: true }))
      const turn = yield* Queue.take(scripted.turns)
      turn.emit(textDelta("one"))
      yield* peer.until("one")
      const closing = yield* Effect.fork(close)
      yield* eventually(() => lines.some(({ message }) => message === "server draining"))
      turn.emit(finish("stop"))
      yield* peer.until("[DONE]")
      yield* Effect.sync(() => peer.socket.end())
      yield* Fiber.join(closing)
      assert.deepStrictEqual(scripted.counts, { opened: 1, closed: 1, cancelled: 0 })
      assert.strictEqual(lines.find(({ message }) => message === "server drained")?.annotations["how"], "drained")
    })
  )

  it.scopedLive("tells what still runs when the time is up", () =>
    Effect.gen(function* () {
      const scripted = TestBackend.make(TestBackend.emit(textDelta("one")))
      const { close, lines, port } = yield* serve(scripted, { settings: { drainTimeout: Duration.millis(50) } })
      const peer = yield* RawHttp.connect(port)
      yield* peer.send(RawHttp.post({ ...hello, stream: true }))
      yield* peer.until("one")
      yield* close
      assert.include(yield* peer.closed, `"code":"shutting_down"`)
      assert.deepStrictEqual(scripted.counts, { opened: 1, closed: 1, cancelled: 1 })
      assert.strictEqual(lines.find(({ message }) => message === "server drained")?.annotations["how"], "forced")
    })
  )

  it.scopedLive("shares no router with an app that serves beside it", () =>
    Effect.gen(function* () {
      const listening = () => NodeHttpServer.layer(() => createServer(), { host: "127.0.0.1", port: 0 })
      const ports: Array<number> = []
      const noted = Layer.effectDiscard(
        Effect.map(HttpServer.HttpServer, ({ address }) => {
          ports.push(address._tag === "TcpAddress" ? address.port : 0)
        })
      )
      const app = HttpLayerRouter.serve(HttpLayerRouter.add("GET", "/own", HttpServerResponse.text("the app's")), {
        disableLogger: true,
        disableListenLog: true
      })
      yield* Layer.merge(app, noted).pipe(
        Layer.provide(listening()),
        Layer.provideMerge(Layer.provide(Layer.merge(Server.layer, Layer.fresh(noted)), listening())),
        Layer.provide(TestGateway.core(TestBackend.make())),
        Layer.provide(Logger.remove(Logger.defaultLogger)),
        Layer.build
      )
      const text = (port: number, path: string) =>
        Effect.promise(() => fetch(`http://127.0.0.1:${port}${path}`).then((response) => response.text()))
      const [gateway = 0, own = 0] = ports
      assert.include(yield* text(gateway, "/healthz"), "pool_size")
      assert.include(yield* text(gateway, "/own"), "unknown_url")
      assert.strictEqual(yield* text(own, "/own"), "the app's")
      assert.strictEqual(yield* text(own, "/healthz"), "")
    })
  )

  it.scopedLive("has its spans inside of the app's, ended when all is sent", () =>
    Effect.gen(function* () {
      const spans: Array<{ readonly name: string; readonly parent: string | undefined; status: string }> = []
      const tracer = Tracer.make({
        context: (run) => run(),
        span: (name, parent, context, links, startTime, kind) => {
          const outer = Option.getOrUndefined(parent)
          const told = { name, parent: outer?._tag === "Span" ? outer.name : undefined, status: "started" }
          spans.push(told)
          return {
            _tag: "Span",
            name,
            spanId: String(spans.length),
            traceId: "1",
            parent,
            context,
            links,
            kind,
            sampled: true,
            status: { _tag: "Started", startTime },
            attributes: new Map(),
            end: () => {
              told.status = "ended"
            },
            attribute: () => {},
            event: () => {},
            addLinks: () => {}
          }
        }
      })
      const scripted = TestBackend.make(TestBackend.emit(textDelta("half")))
      const { port } = yield* serve(scripted, { tracer })
      const peer = yield* RawHttp.connect(port)
      yield* peer.send(RawHttp.post({ ...hello, stream: true }))
      yield* peer.until("half")
      const mine = spans.find(({ name }) => name === "POST /v1/chat/completions")
      assert.deepStrictEqual(mine, { name: "POST /v1/chat/completions", parent: "http.server POST", status: "started" })
      yield* Effect.sync(() => peer.socket.destroy())
      yield* eventually(() => spans.every(({ status }) => status === "ended"))
    })
  )
})

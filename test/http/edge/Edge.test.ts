import * as HttpApp from "@effect/platform/HttpApp"
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerError from "@effect/platform/HttpServerError"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { assert, describe, it } from "@effect/vitest"
import { Cause, Context, Effect, Layer, Logger, Queue, type Scope } from "effect"
import type { Backend } from "../../../src/chat/Backend.ts"
import { GatewayConfig } from "../../../src/config/Config.ts"
import { finish, textDelta } from "../../../src/domain/Chat.ts"
import { Api } from "../../../src/http/Api.ts"
import * as Registry from "../../../src/http/dialects/Registry.ts"
import { DirectRoutes } from "../../../src/http/edge/DirectRoutes.ts"
import * as Edge from "../../../src/http/edge/Edge.ts"
import * as LastResort from "../../../src/http/edge/LastResort.ts"
import * as RequestId from "../../../src/http/edge/RequestId.ts"
import * as Routes from "../../../src/http/edge/Routes.ts"
import * as NodeServer from "../../../src/http/NodeServer.ts"
import * as Server from "../../../src/http/Server.ts"
import * as Unread from "../../../src/http/server/Unread.ts"
import * as RawHttp from "../../support/RawHttp.ts"
import * as TestBackend from "../../support/TestBackend.ts"
import * as TestGateway from "../../support/TestGateway.ts"

const table = Routes.table(Api, ["/openapi.json", "/docs"])
const [anthropic] = Registry.edge
const methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
const paths = [...table.patterns.map((pattern) => pattern.replace(/:[^/]+/, "auto")), "/nope", "/v1/messages/nope"]

const messages = [{ role: "user", content: "hi" }]
const bodies: Readonly<Record<string, object>> = {
  "/v1/chat/completions": { model: "auto", messages },
  "/v1/responses": { model: "auto", input: "hi" },
  "/v1/messages": { model: "auto", max_tokens: 9, messages },
  "/v1/messages/count_tokens": { model: "auto", messages }
}

interface Request {
  readonly method: string
  readonly path: string
  readonly body?: string
}

/** Every path by every method; those that read a body with one that is good, whole and streamed. */
const requests: ReadonlyArray<Request> = paths.flatMap((path) =>
  methods.flatMap((method): ReadonlyArray<Request> => {
    const body = bodies[path]
    if (method === "GET" || method === "HEAD" || method === "OPTIONS") return [{ method, path }]
    if (method !== "POST" || body === undefined) return [{ method, path, body: "{}" }]
    const kinds = path.endsWith("count_tokens") ? [body] : [body, { ...body, stream: true }]
    return kinds.map((body) => ({ method, path, body: JSON.stringify(body) }))
  })
)

/** Those that a handler serves: the others never reach a backend. */
const served = requests.filter(({ method, path }) => table.methodsOf(path)?.includes(method as never) === true)

interface Answered {
  readonly status: number
  readonly headers: Headers
  readonly text: string
}

/** The rule: a failure says what it is, in the shape of the path's dialect, and which request it was. */
const isTold = ({ body: _, method, path }: Request, { headers, status, text }: Answered) => {
  const where = `${method} ${path}: ${status} ${text}`
  assert.isNotNull(headers.get("x-request-id"), where)
  if (status < 400) return
  assert.match(headers.get("content-type") ?? "", /^application\/json/, where)
  if (method === "HEAD") return assert.strictEqual(text, "", where)
  const body = JSON.parse(text)
  assert.notInclude(text, "secret")
  if (path === "/readyz" && status === 503) return assert.deepInclude(body, { ok: false })
  assert.strictEqual(typeof body.error.message, "string", where)
  assert.notInclude(text, "secret")
  if (anthropic.claims(path, {})) {
    assert.strictEqual(body.type, "error", where)
    assert.strictEqual(body.request_id, headers.get("request-id"), where)
  } else assert.sameMembers(Object.keys(body.error), ["message", "type", "param", "code"], where)
}

const json = { "content-type": "application/json" }
const init = ({ body, method }: Request) => ({ method, ...(body === undefined ? {} : { body, headers: json }) })

const secret = new Error("secret")
const othersLeaving = Effect.failCause(Cause.interrupt(HttpServerError.clientAbortFiberId))

describe("a failure of a backend", () => {
  const wrongs: Readonly<Record<string, Effect.Effect<never>>> = {
    "an interrupt from inside": Effect.interrupt,
    "the leaving of another client": othersLeaving,
    "a defect": Effect.die(secret),
    "nothing at all": Effect.succeed(undefined as never)
  }
  const members: ReadonlyArray<keyof Backend> = ["ensureReady", "models", "status", "chat"]

  for (const [name, wrong] of Object.entries(wrongs)) {
    for (const member of members) {
      if (member === "ensureReady" && name === "nothing at all") continue
      it.scopedLive(
        `is reported on every route, logged once, and not counted as cancelled: ${name} in ${member}`,
        () =>
          Effect.gen(function* () {
            const override = { [member]: member === "chat" ? () => wrong : wrong }
            for (const server of [Server.layer, Server.layerRouted]) {
              const { drained, guard, lines, request } = yield* TestGateway.serve(
                TestBackend.make(TestBackend.say("x"), override),
                {},
                server
              )
              let broken = 0
              for (const asked of served) {
                const answer = yield* request(asked.path, init(asked))
                isTold(asked, answer)
                if (answer.status === 500) broken++
              }
              if (member !== "status") yield* drained
              const { accepted, cancelled, completed, failed } = yield* guard.stats
              assert.deepStrictEqual({ cancelled, failed }, { cancelled: 0, failed: accepted - completed })
              if (member === "chat") assert.isAbove(failed, 0)
              const errors = lines.filter(({ level }) => level === "ERROR")
              assert.strictEqual(errors.length, broken)
              for (const { annotations, cause } of errors) {
                assert.match(String(annotations["request_id"]), /^req-/)
                assert.isFalse(Cause.isEmpty(cause as Cause.Cause<never>))
              }
              assert.deepStrictEqual(
                lines.filter(({ annotations }) => annotations["outcome"] === "cancelled"),
                []
              )
            }
          }),
        120_000
      )
    }
  }
})

describe("a finalizer that fails", () => {
  const release = Effect.addFinalizer(() => Effect.die(secret))

  it.scopedLive("turns a whole answer into a 500; after a stream it is logged, and the chat counts as failed", () =>
    Effect.gen(function* () {
      const { drained, guard, lines, pool, request } = yield* TestGateway.serve(
        TestBackend.make((turn) =>
          Effect.zipRight(
            release,
            Effect.sync(() => {
              turn.emit(textDelta("Hello"))
              turn.emit(finish("stop"))
            })
          )
        )
      )
      let asked = 0
      for (const [path, body] of Object.entries(bodies)) {
        if (path.endsWith("count_tokens")) continue
        const whole = { method: "POST", path, body: JSON.stringify(body) }
        const answer = yield* request(path, init(whole))
        assert.strictEqual(answer.status, 500)
        isTold(whole, answer)
        const streamed = yield* request(path, init({ ...whole, body: JSON.stringify({ ...body, stream: true }) }))
        assert.strictEqual(streamed.status, 200)
        assert.match(streamed.text, /Hello[\s\S]*(\[DONE\]|message_stop|response\.completed)/)
        yield* drained
        asked += 2
        assert.strictEqual(lines.filter(({ level }) => level === "ERROR").length, asked)
        const { cancelled, completed, failed } = yield* guard.stats
        assert.deepStrictEqual({ cancelled, completed, failed }, { cancelled: 0, completed: 0, failed: asked })
      }
      const [instance] = yield* pool.snapshot
      assert.isAbove(instance.health.failures, 0)
    })
  )

  it.scopedLive("does not replace another error sent to the client", () =>
    Effect.gen(function* () {
      const scripted = TestBackend.make(() => Effect.zipRight(release, Effect.die(secret)))
      const { drained, guard, request } = yield* TestGateway.serve(scripted)
      for (const asked of requests.filter(({ body, path }) => body !== undefined && path === "/v1/chat/completions")) {
        isTold(asked, yield* request(asked.path, init(asked)))
      }
      yield* drained
      const { accepted, failed } = yield* guard.stats
      assert.strictEqual(failed, accepted)
    })
  )
})

describe("a handler", () => {
  const empty = (status: number) => Effect.succeed(HttpServerResponse.empty({ status }))
  type App = Effect.Effect<HttpServerResponse.HttpServerResponse, never, Scope.Scope>
  const wrongs: Readonly<Record<string, App>> = {
    "is interrupted from inside": Effect.interrupt,
    "hands on the leaving of another client": othersLeaving,
    breaks: Effect.die(secret),
    "throws at once": Effect.suspend(() => {
      throw secret
    }),
    "gives nothing": Effect.succeed(undefined as never),
    "gives what is no response": Effect.succeed({ status: 200, headers: {} } as never),
    "gives a bare 404": empty(404),
    "gives a bare 503": empty(503),
    "fails in plain text": Effect.succeed(HttpServerResponse.text("secret", { status: 502 })),
    "gives a header that Node refuses": Effect.succeed(
      HttpServerResponse.text("x", { headers: { "x-broken": "a\r\nb" } })
    ),
    "leaves a handler of its response that breaks": Effect.as(
      HttpApp.appendPreResponseHandler(() => Effect.die(secret)),
      HttpServerResponse.text("x")
    ),
    "breaks, and its finalizer too": Effect.zipRight(
      Effect.addFinalizer(() => Effect.die(secret)),
      Effect.die(secret)
    )
  }

  const edgeOf = (app: App, isShort = false) =>
    Effect.map(GatewayConfig, (config) =>
      Edge.make({
        backlog: Unread.backlog(),
        policy: () => config,
        host: "127.0.0.1",
        drain: { isDraining: () => false },
        auth: { api: () => Effect.void } as never,
        shortcuts: isShort ? { ...DirectRoutes.make(), find: () => app } : DirectRoutes.make(),
        socketPath: Registry.socket.path,
        isChat: () => false,
        methodsOf: table.methodsOf,
        dialects: Registry.edge
      })(app)
    )

  for (const [name, app] of Object.entries(wrongs)) {
    it.scopedLive(
      `that ${name} leads to a JSON 500 on every route and method`,
      () =>
        Effect.gen(function* () {
          const errors: Array<string> = []
          const log = Logger.make(({ logLevel, message }) => {
            if (logLevel.label === "ERROR") errors.push(String(message))
          })
          const context = yield* Layer.unwrapEffect(
            Effect.map(edgeOf(app), (edge) =>
              HttpServer.serve(edge, (inner) => LastResort.middleware(Registry.edge)(RequestId.middleware(inner)))
            )
          ).pipe(
            Layer.provideMerge(NodeServer.layerFromConfig),
            Layer.provide(Logger.replace(Logger.defaultLogger, log)),
            Layer.provide(GatewayConfig.layer({ host: "127.0.0.1", port: 0 })),
            Layer.build
          )
          const { address } = Context.get(context, HttpServer.HttpServer)
          const port = address._tag === "TcpAddress" ? address.port : 0
          for (const asked of requests) {
            const answer = yield* Effect.promise(async () => {
              const response = await fetch(`http://127.0.0.1:${port}${asked.path}`, init(asked))
              return { status: response.status, headers: response.headers, text: await response.text() }
            })
            assert.strictEqual(answer.status, 500)
            isTold(asked, answer)
          }
          assert.strictEqual(errors.length, requests.length)
        }),
      120_000
    )
  }

  it.effect(
    "that is broken leads to a 500 on other servers than Node and on the fast path, too",
    () =>
      Effect.gen(function* () {
        // The handler's own fibers log: with the test's runtime, and so with its loggers.
        const toWebHandler = HttpApp.toWebHandlerRuntime(yield* Effect.runtime<never>())
        for (const [nth, [name, app]] of Object.entries(wrongs).entries()) {
          // A Fetch response refuses it after all of ours.
          if (name === "gives a header that Node refuses") continue
          // Every route over all of them: each was asked of each by the tests before, and the edge is the same.
          const some = requests.filter((_, i) => i % 5 === nth % 5)
          for (const isShort of [false, true]) {
            const edge = yield* edgeOf(app, isShort)
            const handle = toWebHandler(edge, (inner) =>
              LastResort.middleware(Registry.edge)(RequestId.middleware(inner))
            )
            for (const asked of some) {
              const response = yield* Effect.promise(() =>
                handle(new Request(`http://localhost${asked.path}`, { ...init(asked) }))
              )
              const text = yield* Effect.promise(() => response.text())
              assert.strictEqual(response.status, 500, `${name} ${asked.method} ${asked.path}`)
              isTold(asked, { status: response.status, headers: response.headers, text })
            }
          }
        }
      }).pipe(
        Effect.provide(GatewayConfig.layer({ host: "127.0.0.1", port: 0 })),
        Effect.provide(Logger.remove(Logger.defaultLogger))
      ),
    120_000
  )
})

describe("a client that disconnects", () => {
  it.scopedLive("has its chat cancelled, which counts as no failure", () =>
    Effect.gen(function* () {
      const scripted = TestBackend.make(TestBackend.silent)
      const { drained, guard, lines, port } = yield* TestGateway.serve(scripted)
      for (const [path, body] of Object.entries(bodies)) {
        if (path.endsWith("count_tokens")) continue
        for (const stream of [false, true]) {
          const peer = yield* RawHttp.connect(port)
          yield* peer.send(RawHttp.post({ ...body, stream }).replace("/v1/chat/completions", path))
          yield* Queue.take(scripted.turns)
          yield* Effect.sync(() => peer.socket.resetAndDestroy())
          yield* drained
        }
      }
      const { cancelled, failed } = yield* guard.stats
      assert.deepStrictEqual({ cancelled, failed }, { cancelled: 6, failed: 0 })
      yield* Effect.repeat(Effect.sleep("1 millis"), {
        until: () => lines.filter(({ message }) => message === "request").length === 6
      })
      for (const { annotations, level } of lines) {
        assert.strictEqual(level, "INFO")
        assert.deepInclude(annotations, { outcome: "cancelled", status: 499 })
      }
    })
  )
})

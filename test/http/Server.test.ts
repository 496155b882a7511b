import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Redacted } from "effect"
import { BackendUnavailable } from "../../src/domain/ChatError.ts"
import * as Login from "../../src/domain/Login.ts"
import * as RawHttp from "../support/RawHttp.ts"
import * as TestBackend from "../support/TestBackend.ts"
import * as TestGateway from "../support/TestGateway.ts"

const hello = { model: "auto", messages: [{ role: "user", content: "hi" }] }
const keys = [Redacted.make("sk-first-0000000000"), Redacted.make("sk-second-000000000")]

describe("every answer", () => {
  it.scopedLive("carries a request id, nosniff, and the error shape when it fails", () =>
    Effect.gen(function* () {
      const { chat, request } = yield* TestGateway.serve(TestBackend.make(), { apiKeys: keys })
      const bearer = { authorization: `Bearer sk-second-000000000` }
      const answers = [
        yield* request("/healthz"),
        yield* request("/nope"),
        yield* request("/v1/nope"),
        yield* request("/v1/models"),
        yield* request("/v1/chat/completions"),
        yield* request("/v1/models", { method: "OPTIONS" }),
        yield* chat(hello),
        yield* chat(hello, bearer),
        yield* chat({ ...hello, stream: true }, bearer),
        yield* chat("{", bearer),
        yield* chat(hello, { ...bearer, "content-type": "text/plain" })
      ]
      assert.deepStrictEqual(
        answers.map(({ status }) => status),
        [200, 404, 404, 401, 405, 204, 401, 200, 200, 400, 415]
      )
      for (const { headers, json, status } of answers) {
        assert.match(headers.get("x-request-id") ?? "", /^req-[0-9a-f]{12}$/)
        assert.strictEqual(headers.get("x-content-type-options"), "nosniff")
        assert.isNotNull(headers.get("cache-control"))
        if (status < 400) continue
        assert.deepStrictEqual(Object.keys(json), ["error"])
        assert.deepStrictEqual(Object.keys(json.error ?? {}).sort(), ["code", "message", "param", "type"])
      }
    })
  )

  it.scopedLive("keeps the request id of the client when it is a decent one", () =>
    Effect.gen(function* () {
      const { lines, request } = yield* TestGateway.serve(TestBackend.make())
      const kept = yield* request("/nope", { headers: { "x-request-id": "trace:1.a_b-2" } })
      assert.strictEqual(kept.headers.get("x-request-id"), "trace:1.a_b-2")
      const made = yield* request("/nope", { headers: { "x-request-id": 'x"><script>' } })
      assert.match(made.headers.get("x-request-id") ?? "", /^req-[0-9a-f]{12}$/)
      assert.strictEqual(lines[0]?.annotations["request_id"], "trace:1.a_b-2")
    })
  )

  it.scopedLive("is logged once, at its end, without the query", () =>
    Effect.gen(function* () {
      const { chat, drained, lines, request } = yield* TestGateway.serve(TestBackend.make())
      yield* request("/v1/models?api_key=secret", { headers: { "x-client-request-id": "mine/1" } })
      yield* request("/v1/models", { headers: { "x-client-request-id": "not mine" } })
      yield* chat({ ...hello, stream: true })
      yield* drained
      const access = lines.filter(({ message }) => message === "request")
      assert.deepStrictEqual(
        access.map(({ annotations: { method, path, status } }) => ({ method, path, status })),
        [
          { method: "GET", path: "/v1/models", status: 200 },
          { method: "GET", path: "/v1/models", status: 200 },
          { method: "POST", path: "/v1/chat/completions", status: 200 }
        ]
      )
      assert.deepStrictEqual(
        access.map(({ annotations }) => annotations["client_request_id"]),
        ["mine/1", undefined, undefined]
      )
      assert.isNumber(access[0]?.annotations["ms"])
    })
  )
})

describe("routes", () => {
  it.scopedLive("tell the methods a path takes", () =>
    Effect.gen(function* () {
      const { request } = yield* TestGateway.serve(TestBackend.make())
      const wrong = yield* request("/v1/chat/completions")
      assert.strictEqual(wrong.status, 405)
      assert.strictEqual(wrong.headers.get("allow"), "POST, OPTIONS")
      assert.deepStrictEqual(wrong.json.error, {
        message: "Not allowed to GET on /v1/chat/completions.",
        type: "invalid_request_error",
        param: null,
        code: "method_not_supported"
      })
      const deleted = yield* request("/v1/models/a/b", { method: "DELETE" })
      assert.strictEqual(deleted.status, 405)
      assert.strictEqual(deleted.headers.get("allow"), "GET, HEAD, OPTIONS")
      assert.strictEqual((yield* request("/docs", { method: "POST" })).status, 405)
      const options = yield* request("/v1/chat/completions", { method: "OPTIONS" })
      assert.deepStrictEqual([options.status, options.headers.get("allow")], [204, "POST, OPTIONS"])
    })
  )

  it.scopedLive("are not found in another case or with extra slashes", () =>
    Effect.gen(function* () {
      const { request } = yield* TestGateway.serve(TestBackend.make())
      for (const path of ["/V1/models", "/v1/models/", "//v1/models", "/v1//models", "/v1/chat/completions/"]) {
        const answer = yield* request(path)
        assert.deepStrictEqual([path, answer.status], [path, 404])
      }
    })
  )

  it.scopedLive("describe themselves without a network", () =>
    Effect.gen(function* () {
      const { request } = yield* TestGateway.serve(TestBackend.make(), { apiKeys: keys })
      const spec = yield* request("/openapi.json")
      assert.strictEqual(spec.status, 200)
      assert.includeMembers(Object.keys(spec.json["paths"] ?? {}), ["/v1/chat/completions", "/v1/models/{id}"])
      assert.include(spec.text, "text/event-stream")
      assert.notInclude(spec.text, "HttpApiDecodeError")
      assert.notInclude(spec.text, '"additionalProperties":false')
      const docs = yield* request("/docs")
      assert.match(docs.headers.get("content-type") ?? "", /^text\/html/)
      assert.notMatch(docs.text, /<script[^>]+src=|<link[^>]+href="http/)
    })
  )

  it.scopedLive("answer HEAD as GET without a body", () =>
    Effect.gen(function* () {
      const { request } = yield* TestGateway.serve(TestBackend.make())
      for (const path of ["/", "/healthz", "/readyz", "/v1/models", "/v1/models/auto", "/openapi.json"]) {
        const head = yield* request(path, { method: "HEAD" })
        const get = yield* request(path)
        assert.deepStrictEqual([path, head.status, head.text], [path, 200, ""])
        assert.strictEqual(head.headers.get("content-type"), get.headers.get("content-type"))
      }
    })
  )
})

describe("health", () => {
  it.scopedLive("is alive whatever the instances are, and ready with them", () =>
    Effect.gen(function* () {
      const down = TestBackend.make(TestBackend.silent, {
        id: "inst-7",
        emulated: true,
        status: Effect.succeed({
          state: "failed",
          loggedIn: undefined,
          restarts: 3,
          login: Login.idle,
          models: [],
          lastError: "secret"
        })
      })
      const { request } = yield* TestGateway.serve(down, { apiKeys: keys })
      const health = yield* request("/healthz")
      const { time, ...rest } = health.json
      assert.strictEqual(health.status, 200)
      assert.isTrue(Number.isInteger(time))
      assert.deepStrictEqual(rest, {
        ok: false,
        emulated: true,
        pool_size: 1,
        pool_ready: 0,
        instances: [{ name: "inst-7", state: "failed", ready: false, reason: "its state is failed", in_flight: 0 }]
      })
      const ready = yield* request("/readyz")
      const reason = "no instance is ready; inst-7: its state is failed"
      assert.deepStrictEqual([ready.status, ready.json], [503, { ok: false, reason }])
      assert.strictEqual((yield* request("/")).status, 200)
    })
  )

  it.scopedLive("is not ready while the chats of the only instance end in defects, and is after a good one", () =>
    Effect.gen(function* () {
      let isBroken = true
      const scripted = TestBackend.make((turn, ask) =>
        isBroken ? Effect.die(new Error("/secret/place")) : TestBackend.say("hi")(turn, ask)
      )
      const { chat, request } = yield* TestGateway.serve(scripted)
      for (let i = 1; i <= 5; i++) {
        assert.strictEqual((yield* request("/readyz")).status, 200, `${i}`)
        assert.isAtLeast((yield* chat(hello)).status, 500)
      }
      const failing = yield* request("/readyz")
      const reason = "no instance is ready; inst-0: its last 5 chats failed"
      assert.deepStrictEqual([failing.status, failing.json], [503, { ok: false, reason }])
      const stats = yield* request("/internal/stats")
      const pool = stats.json["pool"] as { readonly instances: ReadonlyArray<Record<string, unknown>> }
      assert.deepInclude(pool.instances[0], {
        ready: false,
        reason: "its last 5 chats failed",
        consecutive_failures: 5,
        last_error: "the gateway failed: Error: /secret/place"
      })
      isBroken = false
      assert.strictEqual((yield* chat(hello)).status, 200)
      assert.strictEqual((yield* request("/readyz")).status, 200)
    })
  )

  it.scopedLive("says ready when an instance is", () =>
    Effect.gen(function* () {
      const { request } = yield* TestGateway.serve(TestBackend.make())
      const ready = yield* request("/readyz")
      assert.deepStrictEqual([ready.status, ready.json], [200, { ok: true }])
    })
  )
})

describe("keys", () => {
  it.scopedLive("are required on every route except the public ones", () =>
    Effect.gen(function* () {
      const { chat, request } = yield* TestGateway.serve(TestBackend.make(), { apiKeys: keys })
      const missing = yield* chat(hello)
      assert.strictEqual(missing.status, 401)
      assert.strictEqual(missing.headers.get("www-authenticate"), "Bearer")
      assert.isNull(missing.json.error?.code)
      const wrong = yield* chat(hello, { authorization: "Bearer sk-wrong" })
      assert.deepStrictEqual([wrong.status, wrong.json.error?.code], [401, "invalid_api_key"])
      assert.notInclude(wrong.text, "sk-wrong")
      for (const headers of [
        { authorization: "Bearer sk-first-0000000000" },
        { authorization: "bEARER   sk-second-000000000" },
        { "x-api-key": "sk-second-000000000" }
      ] as Array<Record<string, string>>) {
        assert.strictEqual((yield* request("/v1/models", { headers })).status, 200)
      }
      for (const authorization of ["Basic sk-first-0000000000", "sk-first-0000000000", "Bearer", "Bearer sk-first"]) {
        assert.strictEqual((yield* request("/v1/models", { headers: { authorization } })).status, 401)
      }
    })
  )

  it.scopedLive("are checked after the route and before the body is read", () =>
    Effect.gen(function* () {
      const { chat, request } = yield* TestGateway.serve(TestBackend.make(), { apiKeys: keys })
      assert.strictEqual((yield* request("/v1/unknown")).status, 404)
      assert.strictEqual((yield* chat("{")).status, 401)
    })
  )
})

describe("callers", () => {
  it.scopedLive("are refused if their Host header does not name this server", () =>
    Effect.gen(function* () {
      const { port } = yield* TestGateway.serve(TestBackend.make(), { allowedHosts: ["gateway.lan"] })
      const ask = (host: string) =>
        Effect.scoped(
          Effect.gen(function* () {
            const peer = yield* RawHttp.connect(port)
            yield* peer.send(`GET /v1/models HTTP/1.1\r\nhost: ${host}\r\nconnection: close\r\n\r\n`)
            return yield* peer.closed
          })
        )
      for (const host of ["localhost", "127.0.0.1:8370", "[::1]:8370", "LOCALHOST:1", "gateway.lan:8370"]) {
        assert.match(yield* ask(host), /^HTTP\/1.1 200 /)
      }
      for (const host of ["host.docker.internal:8370", "host.containers.internal"]) {
        assert.match(yield* ask(host), /^HTTP\/1.1 200 /)
      }
      for (const host of [
        "evil.example",
        "internal",
        "evil.docker.internal",
        "127.0.0.1.evil.example",
        "localhost.evil.example:80"
      ]) {
        const answer = yield* ask(host)
        assert.match(answer, /^HTTP\/1.1 403 /)
        assert.include(answer, "host_not_allowed")
        assert.include(answer, "GATEWAY_ALLOWED_HOSTS")
      }
    })
  )

  it.scopedLive("may send any Host header if keys are required", () =>
    Effect.gen(function* () {
      const { port } = yield* TestGateway.serve(TestBackend.make(), { apiKeys: keys })
      const peer = yield* RawHttp.connect(port)
      yield* peer.send("GET /v1/models HTTP/1.1\r\nhost: gateway.example\r\nconnection: close\r\n\r\n")
      assert.match(yield* peer.closed, /^HTTP\/1.1 401 /)
    })
  )

  it.scopedLive("of a web view or an extension are answered before the key when they are listed", () =>
    Effect.gen(function* () {
      const corsOrigins = ["chrome-extension://abcdefghijklmnop", "app://obsidian.md", "vscode-webview://1a-2b"]
      const { request } = yield* TestGateway.serve(TestBackend.make(), { apiKeys: keys, corsOrigins })
      for (const origin of corsOrigins) {
        const headers = { origin, "access-control-request-method": "POST" }
        const preflight = yield* request("/v1/chat/completions", { method: "OPTIONS", headers })
        assert.deepStrictEqual([preflight.status, preflight.headers.get("access-control-allow-origin")], [204, origin])
        assert.include(preflight.headers.get("access-control-allow-methods"), "DELETE")
        assert.isNull(preflight.headers.get("access-control-allow-private-network"))
        const isPrivate = { ...headers, "access-control-request-private-network": "true" }
        const asked = yield* request("/v1/models", { method: "OPTIONS", headers: isPrivate })
        assert.strictEqual(asked.headers.get("access-control-allow-private-network"), "true")
      }
    })
  )

  it.scopedLive("of a listed scheme are answered whatever their id, except by the administration", () =>
    Effect.gen(function* () {
      const corsOrigins = ["vscode-webview://*", "https://app.example.com"]
      const { request } = yield* TestGateway.serve(TestBackend.make(), { corsOrigins })
      const allowed = (origin: string) =>
        Effect.map(request("/v1/models", { headers: { origin } }), ({ headers }) =>
          headers.get("access-control-allow-origin")
        )
      const view = "vscode-webview://1a2b3c"
      assert.strictEqual(yield* allowed(view), view)
      for (const other of ["vscode-webview:", "chrome-extension://1a2b3c", "https://vscode-webview://1"]) {
        assert.isNull(yield* allowed(other))
      }
      const stats = (origin: string) =>
        Effect.map(request("/internal/stats", { headers: { origin } }), ({ status }) => status)
      assert.deepStrictEqual([yield* stats(view), yield* stats("https://app.example.com")], [403, 200])
    })
  )

  it.scopedLive("of Codex who ask for a WebSocket are told to go on without where it is switched off", () =>
    Effect.gen(function* () {
      const { port } = yield* TestGateway.serve(TestBackend.make(), { apiKeys: keys, responsesWebsocket: false })
      const ask = (path: string) =>
        Effect.scoped(
          Effect.gen(function* () {
            const peer = yield* RawHttp.connect(port)
            const upgrade =
              "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ=="
            yield* peer.send(`GET ${path} HTTP/1.1\r\nhost: localhost\r\n${upgrade}\r\n\r\n`)
            return yield* peer.closed
          })
        )
      const answer = yield* ask("/v1/responses")
      assert.match(answer, /^HTTP\/1.1 426 [\s\S]*\r\nupgrade: HTTP\/1.1\r\n/i)
      assert.include(answer, "websocket_not_supported")
      assert.match(yield* ask("/v1/models"), /^HTTP\/1.1 400 /)
    })
  )

  it.scopedLive("get an empty answer to Claude Code's probes and reports", () =>
    Effect.gen(function* () {
      const { request } = yield* TestGateway.serve(TestBackend.make(), { apiKeys: keys })
      assert.strictEqual((yield* request("/api/hello", { method: "HEAD" })).status, 200)
      assert.strictEqual((yield* request("/api/hello")).text, "{}")
      for (const path of ["/api/event_logging/batch", "/api/event_logging/v2/batch"]) {
        const answer = yield* request(path, { method: "POST", body: '{"events":[' })
        assert.deepStrictEqual([answer.status, answer.text], [200, "{}"])
      }
    })
  )

  it.scopedLive("may send their key as api-key", () =>
    Effect.gen(function* () {
      const { request } = yield* TestGateway.serve(TestBackend.make(), { apiKeys: keys })
      const ask = (key: string) => Effect.map(request("/v1/models", { headers: { "api-key": key } }), (r) => r.status)
      assert.deepStrictEqual([yield* ask(Redacted.value(keys[0]!)), yield* ask("wrong")], [200, 401])
    })
  )

  it.scopedLive("from a web page get CORS headers only if their origin is listed", () =>
    Effect.gen(function* () {
      const closed = yield* TestGateway.serve(TestBackend.make())
      const origin = "https://app.example.com"
      const without = yield* closed.request("/v1/models", { headers: { origin } })
      assert.isNull(without.headers.get("access-control-allow-origin"))

      const { request } = yield* TestGateway.serve(TestBackend.make(), { apiKeys: keys, corsOrigins: [origin] })
      const asked = {
        origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,x-stainless-os"
      }
      const preflight = yield* request("/v1/chat/completions", { method: "OPTIONS", headers: asked })
      assert.strictEqual(preflight.status, 204)
      assert.strictEqual(preflight.headers.get("access-control-allow-origin"), origin)
      assert.strictEqual(preflight.headers.get("access-control-allow-headers"), "authorization,x-stainless-os")
      assert.strictEqual(preflight.headers.get("vary"), "Origin")
      const readable = preflight.headers.get("access-control-expose-headers") ?? ""
      for (const name of ["x-request-id", "openai-processing-ms", "retry-after"]) assert.include(readable, name)
      const refused = yield* request("/v1/models", { headers: { origin } })
      assert.deepStrictEqual([refused.status, refused.headers.get("access-control-allow-origin")], [401, origin])
      const other = yield* request("/v1/chat/completions", {
        method: "OPTIONS",
        headers: { ...asked, origin: "https://evil.example" }
      })
      assert.isNull(other.headers.get("access-control-allow-origin"))
      assert.strictEqual(other.headers.get("vary"), "Origin")
    })
  )
})

describe("models", () => {
  it.scopedLive("are listed, and found by ids with slashes", () =>
    Effect.gen(function* () {
      const { request } = yield* TestGateway.serve(TestBackend.make())
      const first = yield* request("/v1/models")
      assert.deepStrictEqual(first.json["data"], [
        {
          id: "auto",
          object: "model",
          created: 1_704_067_200,
          owned_by: "lingma",
          name: "Auto",
          capabilities: { tools: true }
        },
        {
          id: "org/qwen3 coder",
          object: "model",
          created: 1_704_067_200,
          owned_by: "lingma",
          name: "Qwen3 Coder",
          context_length: 131_072,
          context_window: 131_072,
          max_model_len: 131_072,
          capabilities: { vision: true, tools: true }
        },
        {
          id: "agent",
          object: "model",
          created: 1_704_067_200,
          owned_by: "lingma",
          name: "Auto",
          capabilities: { tools: true }
        }
      ])
      for (const path of ["/v1/models/org/qwen3%20coder", "/v1/models/org%2Fqwen3%20coder?x=a/b"]) {
        assert.strictEqual((yield* request(path)).json["id"], "org/qwen3 coder")
      }
      for (const id of ["auto", "Auto", "agent", "lingma", "QWEN3 CODER", "org/Qwen3 coder", "auto[1m]"]) {
        assert.strictEqual((yield* request(`/v1/models/${encodeURIComponent(id)}`)).json["id"], id)
      }
      const unknown = yield* request("/v1/models/%3Cscript%3E")
      assert.strictEqual(unknown.status, 404)
      assert.strictEqual(unknown.json.error?.code, "model_not_found")
      assert.notInclude(unknown.text, "script")
    })
  )

  it.scopedLive("are found by every listed name in each shape, in any case and with either form of a slash", () =>
    Effect.gen(function* () {
      const modelAliases = [
        { pattern: "GPT-5/fast", target: "Qwen3 Coder" },
        { pattern: "claude-*", target: "lingma" }
      ]
      const { lines, request } = yield* TestGateway.serve(TestBackend.make(), { modelAliases })
      const anthropic = { headers: { "anthropic-version": "2023-06-01" } }
      for (const [root, init] of [
        ["/v1/models", {}],
        ["/v1/models", anthropic],
        ["/anthropic/v1/models", {}]
      ] as ReadonlyArray<readonly [string, RequestInit]>) {
        const listed = (yield* request(root, init)).json["data"] as ReadonlyArray<{ readonly id: string }>
        const ids = listed.map(({ id }) => id)
        assert.deepStrictEqual(ids, ["auto", "org/qwen3 coder", "agent", "GPT-5/fast"])
        for (const id of ids.flatMap((id) => [id, id.toUpperCase(), id.toLowerCase()])) {
          for (const path of [encodeURIComponent(id), encodeURI(id)]) {
            const { json, status } = yield* request(`${root}/${path}`, init)
            assert.deepStrictEqual([path, status, json["id"]], [path, 200, id])
          }
        }
      }
      const routes = new Set(lines.map(({ annotations }) => annotations["route"]))
      const roots = ["/v1/models", "/anthropic/v1/models"]
      assert.sameMembers(
        [...routes],
        roots.flatMap((root) => [root, `${root}/:id`])
      )
    })
  )

  it.scopedLive("are a 503 while nothing is ready", () =>
    Effect.gen(function* () {
      const down = new BackendUnavailable({ instance: "inst-0", detail: "secret" })
      const scripted = TestBackend.make(TestBackend.silent, { ensureReady: down })
      const { request } = yield* TestGateway.serve(scripted)
      const answer = yield* request("/v1/models")
      assert.deepStrictEqual([answer.status, answer.json.error?.message], [503, "Lingma is not ready"])
      assert.isTrue(Option.isSome(Option.fromNullable(answer.headers.get("retry-after"))))
      assert.notInclude(answer.text, "secret")
    })
  )
})

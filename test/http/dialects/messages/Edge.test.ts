import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Fiber, Redacted } from "effect"
import { finish, textDelta, thoughtDelta } from "../../../../src/domain/Chat.ts"
import { BackendFailure, BackendUnavailable, NotLoggedIn, QuotaExhausted } from "../../../../src/domain/ChatError.ts"
import * as RawHttp from "../../../support/RawHttp.ts"
import * as TestBackend from "../../../support/TestBackend.ts"
import * as TestGateway from "../../../support/TestGateway.ts"
import * as Grammar from "./Grammar.ts"

const hello = { model: "auto", max_tokens: 64, messages: [{ role: "user", content: "hi" }] }
const post = (body: unknown, headers: Record<string, string> = {}): RequestInit => ({
  method: "POST",
  headers: { "content-type": "application/json", "anthropic-version": "2023-06-01", ...headers },
  body: typeof body === "string" ? body : JSON.stringify(body)
})

interface Answer {
  readonly status: number
  readonly headers: Headers
  readonly json: TestGateway.Json
}

/** Anthropic's shape, and the id in all three places. */
const told = ({ headers, json, status }: Answer) => {
  assert.deepStrictEqual(Object.keys(json).sort(), ["error", "request_id", "type"])
  assert.strictEqual(json["type"], "error")
  assert.deepStrictEqual(Object.keys(json.error ?? {}).sort(), ["message", "type"])
  assert.strictEqual(json["request_id"], headers.get("x-request-id"))
  assert.strictEqual(headers.get("request-id"), headers.get("x-request-id"))
  return [status, json.error?.type, json.error?.message]
}

describe("thoughts that are not shown", () => {
  it.scopedLive("take nothing of max_tokens, whole and streamed", () =>
    Effect.gen(function* () {
      const thoughts = Array.from({ length: 40 }, () => thoughtDelta("let me see, "))
      const verdict = [..."<block>no</block>"].map(textDelta)
      const { request } = yield* TestGateway.serve(
        TestBackend.make(TestBackend.emit(...thoughts, ...verdict, finish("stop")))
      )
      const check = { ...hello, stop_sequences: ["</block>"], thinking: { type: "disabled" } }
      const { json } = yield* request("/v1/messages", post(check))
      const text = [{ type: "text", text: "<block>no" }]
      assert.deepStrictEqual([json["content"], json["stop_reason"]], [text, "stop_sequence"])
      const streamed = Grammar.read((yield* request("/v1/messages", post({ ...check, stream: true }))).text)
      assert.deepStrictEqual([streamed.content, streamed.stopReason], [text, "stop_sequence"])
      const shown = yield* request("/v1/messages", post({ ...check, thinking: { type: "adaptive" } }))
      assert.strictEqual(shown.json["stop_reason"], "max_tokens")
    })
  )
})

describe("every failure under /v1/messages", () => {
  it.scopedLive("is in Anthropic's shape, also where no handler was reached", () =>
    Effect.gen(function* () {
      const key = "sk-right-0000000000"
      const { request } = yield* TestGateway.serve(TestBackend.make(), {
        apiKeys: [Redacted.make(key)],
        bodyLimitMb: 0.001
      })
      const right = { "x-api-key": key }
      const at = (path: string, init: RequestInit) => Effect.map(request(path, init), told)
      assert.deepStrictEqual(yield* at("/v1/messages", post(hello)), [
        401,
        "authentication_error",
        "Send an API key as x-api-key or as Authorization: Bearer"
      ])
      assert.deepStrictEqual(yield* at("/v1/messages?beta=true", post(hello, { "x-api-key": "sk-wrong" })), [
        401,
        "authentication_error",
        "invalid x-api-key"
      ])
      assert.deepStrictEqual(yield* at("/v1/messages/batches", post(hello, right)), [
        404,
        "not_found_error",
        "Not found: POST /v1/messages/batches"
      ])
      const wrongMethod = yield* request("/v1/messages", { headers: right })
      assert.deepStrictEqual(told(wrongMethod).slice(0, 2), [405, "invalid_request_error"])
      assert.strictEqual(wrongMethod.headers.get("allow"), "POST, OPTIONS")
      assert.deepStrictEqual((yield* at("/v1/messages", post("{", right))).slice(0, 2), [400, "invalid_request_error"])
      assert.deepStrictEqual((yield* at("/v1/messages", post("[]", right))).slice(0, 2), [400, "invalid_request_error"])
      const plain = post(hello, { ...right, "content-type": "text/plain" })
      assert.deepStrictEqual((yield* at("/v1/messages", plain)).slice(0, 2), [415, "invalid_request_error"])
      const large = post({ ...hello, system: "x".repeat(5000) }, right)
      assert.deepStrictEqual((yield* at("/v1/messages", large)).slice(0, 2), [413, "request_too_large"])
      assert.deepStrictEqual(yield* at("/v1/messages", post({ ...hello, model: "atuo" }, right)), [
        404,
        "not_found_error",
        "model: atuo (did you mean 'Auto' or 'auto'?)"
      ])
      assert.deepStrictEqual((yield* at("/v1/models", { headers: { "anthropic-version": "x" } }))[0], 401)
      const fine = yield* request("/v1/messages", post(hello, { authorization: `Bearer ${key}` }))
      assert.strictEqual(fine.status, 200)
      assert.strictEqual(fine.headers.get("request-id"), fine.headers.get("x-request-id"))
    })
  )

  it.scopedLive("is a 529 when there are too many, and a 503 while Lingma cannot", () =>
    Effect.gen(function* () {
      const scripted = TestBackend.make(TestBackend.silent)
      const { request } = yield* TestGateway.serve(scripted, { maxInFlight: 1, queueMax: 0 })
      const running = yield* Effect.fork(request("/v1/messages", post(hello)))
      const turn = yield* scripted.turns.take
      const full = yield* request("/v1/messages", post(hello))
      assert.deepStrictEqual(told(full).slice(0, 2), [529, "overloaded_error"])
      assert.match(full.headers.get("retry-after") ?? "", /^[1-9]\d*$/)
      turn.fail(new BackendFailure({ instance: "inst-0", started: true, detail: "secret" }))
      assert.deepStrictEqual(told(yield* Fiber.join(running)), [502, "api_error", "upstream lingma error"])
    })
  )

  it.scopedLive("tells what keeps Lingma from answering", () =>
    Effect.gen(function* () {
      const cases = [
        [new BackendUnavailable({ instance: "inst-0", detail: "secret" }), 503, "api_error"],
        [new NotLoggedIn({ instance: "inst-0", retriable: false }), 503, "api_error"],
        [new QuotaExhausted({ instance: "inst-0" }), 429, "rate_limit_error"]
      ] as const
      for (const [error, status, type] of cases) {
        const { request } = yield* TestGateway.serve(TestBackend.make(TestBackend.refuse(error)))
        const answer = yield* request("/v1/messages", post({ ...hello, stream: true }))
        assert.deepStrictEqual(told(answer).slice(0, 2), [status, type])
      }
    })
  )

  it.scopedLive("is an event once the stream has begun", () =>
    Effect.gen(function* () {
      const scripted = TestBackend.make(TestBackend.emit(textDelta("Hel")))
      const { request } = yield* TestGateway.serve(scripted)
      const running = yield* Effect.fork(request("/v1/messages", post({ ...hello, stream: true })))
      const turn = yield* scripted.turns.take
      yield* Effect.sleep("50 millis")
      turn.fail(new BackendFailure({ instance: "inst-0", started: true, detail: "secret" }))
      const { headers, text } = yield* Fiber.join(running)
      const { content, error } = Grammar.read(text)
      assert.deepStrictEqual([content, error], [[], { type: "api_error", message: "upstream lingma error" }])
      assert.include(text, `"request_id":"${headers.get("request-id")}"`)
      assert.notInclude(text, "secret")
    })
  )
})

describe("a gateway that goes down", () => {
  it.scopedLive("says so in the stream that it cuts", () =>
    Effect.gen(function* () {
      const scripted = TestBackend.make(TestBackend.emit(textDelta("Hel")))
      const { close, port } = yield* TestGateway.serve(scripted, { drainTimeout: Duration.millis(300) })
      const body = JSON.stringify({ ...hello, stream: true })
      const head = `POST /v1/messages HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n`
      const send = `${head}content-length: ${body.length}\r\n\r\n${body}`
      const running = yield* RawHttp.connect(port)
      yield* running.send(send)
      yield* running.until("text_delta")
      const closing = yield* Effect.fork(close)
      const cut = yield* running.closed
      assert.include(cut, 'event: error\ndata: {"type":"error","error":{"type":"api_error"')
      assert.notInclude(cut, "message_stop")
      yield* Fiber.join(closing)
    })
  )

  it.scopedLive("answers 503 on connections that are still open", () =>
    Effect.gen(function* () {
      const scripted = TestBackend.make(TestBackend.silent)
      const { close, port } = yield* TestGateway.serve(scripted, { drainTimeout: Duration.millis(300) })
      const body = JSON.stringify(hello)
      const head = `POST /v1/messages HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n`
      const late = yield* RawHttp.connect(port)
      const running = yield* RawHttp.connect(port)
      yield* running.send(`${head}content-length: ${body.length}\r\n\r\n${body}`)
      yield* scripted.turns.take
      // Begun before the drain, so that the connection is not idle.
      yield* late.send(head)
      const closing = yield* Effect.fork(close)
      yield* Effect.sleep("50 millis")
      yield* late.send(`content-length: ${body.length}\r\n\r\n${body}`)
      const refused = yield* late.until("request_id")
      assert.match(refused, /^HTTP\/1.1 503 /)
      assert.include(refused, '"type":"api_error","message":"The gateway is shutting down"')
      yield* Fiber.join(closing)
    })
  )
})

describe("an answer", () => {
  it.scopedLive("names it also where the stream is kept alive before anybody answers", () =>
    Effect.gen(function* () {
      const scripted = TestBackend.make(TestBackend.silent)
      const { request } = yield* TestGateway.serve(scripted, { keepAlive: Duration.millis(10) })
      const running = yield* Effect.fork(request("/v1/messages", post({ ...hello, stream: true, top_k: 5 })))
      const turn = yield* scripted.turns.take
      yield* Effect.sleep("60 millis")
      turn.emit(textDelta("Hel"))
      turn.emit(finish("stop"))
      const { headers, text } = yield* Fiber.join(running)
      assert.match(text, /^(: keep-alive|event: ping)/)
      assert.strictEqual(headers.get("x-lingma-ignored-params"), "top_k")
    })
  )

  it.scopedLive("names what had no effect, and takes what nobody knows", () =>
    Effect.gen(function* () {
      const { request } = yield* TestGateway.serve(TestBackend.make())
      const more = { temperature: 1, top_k: 5, container: "c", metadata: { user_id: "u" }, thinking: null }
      for (const stream of [false, true]) {
        const body = { ...hello, ...more, stream }
        const answer = yield* request("/v1/messages?beta=true", post(body, { "anthropic-beta": "a-2025,b-2026" }))
        assert.strictEqual(answer.status, 200)
        assert.strictEqual(answer.headers.get("x-lingma-ignored-params"), "temperature, top_k, container")
        assert.strictEqual(answer.headers.get("x-lingma-instance"), "inst-0")
      }
    })
  )
})

describe("the edge at /v1/messages", () => {
  it.scopedLive("answers HEAD / and GET / without a key", () =>
    Effect.gen(function* () {
      const { request } = yield* TestGateway.serve(TestBackend.make(), {
        apiKeys: [Redacted.make("sk-0000000000000000")]
      })
      assert.strictEqual((yield* request("/", { method: "HEAD" })).status, 200)
      assert.strictEqual((yield* request("/")).status, 200)
    })
  )

  it.scopedLive("names the right path to a client with a wrong base URL, in the error shape of its dialect", () =>
    Effect.gen(function* () {
      const { request } = yield* TestGateway.serve(TestBackend.make())
      const told = (path: string) => Effect.map(request(path, post(hello)), ({ json }) => json.error?.message)
      const unknown = "Unknown request URL: POST"
      for (const [path, message] of [
        ["/chat/completions", `${unknown} /chat/completions. It is at /v1/chat/completions: check the base URL.`],
        ["/v1/v1/responses", `${unknown} /v1/v1/responses. It is at /v1/responses: check the base URL.`],
        [
          "/v1/chat/completions/",
          `${unknown} /v1/chat/completions/. It is at /v1/chat/completions: check the base URL.`
        ],
        [
          "//v1//chat/completions",
          `${unknown} //v1//chat/completions. It is at /v1/chat/completions: check the base URL.`
        ],
        ["/v1/v1/messages", "Not found: POST /v1/v1/messages. It is at /v1/messages: check the base URL."],
        ["/messages", "Not found: POST /messages. It is at /v1/messages: check the base URL."],
        ["/v1/v1/v1/messages", `${unknown} /v1/v1/v1/messages`]
      ] as const) {
        assert.strictEqual(yield* told(path), message)
      }
    })
  )

  it.scopedLive("answers on OpenAI's paths in OpenAI's error shape", () =>
    Effect.gen(function* () {
      const { request } = yield* TestGateway.serve(TestBackend.make())
      const wrong = yield* request("/v1/messagesX", post(hello))
      assert.deepStrictEqual([wrong.status, wrong.json.error?.code], [404, "unknown_url"])
      assert.isNull(wrong.headers.get("request-id"))
      assert.strictEqual((yield* request("/v1/models")).json["object"], "list")
    })
  )
})

describe("models", () => {
  it.scopedLive("come in Anthropic's shape to whoever sends anthropic-version, with the names that lead to them", () =>
    Effect.gen(function* () {
      const modelAliases = [
        { pattern: "claude-qwen3", target: "Qwen3 Coder" },
        { pattern: "claude-nowhere", target: "gone" },
        { pattern: "claude-*", target: "lingma" },
        { pattern: "quick", target: "auto", efforts: ["low" as const] }
      ]
      const { request } = yield* TestGateway.serve(TestBackend.make(), { modelAliases })
      const init = { headers: { "anthropic-version": "2023-06-01" } }
      const { json } = yield* request("/v1/models?limit=1000", init)
      const base = { type: "model", created_at: "2024-01-01T00:00:00Z" }
      assert.deepStrictEqual(json as object, {
        data: [
          { ...base, id: "auto", display_name: "Auto" },
          { ...base, id: "org/qwen3 coder", display_name: "Qwen3 Coder", max_input_tokens: 131_072 },
          { ...base, id: "agent", display_name: "Auto" },
          { ...base, id: "claude-qwen3", display_name: "Qwen3 Coder", max_input_tokens: 131_072 }
        ],
        has_more: false,
        first_id: "auto",
        last_id: "claude-qwen3"
      })
      for (const path of ["/v1/models/org/qwen3%20coder", "/v1/models/org%2Fqwen3%20coder?beta=true"]) {
        assert.strictEqual((yield* request(path, init)).json["id"], "org/qwen3 coder")
      }
      assert.deepStrictEqual(told(yield* request("/v1/models/nope", init)), [404, "not_found_error", "model: nope"])
      const wrong = yield* request("/v1/models", { ...init, method: "DELETE" })
      assert.deepStrictEqual([told(wrong)[0], wrong.headers.get("allow")], [405, "GET, HEAD, OPTIONS"])
    })
  )

  it.scopedLive("are found under Claude's names out of the box", () =>
    Effect.gen(function* () {
      const { request } = yield* TestGateway.serve(TestBackend.make())
      for (const model of ["claude-3-5-haiku-20241022", "claude-sonnet-4-5", "claude-opus-4-1"]) {
        const { json, status } = yield* request("/v1/messages", post({ ...hello, model }))
        assert.deepStrictEqual([status, json["model"]], [200, "auto"])
      }
    })
  )
})

import { gzipSync } from "node:zlib"
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Option, Redacted } from "effect"
import OpenAI from "openai"
import type { Settings } from "../../../src/config/Config.ts"
import * as EmbeddingsServer from "../../support/EmbeddingsServer.ts"
import * as RawHttp from "../../support/RawHttp.ts"
import * as TestBackend from "../../support/TestBackend.ts"
import * as TestGateway from "../../support/TestGateway.ts"

const CLIENT_KEY = "sk-client-0000000000"
const UPSTREAM_KEY = "up-secret-1111111111"

const gateway = (url: string, settings: Partial<Settings> = {}) =>
  TestGateway.serve(TestBackend.make(), {
    apiKeys: [Redacted.make(CLIENT_KEY)],
    embeddingsUrl: Option.some(url),
    embeddingsApiKey: Option.some(Redacted.make(UPSTREAM_KEY)),
    ...settings
  })

const post = (body: unknown, headers: Record<string, string> = {}): RequestInit => ({
  method: "POST",
  headers: { "content-type": "application/json", authorization: `Bearer ${CLIENT_KEY}`, ...headers },
  body: typeof body === "string" ? body : JSON.stringify(body)
})

const hello = { model: "bge-m3", input: "Hello" }
const path = "/v1/embeddings"

const client = (base: string, apiKey = CLIENT_KEY) =>
  new OpenAI({ baseURL: `${base}/v1`, apiKey, maxRetries: 1, defaultHeaders: { cookie: "session=client" } })

describe("/v1/embeddings", () => {
  it.scopedLive("serves the openai package, with base64 and with plain numbers", () =>
    Effect.gen(function* () {
      const upstream = yield* EmbeddingsServer.serve(EmbeddingsServer.embed)
      const { base } = yield* gateway(upstream.url)
      const create = (more: Partial<OpenAI.EmbeddingCreateParams>) =>
        Effect.promise(() => client(base).embeddings.create({ model: "bge-m3", input: ["Hello", "you"], ...more }))
      for (const more of [{}, { encoding_format: "base64" as const }, { encoding_format: "float" as const }]) {
        const answer = yield* create({ ...more, dimensions: 3 })
        const [first, second] = answer.data.map(({ embedding }): unknown => embedding)
        // Asked for expressly, base64 is left to the caller.
        const read = (value: unknown) =>
          typeof value === "string" ? [...new Float32Array(new Uint8Array(Buffer.from(value, "base64")).buffer)] : value
        assert.deepStrictEqual(
          [read(first), read(second)],
          [
            [5, 0.5, -0.25],
            [3, 0.5, -0.25]
          ]
        )
        assert.deepStrictEqual(answer.usage, { prompt_tokens: 3, total_tokens: 3 })
      }
      assert.deepStrictEqual(
        upstream.asked.map(({ body }) => JSON.parse(body).encoding_format),
        ["base64", "base64", "float"]
      )
      assert.strictEqual(JSON.parse(upstream.asked[0]?.body ?? "").dimensions, 3)
    })
  )

  it.scopedLive("sends the gateway's key and the request id, and none of the client's headers", () =>
    Effect.gen(function* () {
      const upstream = yield* EmbeddingsServer.serve(EmbeddingsServer.embed)
      const { request } = yield* gateway(upstream.url)
      const answer = yield* request(
        path,
        post(hello, { "x-request-id": "mine-1", cookie: "a=b", "x-api-key": "other", "x-forwarded-for": "10.0.0.1" })
      )
      assert.deepStrictEqual([answer.status, answer.headers.get("x-request-id")], [200, "mine-1"])
      const [asked] = upstream.asked
      assert.deepInclude(asked, { method: "POST", url: "/v1/embeddings" })
      const { authorization, "x-request-id": id } = asked?.headers ?? {}
      assert.deepStrictEqual([authorization, id], [`Bearer ${UPSTREAM_KEY}`, "mine-1"])
      const head = JSON.stringify(asked?.headers)
      for (const foreign of [CLIENT_KEY, "a=b", "other", "10.0.0.1"]) assert.notInclude(head, foreign)
    })
  )

  it.scopedLive("passes unknown fields on, and the answer back unchanged", () =>
    Effect.gen(function* () {
      const odd = '{ "object":"list", "data":[{"embedding":"AACgQA==", "x":1.50}] }\n'
      const upstream = yield* EmbeddingsServer.serve(EmbeddingsServer.json(200, odd, { "x-secret": "1" }))
      const { request } = yield* gateway(`${upstream.url}/embeddings`)
      const asked = { model: "m", input: [[1, 2], [3]], input_type: "query" }
      const answer = yield* request(path, post(asked))
      assert.deepStrictEqual([answer.status, answer.text], [200, odd])
      assert.isNull(answer.headers.get("x-secret"))
      assert.deepStrictEqual(JSON.parse(upstream.asked[0]?.body ?? ""), asked)
      assert.strictEqual(upstream.asked[0]?.url, "/v1/embeddings")
    })
  )

  it.scopedLive("accepts a compressed body", () =>
    Effect.gen(function* () {
      const upstream = yield* EmbeddingsServer.serve(EmbeddingsServer.embed)
      const { request } = yield* gateway(upstream.url)
      const init = post(hello, { "content-encoding": "gzip" })
      assert.strictEqual((yield* request(path, { ...init, body: gzipSync(JSON.stringify(hello)) })).status, 200)
      assert.deepStrictEqual(JSON.parse(upstream.asked[0]?.body ?? ""), hello)
    })
  )

  it.scopedLive("is 501 naming the setting if no API is configured, without a retry by the SDK", () =>
    Effect.gen(function* () {
      const { base, lines } = yield* gateway("", { embeddingsUrl: Option.none() })
      const error = yield* Effect.promise(() =>
        client(base)
          .embeddings.create(hello)
          .then(
            () => assert.fail("it was not refused"),
            (error: InstanceType<typeof OpenAI.APIError>) => error
          )
      )
      assert.deepInclude(error, { status: 501, code: "not_supported" })
      assert.include(error.message, "EMBEDDINGS_URL")
      assert.strictEqual(lines.filter(({ message }) => message === "request").length, 1)
    })
  )

  it.scopedLive("requires a key, and rejects invalid requests before anything is sent upstream", () =>
    Effect.gen(function* () {
      const upstream = yield* EmbeddingsServer.serve(EmbeddingsServer.embed)
      const { request } = yield* gateway(upstream.url, { bodyLimitMb: 0.01 })
      const code = (init: RequestInit) =>
        Effect.map(request(path, init), ({ json, status }) => [status, json.error?.param, json.error?.code])
      assert.deepStrictEqual(yield* code(post(hello, { authorization: "Bearer no" })), [401, null, "invalid_api_key"])
      assert.deepStrictEqual(yield* code(post({ input: "x" })), [400, "model", "missing_required_parameter"])
      assert.deepStrictEqual(yield* code(post({ model: "m" })), [400, "input", "missing_required_parameter"])
      assert.deepStrictEqual(yield* code(post({ model: "m", input: 7 })), [400, "input", "invalid_type"])
      assert.deepStrictEqual(yield* code(post("{")), [400, null, null])
      assert.deepStrictEqual(yield* code(post({ ...hello, input: "x".repeat(20_000) })), [
        413,
        null,
        "request_too_large"
      ])
      assert.deepStrictEqual(yield* code(post(hello, { "content-type": "text/plain" })), [
        415,
        null,
        "unsupported_media_type"
      ])
      assert.strictEqual((yield* request(path)).status, 405)
      assert.deepStrictEqual(upstream.asked, [])
    })
  )

  it.scopedLive("appears in the access log, the metrics and the capabilities", () =>
    Effect.gen(function* () {
      const upstream = yield* EmbeddingsServer.serve(EmbeddingsServer.embed)
      const { lines, request } = yield* gateway(upstream.url)
      yield* request(path, post(hello))
      const line = lines.find(({ annotations }) => annotations["route"] === path)
      assert.deepInclude(line?.annotations, { method: "POST", path, status: 200, outcome: "completed" })
      const headers = { authorization: `Bearer ${CLIENT_KEY}` }
      const { text } = yield* request("/metrics", { headers })
      assert.match(text, /gateway_http_requests_total\{[^}]*route="\/v1\/embeddings"[^}]*\} [1-9]/)
      const { json } = yield* request("/v1/capabilities", { headers })
      assert.deepInclude(json["features"] as object, { embeddings: true })
    })
  )
})

describe("a failure of the embeddings API", () => {
  const wrongKey = { error: { message: `Incorrect API key provided: ${UPSTREAM_KEY}.`, code: "invalid_api_key" } }
  const cases: ReadonlyArray<readonly [string, EmbeddingsServer.Answering, object, string | RegExp]> = [
    ["its 401", EmbeddingsServer.json(401, wrongKey), { status: 502, code: "upstream_unauthorized" }, /gateway's key/],
    ["its 403", EmbeddingsServer.json(403, wrongKey), { status: 502, code: "upstream_unauthorized" }, /gateway's key/],
    [
      "its 400 in OpenAI's shape",
      EmbeddingsServer.json(400, { error: { message: "Too long", param: "input", code: "string_above_max_length" } }),
      { status: 400, param: "input", code: "string_above_max_length" },
      "Too long"
    ],
    ["a 400 that repeats the key", EmbeddingsServer.json(400, wrongKey), { status: 400 }, /Incorrect API key/],
    ["its 422 as other servers write it", EmbeddingsServer.json(422, { detail: "no" }), { status: 400 }, "no"],
    [
      "a model that is not there",
      EmbeddingsServer.json(404, { error: 'model "x" not found, try pulling it first' }),
      { status: 404, param: "model", code: "model_not_found" },
      /pulling/
    ],
    [
      "a path that is not there",
      (response) => void response.writeHead(404, { "content-type": "text/html" }).end("<h1>Not Found</h1>"),
      { status: 502, code: "upstream_error" },
      /usable/
    ],
    [
      "its 429",
      EmbeddingsServer.json(429, {}, { "retry-after": "7" }),
      { status: 429, code: "rate_limit_exceeded", retryAfter: "7" },
      /moment/
    ],
    [
      "its used-up quota",
      EmbeddingsServer.json(429, { error: { message: "pay", code: "insufficient_quota" } }),
      { status: 429, code: "insufficient_quota" },
      /quota/
    ],
    [
      "its 500",
      EmbeddingsServer.json(500, { error: "/secret/place" }),
      { status: 502, code: "upstream_error" },
      /usable/
    ],
    [
      "its 503",
      EmbeddingsServer.json(503, {}),
      { status: 503, code: "upstream_not_ready", retryAfter: "1" },
      /available/
    ],
    ["an answer that is no JSON", (response) => void response.end("hi"), { status: 502 }, /usable/],
    [
      "an answer that breaks off",
      (response) => {
        response.writeHead(200, { "content-type": "application/json", "content-length": "100" })
        response.write("{", () => response.destroy())
      },
      { status: 502, code: "upstream_unreachable" },
      /reached/
    ],
    ["no answer in time", () => {}, { status: 504, code: "upstream_timeout" }, /in time/]
  ]
  for (const [name, answering, wanted, message] of cases) {
    it.scopedLive(`is reported in OpenAI's shape, without the key: ${name}`, () =>
      Effect.gen(function* () {
        const upstream = yield* EmbeddingsServer.serve(answering)
        const { lines, request } = yield* gateway(upstream.url, { embeddingsTimeout: Duration.millis(500) })
        const { headers, json, status, text } = yield* request(path, post(hello))
        const retryAfter = headers.get("retry-after") ?? undefined
        assert.deepInclude({ status, retryAfter, ...json.error }, wanted)
        assert.match(json.error?.message ?? "", message instanceof RegExp ? message : new RegExp(`^${message}$`))
        const written = text + JSON.stringify(lines)
        for (const secret of [UPSTREAM_KEY, "/secret/place", upstream.url]) assert.notInclude(written, secret)
        assert.strictEqual(
          lines.filter(({ message }) => message === "embeddings API failed").length,
          name.endsWith("no JSON") ? 0 : 1
        )
      })
    )
  }

  it.scopedLive("is 502 if nothing listens, and for a redirect, which is not followed", () =>
    Effect.gen(function* () {
      const other = yield* EmbeddingsServer.serve(EmbeddingsServer.embed)
      const moved = yield* EmbeddingsServer.serve(
        EmbeddingsServer.json(307, {}, { location: `${other.url}/embeddings` })
      )
      const first = yield* gateway(moved.url)
      assert.strictEqual((yield* first.request(path, post(hello))).status, 502)
      assert.deepStrictEqual(other.asked, [])
      const second = yield* gateway("http://127.0.0.1:1/v1")
      const answer = yield* second.request(path, post(hello))
      assert.deepStrictEqual([answer.status, answer.json.error?.code], [502, "upstream_unreachable"])
      assert.notInclude(answer.text, "127.0.0.1")
    })
  )
})

describe("a request for embeddings", () => {
  it.scopedLive("is cancelled upstream when the client disconnects, and frees its slot", () =>
    Effect.gen(function* () {
      const upstream = yield* EmbeddingsServer.serve((response, asked) => {
        if (asked.body.includes("slow")) response.writeHead(200, { "content-type": "application/json" }).write("{")
        else EmbeddingsServer.embed(response, asked)
      })
      const { lines, port, request } = yield* gateway(upstream.url, { maxInFlight: 1 })
      const peer = yield* RawHttp.connect(port)
      const raw = RawHttp.post({ model: "slow", input: "x" })
      yield* peer.send(
        raw.replace("/v1/chat/completions", path).replace(/\r\n/, `\r\nauthorization: Bearer ${CLIENT_KEY}\r\n`)
      )
      yield* Effect.repeat(Effect.sleep("1 millis"), { until: () => upstream.asked.length === 1 })
      const full = yield* request(path, post(hello))
      assert.deepStrictEqual([full.status, full.json.error?.code], [429, "backpressure"])
      yield* Effect.sync(() => peer.socket.resetAndDestroy())
      yield* Effect.promise(() => upstream.left)
      const left = () => lines.find(({ annotations }) => annotations["status"] === 499)
      yield* Effect.repeat(Effect.sleep("1 millis"), { until: () => left() !== undefined })
      assert.deepInclude(left()?.annotations, { route: path, outcome: "cancelled" })
      assert.strictEqual((yield* request(path, post(hello))).status, 200)
    })
  )

  it.scopedLive("takes no slot while its body is on its way", () =>
    Effect.gen(function* () {
      const upstream = yield* EmbeddingsServer.serve(EmbeddingsServer.embed)
      const { port, request } = yield* gateway(upstream.url, { maxInFlight: 1 })
      const peer = yield* RawHttp.connect(port)
      const head = [
        `POST ${path} HTTP/1.1`,
        "host: x",
        `authorization: Bearer ${CLIENT_KEY}`,
        "content-type: application/json",
        "content-length: 100",
        "expect: 100-continue"
      ]
      yield* peer.send(`${head.join("\r\n")}\r\n\r\n`)
      // Its body is being read.
      yield* peer.until("100 Continue")
      yield* peer.send('{"model":')
      assert.strictEqual((yield* request(path, post(hello))).status, 200)
    })
  )

  it.scopedLive("counts its text, as it is sent on, against the memory limit of request bodies", () =>
    Effect.gen(function* () {
      const upstream = yield* EmbeddingsServer.serve(EmbeddingsServer.json(200, {}))
      const { request } = yield* gateway(upstream.url, { bodyLimitMb: 0.1, bodiesLimitMb: 0.2, bodiesPerKeyMb: 0.2 })
      // Short as it arrives, four times as long as it is sent on.
      const numbers = (many: number) => post(`{"model":"m","input":[${Array(many).fill("1e20").join(",")}]}`)
      const refused = yield* request(path, numbers(19_000))
      assert.deepStrictEqual([refused.status, refused.json.error?.code], [429, "backpressure"])
      assert.strictEqual((yield* request(path, numbers(1000))).status, 200)
      assert.lengthOf(upstream.asked, 1)
    })
  )

  it.scopedLive("counts its answer against the memory limit of request bodies", () =>
    Effect.gen(function* () {
      const large = { object: "list", data: [], model: "x".repeat(400_000) }
      const upstream = yield* EmbeddingsServer.serve(EmbeddingsServer.json(200, large))
      const tight = yield* gateway(upstream.url, { bodyLimitMb: 0.1, bodiesLimitMb: 0.2, bodiesPerKeyMb: 0.2 })
      const refused = yield* tight.request(path, post(hello))
      assert.deepStrictEqual([refused.status, refused.json.error?.code], [429, "backpressure"])
      assert.strictEqual((yield* (yield* gateway(upstream.url)).request(path, post(hello))).status, 200)
    })
  )
})

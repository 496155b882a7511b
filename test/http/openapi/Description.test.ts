import * as HttpApi from "@effect/platform/HttpApi"
import * as OpenApi from "@effect/platform/OpenApi"
import { assert, describe, it } from "@effect/vitest"
import spectral, { type RulesetDefinition } from "@stoplight/spectral-core"
import rulesets from "@stoplight/spectral-rulesets"
import { Ajv2020 } from "ajv/dist/2020.js"
import { Effect, Redacted } from "effect"
import {
  BackendFailure,
  BackendUnavailable,
  NotLoggedIn,
  QuotaExhausted,
  UpstreamTimeout
} from "../../../src/domain/ChatError.ts"
import { Api } from "../../../src/http/Api.ts"
import * as LimitHeaders from "../../../src/http/chat/limits/LimitHeaders.ts"
import type { Operation, Spec } from "../../../src/http/openapi/Description.ts"
import * as Endless from "../../support/Endless.ts"
import * as TestBackend from "../../support/TestBackend.ts"
import * as TestGateway from "../../support/TestGateway.ts"

const spec: Spec = JSON.parse(JSON.stringify(OpenApi.fromApi(Api)))
const hello = { model: "auto", messages: [{ role: "user", content: "hi" }] }

const operations = Object.entries(spec.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method, operation }))
)

const ajv = new Ajv2020({ strict: false, validateSchema: false, validateFormats: false })
ajv.addSchema(spec, "spec")

/** What belongs to HTTP itself. */
const transport = new Set(["date", "connection", "keep-alive", "content-type", "content-length", "transfer-encoding"])

/** Where the description and a real answer differ. */
const differences = (path: string, method: string, answer: Response, text: string): ReadonlyArray<string> => {
  const responses = spec.paths[path]?.[method]?.responses ?? {}
  const described = responses[String(answer.status)]
  const at = `${method} ${path} ${answer.status}`
  if (described === undefined) return [`${at}: not described`]
  const type = (answer.headers.get("content-type") ?? "").split("; charset")[0] ?? ""
  const pointer = ["paths", path, method, "responses", String(answer.status), "content", type, "schema"]
  const extra = [...answer.headers.keys()].filter(
    (name) => !transport.has(name) && described.headers?.[name] === undefined
  )
  if (described.content?.[type] === undefined) return [...extra, `${at}: ${type}`]
  const isRight = ajv.compile({
    $ref: `spec#${pointer.map((part) => `/${encodeURIComponent(part.replaceAll("~", "~0").replaceAll("/", "~1"))}`).join("")}`
  })
  const bodies: ReadonlyArray<unknown> =
    type === "application/json"
      ? [JSON.parse(text)]
      : type === "text/event-stream"
        ? text
            .split("\n")
            .filter((line) => line.startsWith("data: {") && !line.startsWith('data: {"error"'))
            .map((line) => JSON.parse(line.slice(6)))
        : [text]
  // The events of a stream are described one by one, or as one text.
  const wrong = isRight(text) ? [] : bodies.filter((body) => !isRight(body))
  return [
    ...extra.map((name) => `${at}: header ${name}`),
    ...(wrong.length === 0 ? [] : [`${at}: ${ajv.errorsText(isRight.errors)} in ${JSON.stringify(wrong[0])}`])
  ]
}

describe("/openapi.json", () => {
  it("passes Spectral's rules for OpenAPI", async () => {
    const linter = new spectral.Spectral()
    linter.setRuleset({
      extends: [[rulesets.oas as RulesetDefinition, "all"]],
      // There is no address to give: each gateway is run by somebody else.
      rules: { "contact-properties": "off" }
    })
    const found = await linter.run(JSON.parse(JSON.stringify(spec)))
    assert.deepStrictEqual(
      found.map(({ code, message, path }) => `${code} at ${path.join(".")}: ${message}`),
      []
    )
  }, 60_000)

  it("lists every route with its headers and the errors that any request may get", () => {
    const routes: Array<string> = ["get /openapi.json", "get /docs"]
    HttpApi.reflect(Api, {
      onGroup: () => {},
      onEndpoint: ({ endpoint: { method, path } }) => {
        routes.push(`${method.toLowerCase()} ${path.replaceAll(/:(\w+)/g, "{$1}")}`)
      }
    })
    assert.deepStrictEqual(operations.map(({ method, path }) => `${method} ${path}`).sort(), routes.sort())
    for (const { operation, path } of operations) {
      const responses = Object.entries((operation as Operation).responses ?? {})
      assert.includeMembers(
        responses.map(([status]) => status),
        ["200", "400", "403", "408", "414", "417", "431", "500", "503"],
        path
      )
      for (const [status, { content, description, headers = {} }] of responses) {
        assert.include(Object.keys(headers), "x-request-id", `${path} ${status}`)
        assert.isAbove(Object.keys(content ?? {}).length, 0, `${path} ${status}`)
        assert.match(description ?? "", /^[A-Z].*\.$/)
        if (status === "429" || status === "503") assert.include(Object.keys(headers), "retry-after")
        if (content?.["text/event-stream"] !== undefined) assert.include(Object.keys(headers), "x-lingma-instance")
      }
    }
  })

  it("describes what chats are told of their key's limits, in the dialect's own headers", () => {
    const left = { limit: 2, remaining: 1, reset: 1000 }
    const names = (headers: LimitHeaders.LimitHeaders) =>
      Object.keys(headers({ requests: left, tokens: left }, 0)).sort()
    const described = (path: string, status: string) =>
      Object.keys(spec.paths[path]?.["post"]?.responses?.[status]?.headers ?? {})
        .filter((name) => name.includes("ratelimit"))
        .sort()
    for (const path of ["/v1/chat/completions", "/v1/completions", "/v1/responses", "/v1/responses/compact"])
      for (const status of ["200", "429", "502"])
        assert.deepStrictEqual(described(path, status), names(LimitHeaders.openai), `${path} ${status}`)
    for (const status of ["200", "429"])
      assert.deepStrictEqual(described("/v1/messages", status), names(LimitHeaders.anthropic))
    assert.deepStrictEqual(described("/v1/embeddings", "200"), [])
    assert.deepStrictEqual(described("/v1/messages/count_tokens", "200"), [])
  })

  const backends = {
    whole: TestBackend.make(),
    emulated: TestBackend.make(TestBackend.say("a"), { emulated: true }),
    quota: TestBackend.make(TestBackend.refuse(new QuotaExhausted({ instance: "inst-0" }))),
    broken: TestBackend.make(
      TestBackend.refuse(new BackendFailure({ instance: "inst-0", started: true, detail: "secret" }))
    ),
    late: TestBackend.make(TestBackend.refuse(new UpstreamTimeout({ instance: "inst-0", phase: "first_token" }))),
    signedOut: TestBackend.make(TestBackend.silent, {
      ensureReady: new NotLoggedIn({ instance: "inst-0", retriable: false })
    }),
    down: TestBackend.make(TestBackend.silent, {
      ensureReady: new BackendUnavailable({ instance: "inst-0", detail: "secret" })
    })
  }
  for (const [name, scripted] of Object.entries(backends)) {
    it.scopedLive(`matches the real responses over a backend: ${name}`, () =>
      Effect.gen(function* () {
        const origin = "https://app.example"
        const gateway = yield* TestGateway.serve(scripted, {
          apiKeys: [Redacted.make("sk-the-only-key")],
          corsOrigins: [origin],
          bodyLimitMb: 0.01
        })
        const key = { authorization: "Bearer sk-the-only-key", origin }
        const json = { ...key, "content-type": "application/json" }
        const post = (path: string, body: unknown, headers: Record<string, string> = json) =>
          [path, "post", "", { headers, body: JSON.stringify(body) }] as const
        const chat = (body: unknown, headers?: Record<string, string>) => post("/v1/chat/completions", body, headers)
        const asked: ReadonlyArray<readonly [path: string, method: string, as: string, init: RequestInit]> = [
          ...operations
            .filter(({ method }) => method === "get")
            .map(({ path }) => [path, "get", path.replace("{id}", "auto"), { headers: key }] as const),
          ...operations.map(({ method, path }) => [path, method, "", { body: "{}" }] as const),
          ...operations
            .filter(({ method }) => method === "post")
            .map(({ path }) => [path, "post", "", { headers: json, body: "{" }] as const),
          ["/v1/models/{id}", "get", "/v1/models/none", { headers: key }],
          ["/internal/auto-login/start", "post", "/internal/auto-login/start?instance=inst-9", { headers: key }],
          ...["/v1/responses", "/v1/completions", "/v1/messages", "/v1/messages/count_tokens"]
            .filter((path) => spec.paths[path] !== undefined)
            .flatMap((path) =>
              [false, true].flatMap((stream) => [
                post(path, {
                  model: "auto",
                  input: "hi",
                  prompt: "hi",
                  max_tokens: 9,
                  messages: hello.messages,
                  stream
                }),
                post(path, {
                  model: "none",
                  input: "hi",
                  prompt: "hi",
                  max_tokens: 9,
                  messages: hello.messages,
                  stream
                })
              ])
            ),
          chat(hello),
          chat({ ...hello, stream: true, stream_options: { include_usage: true } }),
          chat({ ...hello, model: "none" }),
          chat({ ...hello, messages: [] }),
          chat({ ...hello, user: "x".repeat(20_000) }),
          chat(hello, { ...key, "content-type": "text/plain" })
        ]
        const found: Array<string> = []
        for (const [path, method, as, init] of asked) {
          const { body, ...rest } = init
          const answer = yield* Effect.promise(() =>
            fetch(gateway.base + (as || path), {
              method: method.toUpperCase(),
              ...rest,
              ...(method === "get" ? {} : { body: body ?? "" })
            })
          )
          const text = yield* Effect.promise(() => Endless.textOf(path, answer))
          found.push(...differences(path, method, answer, text))
        }
        assert.deepStrictEqual([...new Set(found)], [])
      })
    )
  }
})

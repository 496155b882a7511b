import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { DirectRoutes } from "../../../src/http/edge/DirectRoutes.ts"
import * as Server from "../../../src/http/Server.ts"
import * as TestBackend from "../../support/TestBackend.ts"
import * as TestGateway from "../../support/TestGateway.ts"

const key = "sk-first-0000000000"
const messages = [{ role: "user", content: "hi" }]
const routes: ReadonlyArray<readonly [path: string, body: object]> = [
  ["/v1/chat/completions", { model: "auto", messages }],
  ["/v1/completions", { model: "auto", prompt: "hi" }],
  ["/v1/responses", { model: "auto", input: "hi" }],
  ["/v1/messages", { model: "auto", max_tokens: 9, messages }]
]

describe("a chat on the fast path", () => {
  it.scopedLive("gets the same answer as through the router", () =>
    Effect.gen(function* () {
      const kinds = routes.flatMap(([path, body]) => [
        { path, body: JSON.stringify(body) },
        { path, body: JSON.stringify({ ...body, stream: true }) },
        { path: `${path}?beta=true`, body: JSON.stringify(body) },
        { path: `${path}?beta=true`, body: "{" },
        { path, body: JSON.stringify({ ...body, model: 1 }) },
        { path, body: JSON.stringify({ ...body, model: "unheard-of" }) },
        { path, body: "{" },
        { path, body: JSON.stringify(body), headers: { authorization: "Bearer wrong" } },
        { path, body: JSON.stringify(body), headers: { authorization: "" } },
        { path, body: JSON.stringify(body), headers: { "content-type": "text/plain" } }
      ])
      const answersOf = Effect.fnUntraced(function* (server: typeof Server.layer) {
        const settings = { apiKeys: [Redacted.make(key)] }
        const { drained, lines, request } = yield* TestGateway.serve(TestBackend.make(), settings, server)
        const answers = yield* Effect.forEach(kinds, ({ body, headers, path }) =>
          request(path, {
            method: "POST",
            headers: {
              "content-type": "application/json",
              authorization: `Bearer ${key}`,
              "x-request-id": "same",
              ...headers
            },
            body
          })
        )
        yield* drained
        const seen = lines.filter(({ message }) => message === "request").map(({ annotations }) => annotations)
        return {
          answers,
          seen: seen.map(({ key, method, outcome, path, route, status }) => ({
            key,
            method,
            outcome,
            path,
            route,
            status
          }))
        }
      })
      const direct = yield* answersOf(Server.layer)
      const routed = yield* answersOf(Server.layerRouted)
      for (const [n, { body, path }] of kinds.entries()) {
        const [short, long] = [direct.answers[n]!, routed.answers[n]!]
        assert.strictEqual(short.status, long.status, `${path} ${body}`)
        const names = ({ headers }: typeof short) => [...headers.keys()].sort()
        assert.deepStrictEqual(names(short), names(long))
        assert.strictEqual(short.headers.get("content-type"), long.headers.get("content-type"))
        if (short.status === 200) assert.deepStrictEqual(Object.keys(short.json), Object.keys(long.json))
        else assert.strictEqual(short.text, long.text)
      }
      assert.strictEqual(direct.seen.length, kinds.length)
      // The log names the key of whoever was let in.
      for (const { key: name, status } of direct.seen) assert.strictEqual(name, status === 401 ? undefined : "key-1")
      assert.deepStrictEqual(direct.seen, routed.seen)
    })
  )

  it("is matched by method and path, ignoring the query", () => {
    const shortcuts = DirectRoutes.make()
    shortcuts.add("POST", "/v1/messages", Effect.succeed(HttpServerResponse.empty()))
    const find = (method: string, url: string) =>
      shortcuts.find(HttpServerRequest.fromWeb(new Request(`http://localhost${url}`, { method })))
    for (const url of ["/v1/messages", "/v1/messages?beta=true", "/v1/messages?"]) {
      assert.isDefined(find("POST", url), url)
    }
    for (const url of [
      "/v1/messages/",
      "/v1/messages/count_tokens",
      "/v1/Messages",
      "/v1/%6Dessages",
      "/?/v1/messages"
    ]) {
      assert.isUndefined(find("POST", url), url)
    }
    assert.isUndefined(find("GET", "/v1/messages"))
  })
})

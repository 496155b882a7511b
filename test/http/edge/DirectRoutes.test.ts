import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import * as TestBackend from "../../support/TestBackend.ts"
import * as TestGateway from "../../support/TestGateway.ts"

const key = "sk-first-0000000000"
const messages = [{ role: "user", content: "hi" }]
const routes: ReadonlyArray<readonly [path: string, body: object]> = [
  ["/v1/chat/completions", { model: "auto", messages }],
  ["/v1/responses", { model: "auto", input: "hi" }],
  ["/v1/messages", { model: "auto", max_tokens: 9, messages }]
]

describe("a chat past the router", () => {
  it.scopedLive("is answered as the router answers it", () =>
    Effect.gen(function* () {
      const { drained, lines, request } = yield* TestGateway.serve(TestBackend.make(), {
        apiKeys: [Redacted.make(key)]
      })
      const post = (path: string, body: string, headers: Record<string, string> = {}) =>
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
      const kinds = routes.flatMap(([path, body]) => [
        { path, body: JSON.stringify(body) },
        { path, body: JSON.stringify({ ...body, stream: true }) },
        { path, body: JSON.stringify({ ...body, model: 1 }) },
        { path, body: JSON.stringify({ ...body, model: "unheard-of" }) },
        { path, body: "{" },
        { path, body: JSON.stringify(body), headers: { authorization: "Bearer wrong" } },
        { path, body: JSON.stringify(body), headers: { authorization: "" } },
        { path, body: JSON.stringify(body), headers: { "content-type": "text/plain" } }
      ])
      for (const { body, headers, path } of kinds) {
        // Only what is written as the route is takes the short way.
        const [short, long] = [yield* post(path, body, headers), yield* post(`${path}?a=b`, body, headers)]
        assert.strictEqual(short.status, long.status, `${path} ${body}`)
        const names = ({ headers }: typeof short) => [...headers.keys()].sort()
        assert.deepStrictEqual(names(short), names(long))
        assert.strictEqual(short.headers.get("content-type"), long.headers.get("content-type"))
        if (short.status === 200) assert.deepStrictEqual(Object.keys(short.json), Object.keys(long.json))
        else assert.strictEqual(short.text, long.text)
      }
      yield* drained
      const seen = lines.filter(({ message }) => message === "request").map(({ annotations }) => annotations)
      const known = ({ method, outcome, path, route, status }: (typeof seen)[number]) =>
        JSON.stringify({ method, outcome, path, route, status })
      assert.strictEqual(seen.length, 2 * kinds.length)
      for (let n = 0; n < seen.length; n += 2) assert.strictEqual(known(seen[n]!), known(seen[n + 1]!))
    })
  )
})

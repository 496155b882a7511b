import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as TestBackend from "../../../support/TestBackend.ts"
import * as TestGateway from "../../../support/TestGateway.ts"

const messages = [{ role: "user", content: "hi" }]
const bodies = {
  "/v1/chat/completions": { model: "auto", messages },
  "/v1/completions": { model: "auto", prompt: "hi" },
  "/v1/responses": { model: "auto", input: "hi" },
  "/v1/messages": { model: "auto", max_tokens: 100, messages }
}

describe("a field that has no effect", () => {
  it.scopedLive("is named in a header by each dialect, or rejected in strict mode", () =>
    Effect.gen(function* () {
      const lenient = yield* TestGateway.serve(TestBackend.make())
      const strict = yield* TestGateway.serve(TestBackend.make(), { strictParams: true })
      for (const [path, body] of Object.entries(bodies)) {
        const post = (more: object) => ({
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ ...body, ...more })
        })
        const named = yield* lenient.request(path, post({ temperature: 0.5, top_q: 1 }))
        assert.deepStrictEqual([path, named.status], [path, 200])
        assert.strictEqual(named.headers.get("x-lingma-ignored-params"), "temperature, top_q")
        const refused = yield* strict.request(path, post({ top_q: 1 }))
        assert.deepStrictEqual([path, refused.status], [path, 400])
        assert.include(refused.json.error?.message, "top_q")
        assert.strictEqual((yield* strict.request(path, post({}))).status, 200)
      }
    })
  )
})

import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect } from "effect"
import * as RawHttp from "../../../support/RawHttp.ts"
import * as TestBackend from "../../../support/TestBackend.ts"
import * as TestGateway from "../../../support/TestGateway.ts"

const user = (content: unknown) => [{ role: "user", content }]
const messages = user("hi")
const bodies = {
  "/v1/chat/completions": { model: "auto", messages },
  "/v1/completions": { model: "auto", prompt: "hi" },
  "/v1/responses": { model: "auto", input: "hi" },
  "/v1/messages": { model: "auto", max_tokens: 100, messages }
}

const post = (body: object) => ({
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify(body)
})

/** Base64 of two letters, which is found out when pictures are loaded. */
const data = "aGk="
const url = `data:image/png;base64,${data}`
const pictures = {
  "/v1/chat/completions": { messages: user([{ type: "image_url", image_url: { url } }]) },
  "/v1/responses": { input: user([{ type: "input_image", image_url: url, detail: "auto" }]) },
  "/v1/messages": { messages: user([{ type: "image", source: { type: "base64", media_type: "image/png", data } }]) }
}

describe("a field that has no effect", () => {
  it.scopedLive("is named in a header by each dialect, or rejected in strict mode", () =>
    Effect.gen(function* () {
      const lenient = yield* TestGateway.serve(TestBackend.make())
      const strict = yield* TestGateway.serve(TestBackend.make(), { strictParams: true })
      for (const [path, body] of Object.entries(bodies)) {
        const named = yield* lenient.request(path, post({ ...body, temperature: 0.5, top_q: 1 }))
        assert.deepStrictEqual([path, named.status], [path, 200])
        assert.strictEqual(named.headers.get("x-lingma-ignored-params"), "temperature, top_q")
        const refused = yield* strict.request(path, post({ ...body, top_q: 1 }))
        assert.deepStrictEqual([path, refused.status], [path, 400])
        assert.include(refused.json.error?.message, "top_q")
        assert.strictEqual((yield* strict.request(path, post(body))).status, 200)
      }
    })
  )

  it.scopedLive("is rejected in strict mode before pictures are loaded, in each dialect", () =>
    Effect.gen(function* () {
      const { request } = yield* TestGateway.serve(TestBackend.make(), { strictParams: true })
      for (const [path, picture] of Object.entries(pictures)) {
        const body = { ...bodies[path as keyof typeof pictures], ...picture }
        const spoiled = yield* request(path, post(body))
        assert.deepStrictEqual([path, spoiled.status], [path, 400])
        assert.notInclude(spoiled.json.error?.message, "top_q")
        const refused = yield* request(path, post({ ...body, top_q: 1 }))
        assert.deepStrictEqual([path, refused.status], [path, 400])
        assert.include(refused.json.error?.message, "top_q", path)
      }
    })
  )

  it.scopedLive("is named also on a stream that starts with a keep-alive, in each dialect", () =>
    Effect.gen(function* () {
      const { port } = yield* TestGateway.serve(TestBackend.make(TestBackend.silent), {
        keepAlive: Duration.millis(50)
      })
      for (const [path, body] of Object.entries(bodies)) {
        const peer = yield* RawHttp.connect(port)
        yield* peer.send(RawHttp.post({ ...body, stream: true, top_q: 1 }).replace("/v1/chat/completions", path))
        const head = yield* peer.until("\r\n\r\n")
        assert.match(head, /^HTTP\/1\.1 200 /, path)
        assert.include(head, "x-lingma-ignored-params: top_q\r\n", path)
        assert.notInclude(head, "x-lingma-instance", path)
      }
    })
  )
})

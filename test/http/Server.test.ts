import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as TestBackend from "../support/TestBackend.ts"
import * as TestGateway from "../support/TestGateway.ts"

const hello = { model: "auto", messages: [{ role: "user", content: "hi" }] }
const post = (base: string, body: unknown) =>
  Effect.promise(async () => {
    const response = await fetch(`${base}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body)
    })
    return { response, text: await response.text() }
  })

describe("Server", () => {
  it.scopedLive("answers at once", () =>
    Effect.gen(function* () {
      const { base, drained } = yield* TestGateway.serve(TestBackend.make())
      const { response, text } = yield* post(base, hello)
      console.log(response.status, text, [...response.headers])
      const s = yield* post(base, { ...hello, stream: true, stream_options: { include_usage: true } })
      console.log(s.response.status, s.text, [...s.response.headers])
      for (const p of ["/", "/healthz", "/readyz", "/v1/models", "/v1/models/org/qwen3%20coder", "/v1/models/x", "/nope", "/v1/chat/completions", "/openapi.json"]) {
        const r = yield* Effect.promise(() => fetch(base + p))
        console.log(p, r.status, (yield* Effect.promise(() => r.text())).slice(0, 300))
      }
      yield* drained
    })
  )
})

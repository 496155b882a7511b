import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { QuotaExhausted } from "../../../src/domain/ChatError.ts"
import * as TestBackend from "../../support/TestBackend.ts"
import * as TestGateway from "../../support/TestGateway.ts"

const model = { key: "x", name: "x", scene: "chat", isDefault: false }

describe("A spent quota", () => {
  it.scopedLive("tells clients of each dialect when a spent quota returns, and asks again once at most", () =>
    Effect.gen(function* () {
      const scripted = TestBackend.make(
        TestBackend.refuse(new QuotaExhausted({ instance: "inst-0", model: "x", until: Date.now() + 90_000 })),
        { offers: [model] }
      )
      const gateway = yield* TestGateway.serve(scripted)
      const messages = [{ role: "user", content: "hi" }]
      const told: Array<readonly [number, unknown, unknown]> = []
      for (const [path, body] of [
        ["chat/completions", { messages }],
        ["chat/completions", { messages }],
        ["responses", { input: "hi" }],
        ["messages", { messages, max_tokens: 9 }]
      ] as const) {
        const headers = { "content-type": "application/json" }
        const init = { method: "POST", headers, body: JSON.stringify({ model: "x", ...body }) }
        const answer = yield* gateway.request(`/v1/${path}`, init)
        const seconds = Number(answer.headers.get("retry-after"))
        assert.isTrue(seconds > 60 && seconds <= 90, `${path}: ${seconds} s`)
        told.push([answer.status, answer.json.error?.type, answer.json.error?.code])
      }
      const openai = [429, "insufficient_quota", "insufficient_quota"] as const
      assert.deepStrictEqual(told, [openai, openai, openai, [429, "rate_limit_error", undefined]])
      assert.strictEqual(scripted.asks.length, 2)
    })
  )
})

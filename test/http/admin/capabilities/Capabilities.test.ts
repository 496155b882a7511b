import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted, Schema } from "effect"
import { Capabilities } from "../../../../src/http/admin/capabilities/Api.ts"
import * as TestBackend from "../../../support/TestBackend.ts"
import * as TestGateway from "../../../support/TestGateway.ts"

describe("/v1/capabilities", () => {
  it.scopedLive("lists features, limits and each dialect's fields, and requires a key", () =>
    Effect.gen(function* () {
      const { request } = yield* TestGateway.serve(TestBackend.make(), {
        apiKeys: [Redacted.make("sk-1")],
        reasoningField: "both"
      })
      assert.strictEqual((yield* request("/v1/capabilities")).status, 401)
      const { json, status } = yield* request("/v1/capabilities", { headers: { authorization: "Bearer sk-1" } })
      assert.strictEqual(status, 200)
      const told = Schema.decodeUnknownSync(Capabilities, { onExcessProperty: "error" })(json)
      assert.strictEqual(told.features.tools.support, "emulated")
      assert.strictEqual(told.features.reasoning.field, "both")
      const chat = told.dialects["/v1/chat/completions"]
      assert.strictEqual(chat?.limits["tools"], 128)
      assert.deepStrictEqual(chat?.fields["temperature"], { class: "ignored" })
      assert.deepStrictEqual(chat?.fields["n"], { class: "honoured", refused: "more than 1" })
      assert.deepStrictEqual(chat?.fields["audio"], { class: "refused" })
    })
  )
})

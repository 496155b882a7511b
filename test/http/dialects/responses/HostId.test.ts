import { assert, describe, it } from "@effect/vitest"
import { Effect, Either, Option } from "effect"
import OpenAI from "openai"
import * as Rule from "../../../../src/config/SettingRules.ts"
import * as TestBackend from "../../../support/TestBackend.ts"
import * as TestGateway from "../../../support/TestGateway.ts"

describe("GATEWAY_HOST_ID", () => {
  it("is short, and made of what ids and HAProxy's names of servers may hold", () => {
    for (const id of ["a", "host-2", "0123456789abcdef"])
      assert.deepStrictEqual(Rule.hostId(id), Either.right(Option.some(id)))
    assert.deepStrictEqual(Rule.hostId(""), Either.right(Option.none()))
    for (const wrong of ["A", "a_b", "a.b", "a b", "0123456789abcdefg", "é", "a\n"])
      assert.deepStrictEqual(Rule.hostId(wrong), Either.left("must be 1 to 16 of a-z, 0-9 and -"), wrong)
  })

  it.scopedLive("is in the ids of responses and conversations, which can be gone on from", () =>
    Effect.gen(function* () {
      const scripted = TestBackend.make(TestBackend.say("blue"))
      const { base } = yield* TestGateway.serve(scripted, { hostId: Option.some("host-2") })
      const openai = new OpenAI({ baseURL: `${base}/v1`, apiKey: "any", maxRetries: 0 })
      yield* Effect.promise(async () => {
        const first = await openai.responses.create({ model: "auto", input: "which colour?" })
        assert.match(first.id, /^resp_host-2_[0-9a-f]{48}$/)
        // Items are looked for in what holds them.
        assert.match(first.output[0]?.id ?? "", /^msg_[0-9a-f]{48}$/)
        const next = await openai.responses.create({ model: "auto", input: "why?", previous_response_id: first.id })
        assert.include(scripted.asks.at(-1)?.prompt, "which colour?")
        assert.strictEqual((await openai.responses.retrieve(next.id)).id, next.id)
        assert.match((await openai.conversations.create({})).id, /^conv_host-2_[0-9a-f]{48}$/)
      })
    })
  )
})

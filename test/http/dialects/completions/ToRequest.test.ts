import { assert, describe, it } from "@effect/vitest"
import { Either, Option, Schema } from "effect"
import { CompletionRequest } from "../../../../src/http/dialects/completions/Payload.ts"
import * as ToRequest from "../../../../src/http/dialects/completions/ToRequest.ts"

const request = (body: object) =>
  ToRequest.toRequest(Schema.decodeUnknownSync(CompletionRequest)({ model: "auto", prompt: "Once", ...body }), {})

const complaint = (body: object) => {
  const { body: told, status } = Either.getOrThrow(Either.flip(request(body)))
  return [status, told.error.code, told.error.param, told.error.message]
}

describe("a text completion request", () => {
  it("asks its prompt as one message of the user, without a limit unless it gives one", () => {
    const asked = Either.getOrThrow(request({}))
    assert.deepStrictEqual(
      asked.messages.map(({ role, text }) => [role, text]),
      [["user", "Once"]]
    )
    assert.isUndefined(asked.maxTokens)
    assert.deepStrictEqual(asked.stop, [])
    assert.deepStrictEqual(asked.origin, { dialect: "completions", stream: false })
    assert.strictEqual(Either.getOrThrow(request({ prompt: ["Twice"] })).messages[0].text, "Twice")
  })

  it("keeps stop texts, limit and user", () => {
    const asked = Either.getOrThrow(request({ stop: "\n", max_tokens: 3, user: "me", stream: true }))
    assert.deepStrictEqual([asked.stop, asked.maxTokens, asked.origin.stream], [["\n"], 3, true])
    assert.isTrue(Option.isSome(asked.affinity))
    assert.deepStrictEqual(Either.getOrThrow(request({ stop: ["a", "b"] })).stop, ["a", "b"])
  })

  it("takes what says no more than the default", () => {
    const more = { suffix: "", echo: false, n: 1, best_of: 1, logprobs: null, stop: null, max_tokens: null }
    assert.isTrue(Either.isRight(request(more)))
  })

  it("is refused by name where a wrong answer would be given", () => {
    const unsupported = "unsupported_value"
    for (const prompt of [[1, 2], [[1, 2]]]) {
      assert.deepStrictEqual(complaint({ prompt }).slice(0, 3), [400, unsupported, "prompt"])
      assert.match(String(complaint({ prompt })[3]), /Tokens/)
    }
    assert.match(String(complaint({ prompt: ["a", "b"] })[3]), /Only one prompt/)
    assert.deepStrictEqual(complaint({ suffix: "end" }).slice(0, 3), [400, unsupported, "suffix"])
    assert.match(String(complaint({ suffix: "end" })[3]), /Insertion/)
    assert.deepStrictEqual(complaint({ n: 2 }).slice(1, 3), [unsupported, "n"])
    assert.deepStrictEqual(complaint({ best_of: 2 }).slice(1, 3), [unsupported, "best_of"])
    assert.deepStrictEqual(complaint({ logprobs: 0 }).slice(1, 3), [unsupported, "logprobs"])
    assert.deepStrictEqual(complaint({ stream_options: {} }).slice(1, 3), ["invalid_value", "stream_options"])
    for (const prompt of ["", " \n", [], [""]]) {
      assert.deepStrictEqual(complaint({ prompt }), [400, "invalid_value", "prompt", "prompt is empty"])
    }
  })
})

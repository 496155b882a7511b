import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import OpenAI from "openai"
import { finish, textDelta, usage } from "../../../../src/domain/Chat.ts"
import { ContentFiltered } from "../../../../src/domain/ChatError.ts"
import * as TestBackend from "../../../support/TestBackend.ts"
import * as TestGateway from "../../../support/TestGateway.ts"

const client = (base: string) => new OpenAI({ baseURL: `${base}/v1`, apiKey: "any", maxRetries: 0 })
const prompt = "Once upon"

const rejected = (run: () => Promise<unknown>) =>
  Effect.promise(() =>
    run().then(
      () => assert.fail("it was not rejected"),
      (error: unknown) => error as InstanceType<typeof OpenAI.APIError>
    )
  )

describe("the openai package", () => {
  it.scopedLive("completes a text", () =>
    Effect.gen(function* () {
      const said = TestBackend.emit(textDelta(" a time"), usage({ inputTokens: 3, outputTokens: 2 }), finish("stop"))
      const scripted = TestBackend.make(said)
      const { base } = yield* TestGateway.serve(scripted)
      const answer = yield* Effect.promise(() => client(base).completions.create({ model: "auto", prompt, echo: true }))
      assert.match(answer.id, /^cmpl-[0-9a-f]{32}$/)
      assert.strictEqual(answer.object, "text_completion")
      assert.deepStrictEqual(answer.choices, [
        { text: "Once upon a time", index: 0, logprobs: null, finish_reason: "stop" }
      ])
      assert.deepStrictEqual(answer.usage, { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 })
      assert.include(scripted.asks[0]?.prompt, prompt)
    })
  )

  it.scopedLive("streams a text up to a stop text, with usage when it asks", () =>
    Effect.gen(function* () {
      const { base } = yield* TestGateway.serve(TestBackend.make(TestBackend.say(" a", " time", "\n", "never")))
      const chunks = yield* Effect.promise(async () => {
        const all: Array<OpenAI.Completion> = []
        const stream = await client(base).completions.create({
          model: "auto",
          prompt: [prompt],
          stop: "\n",
          stream: true,
          stream_options: { include_usage: true }
        })
        for await (const chunk of stream) all.push(chunk)
        return all
      })
      assert.strictEqual(chunks.map(({ choices }) => choices[0]?.text ?? "").join(""), " a time")
      assert.strictEqual(chunks.at(-2)?.choices[0]?.finish_reason, "stop")
      assert.isAbove(chunks.at(-1)?.usage?.total_tokens ?? 0, 0)
    })
  )

  it.scopedLive("is told of refusals as of OpenAI's, by the prompt's name", () =>
    Effect.gen(function* () {
      const filtered = TestBackend.refuse(new ContentFiltered({ instance: "inst-0", started: false }))
      const { base } = yield* TestGateway.serve(TestBackend.make(filtered))
      const suffix = yield* rejected(() => client(base).completions.create({ model: "auto", prompt, suffix: "end" }))
      assert.deepInclude(suffix, { status: 400, param: "suffix", code: "unsupported_value" })
      const none = yield* rejected(() => client(base).completions.create({ model: "none", prompt }))
      assert.deepInclude(none, { status: 404, param: "model", code: "model_not_found" })
      const refused = yield* rejected(() => client(base).completions.create({ model: "auto", prompt }))
      assert.deepInclude(refused, { status: 400, param: "prompt", code: "content_filter" })
    })
  )
})

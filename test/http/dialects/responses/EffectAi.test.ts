import { LanguageModel, Prompt, Tool, Toolkit } from "@effect/ai"
import { OpenAiClient, OpenAiLanguageModel } from "@effect/ai-openai"
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Redacted, Schema, Stream } from "effect"
import { type ChatEvent, finish, textDelta, thoughtDelta, toolCall } from "../../../../src/domain/Chat.ts"
import * as TestBackend from "../../../support/TestBackend.ts"
import * as TestGateway from "../../../support/TestGateway.ts"

const Look = Tool.make("look", { parameters: { at: Schema.String }, success: Schema.String })
const toolkit = Toolkit.make(Look)
const handled = toolkit.toLayer({ look: ({ at }) => Effect.succeed(`${at} is blue`) })

/** Calls the tool until it sees its result. */
const calling = TestBackend.make((turn, { prompt }) => {
  const events: ReadonlyArray<ChatEvent> = prompt.includes("sky is blue")
    ? [textDelta("Bl"), textDelta("ue.")]
    : [thoughtDelta("hm"), toolCall({ id: "call_1", name: "look", arguments: '{"at":"sky"}' })]
  return Effect.sync(() => {
    for (const event of events) turn.emit(event)
    turn.emit(finish(events.length === 2 && events[1]?._tag === "ToolCall" ? "tool_calls" : "stop"))
  })
})

const model = (base: string) =>
  OpenAiLanguageModel.layer({ model: "auto" }).pipe(
    Layer.provide(OpenAiClient.layer({ apiKey: Redacted.make("any"), apiUrl: `${base}/v1` })),
    Layer.provide(FetchHttpClient.layer)
  )

describe("@effect/ai-openai", () => {
  it.scopedLive("generates text, calls tools and takes their results", () =>
    Effect.gen(function* () {
      const { base } = yield* TestGateway.serve(calling)
      const [first, second] = yield* Effect.gen(function* () {
        const asked = Prompt.make("what colour is the sky?")
        const first = yield* LanguageModel.generateText({ prompt: asked, toolkit })
        const history = Prompt.merge(asked, Prompt.fromResponseParts(first.content))
        return [first, yield* LanguageModel.generateText({ prompt: history, toolkit })] as const
      }).pipe(Effect.provide([model(base), handled]))
      assert.deepInclude(first.toolCalls[0], { name: "look", params: { at: "sky" } })
      assert.deepInclude(first.toolResults[0], { result: "sky is blue" })
      assert.strictEqual(first.reasoningText, "hm")
      assert.strictEqual(second.text, "Blue.")
      assert.strictEqual(second.finishReason, "stop")
      assert.isAbove(second.usage.outputTokens ?? 0, 0)
    })
  )

  it.scopedLive("streams both, and loses nothing", () =>
    Effect.gen(function* () {
      const { base } = yield* TestGateway.serve(calling)
      const stream = (prompt: string) =>
        LanguageModel.streamText({ prompt, toolkit }).pipe(
          Stream.runCollect,
          Effect.map((parts) => [...parts]),
          Effect.provide([model(base), handled])
        )
      const first = yield* stream("what colour is the sky?")
      assert.deepInclude(
        first.find(({ type }) => type === "tool-call"),
        { name: "look", params: { at: "sky" } }
      )
      const thought = first.map((part) => (part.type === "reasoning-delta" ? part.delta : "")).join("")
      assert.strictEqual(thought, "hm")
      const second = yield* stream("sky is blue: so?")
      assert.strictEqual(second.map((part) => (part.type === "text-delta" ? part.delta : "")).join(""), "Blue.")
      const last = second.at(-1)
      assert.deepInclude(last, { type: "finish", reason: "stop" })
    })
  )

  it.scopedLive("decodes each event it knows: none is dropped in silence", () =>
    Effect.gen(function* () {
      const { base, request } = yield* TestGateway.serve(calling)
      const body = { model: "auto", input: "sky?", tools: [{ type: "function", name: "look" }] }
      const { text } = yield* request("/v1/responses", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ ...body, stream: true })
      })
      const sent = [...text.matchAll(/^event: (.*)$/gm)].map(([, type]) => type)
      const read = yield* OpenAiClient.OpenAiClient.pipe(
        Effect.flatMap((client) =>
          Stream.runCollect(
            client.createResponseStream({
              ...body,
              tools: [{ type: "function", name: "look", parameters: null, strict: null }]
            })
          )
        ),
        Effect.map((events) => [...events].map(({ type }) => type)),
        Effect.provide(OpenAiClient.layer({ apiUrl: `${base}/v1` }).pipe(Layer.provide(FetchHttpClient.layer)))
      )
      assert.deepStrictEqual(read, sent)
    })
  )
})

import * as LanguageModel from "@effect/ai/LanguageModel"
import * as Prompt from "@effect/ai/Prompt"
import * as Tool from "@effect/ai/Tool"
import * as Toolkit from "@effect/ai/Toolkit"
import { assert, describe, it } from "@effect/vitest"
import { Chunk, Effect, Layer, Schema, Stream } from "effect"
import * as Parts from "../src/ai/Parts.ts"
import { Guard } from "../src/chat/Guard.ts"
import { finish, textDelta, thoughtDelta, toolCall, usage } from "../src/domain/Chat.ts"
import { BackendFailure } from "../src/domain/ChatError.ts"
import * as LingmaLanguageModel from "../src/LanguageModel.ts"
import { live } from "./support/LiveCalls.ts"
import * as TestBackend from "./support/TestBackend.ts"
import * as TestGateway from "./support/TestGateway.ts"

const over = (scripted: TestBackend.Scripted, options?: LingmaLanguageModel.RequestOptions) =>
  LingmaLanguageModel.layer(options).pipe(Layer.provideMerge(TestGateway.core(scripted)))

const Weather = Toolkit.make(
  Tool.make("weather", {
    description: "The weather of a city",
    parameters: { city: Schema.String },
    success: Schema.Struct({ degrees: Schema.Number })
  })
)
const WeatherLive = Weather.toLayer({ weather: ({ city }) => Effect.succeed({ degrees: city.length }) })

const call = toolCall({ id: "call_1", name: "weather", arguments: `{"city":"Bern"}` })

describe("LingmaLanguageModel", () => {
  it.effect("answers with text, thoughts, figures and a reason", () => {
    const scripted = TestBackend.make(
      TestBackend.emit(
        thoughtDelta("hm"),
        textDelta("Hel"),
        textDelta("lo"),
        usage({ inputTokens: 7, outputTokens: 3 }),
        finish("stop")
      )
    )
    return Effect.gen(function* () {
      const answer = yield* LanguageModel.generateText({ prompt: "hi" })
      assert.strictEqual(answer.text, "Hello")
      assert.strictEqual(answer.reasoningText, "hm")
      assert.strictEqual(answer.finishReason, "stop")
      assert.deepInclude({ ...answer.usage }, { inputTokens: 7, outputTokens: 3, totalTokens: 10 })
      const last = answer.content.at(-1)
      assert.deepStrictEqual(last?.metadata, { lingma: { servedBy: "inst-0", emulated: false } })
      assert.deepStrictEqual(scripted.counts, { opened: 1, closed: 1, cancelled: 0 })
      assert.deepInclude(scripted.asks[0], { model: "auto", prompt: "hi" })
    }).pipe(Effect.provide(over(scripted)))
  })

  it.effect("takes the model from its layer, or from Config where that is provided", () => {
    const scripted = TestBackend.make()
    return Effect.gen(function* () {
      yield* LanguageModel.generateText({ prompt: "hi" })
      yield* Effect.provideService(LanguageModel.generateText({ prompt: "hi" }), LingmaLanguageModel.Config, {
        model: "auto"
      })
      assert.deepStrictEqual(
        scripted.asks.map(({ model }) => model),
        ["org/qwen3 coder", "auto"]
      )
    }).pipe(Effect.provide(over(scripted, { model: "Qwen3 Coder" })))
  })

  it.effect("hands a conversation over: roles, pictures, calls and results", () => {
    const scripted = TestBackend.make()
    const prompt = Prompt.make([
      { role: "system", content: "be brief" },
      {
        role: "user",
        content: [
          { type: "text", text: "what is it?" },
          { type: "file", mediaType: "image/png", data: new Uint8Array([1, 2, 3]) }
        ]
      },
      { role: "assistant", content: [{ type: "tool-call", id: "call_1", name: "look", params: { at: "it" } }] },
      {
        role: "tool",
        content: [
          {
            type: "tool-result",
            id: "call_1",
            name: "look",
            isFailure: false,
            result: { a: 1 },
            providerExecuted: false
          }
        ]
      }
    ])
    return Effect.gen(function* () {
      yield* LanguageModel.generateText({ prompt })
      const ask = scripted.asks[0]
      assert.deepStrictEqual(ask?.images, [{ mediaType: "image/png", data: "AQID" }])
      const text = ask?.prompt ?? ""
      for (const part of ["be brief", "what is it?", "<tool_call>", "look", `{"a":1}`]) assert.include(text, part)
      assert.match(text, /^\[system \w+\] be brief\n\[user \w+\] what is it\?/)
      const address = [{ type: "file", mediaType: "image/png", data: new URL("https://a.example/b.png") }] as const
      const refused = yield* Effect.flip(LanguageModel.generateText({ prompt: [{ role: "user", content: address }] }))
      assert.strictEqual(refused._tag, "MalformedInput")
      assert.strictEqual((yield* Effect.flip(LanguageModel.generateText({ prompt: [] })))._tag, "MalformedInput")
    }).pipe(Effect.provide(over(scripted)))
  })

  it.effect("has calls handled by the toolkit", () =>
    Effect.gen(function* () {
      const answer = yield* LanguageModel.generateText({ prompt: "weather?", toolkit: Weather })
      assert.strictEqual(answer.finishReason, "tool-calls")
      assert.deepStrictEqual(
        answer.toolCalls.map(({ id, name, params }) => ({ id, name, params })),
        [{ id: "call_1", name: "weather", params: { city: "Bern" } }]
      )
      assert.deepStrictEqual(
        answer.toolResults.map(({ result }) => result),
        [{ degrees: 4 }]
      )
      const parts = yield* Stream.runCollect(LanguageModel.streamText({ prompt: "weather?", toolkit: Weather }))
      const kinds = Chunk.toReadonlyArray(parts).map(({ type }) => type)
      assert.includeMembers([...kinds], ["tool-call", "tool-result", "finish"])
    }).pipe(Effect.provide([over(TestBackend.make(TestBackend.emit(call, finish("tool_calls")))), WeatherLive]))
  )

  it.effect("makes objects of a schema, and fails when there is none", () => {
    const Person = Schema.Struct({ name: Schema.String, age: Schema.Int })
    const ask = LanguageModel.generateObject({ prompt: "who?", schema: Person })
    return Effect.gen(function* () {
      const good = TestBackend.make(TestBackend.say(`{"name":"Ada",`, `"age":36}`))
      const { value } = yield* Effect.provide(ask, over(good))
      assert.deepStrictEqual(value, { name: "Ada", age: 36 })
      const bad = yield* Effect.flip(Effect.provide(ask, over(TestBackend.make(TestBackend.say(`{"name":"Ada"}`)))))
      assert.strictEqual(bad._tag, "MalformedOutput")
    })
  })

  it.effect("streams runs of text and thoughts, each with its beginning and end", () => {
    const script = TestBackend.emit(
      thoughtDelta("h"),
      thoughtDelta("m"),
      textDelta("a"),
      textDelta("b"),
      call,
      textDelta("c"),
      finish("tool_calls")
    )
    return Effect.gen(function* () {
      const stream = LanguageModel.streamText({ prompt: "hi", toolkit: Weather, disableToolCallResolution: true })
      const parts = Chunk.toReadonlyArray(yield* Stream.runCollect(stream))
      assert.deepStrictEqual(
        parts.map((part) => `${part.type}${"id" in part && part.type.includes("t-") ? `:${String(part.id)}` : ""}`),
        [
          "response-metadata",
          "reasoning-start",
          "reasoning-delta",
          "reasoning-delta",
          "reasoning-end",
          "text-start:1",
          "text-delta:1",
          "text-delta:1",
          "text-end:1",
          "tool-call",
          "text-start:2",
          "text-delta:2",
          "text-end:2",
          "finish"
        ]
      )
    }).pipe(Effect.provide([over(TestBackend.make(script)), WeatherLive]))
  })

  it("streams the parameters of a call that comes while it is written, and then the call", () => {
    const tokens = () => ({ prompt: 1, completion: 1, reasoning: 0, isReported: false })
    const run = { emulated: false, model: "auto", servedBy: "inst-0", tokens }
    const encode = Parts.streamed(run, 0)
    const parts = [textDelta("a"), ...live([call], 4), finish("tool_calls")].flatMap(encode)
    const params = parts.flatMap((part) => (part.type === "tool-params-delta" ? [part.delta] : []))
    assert.deepStrictEqual(params, ['{"ci', 'ty":', '"Ber', 'n"}'])
    assert.deepStrictEqual(
      parts.map(({ type }) => type).filter((type) => type !== "tool-params-delta"),
      [
        "response-metadata",
        ...["text-start", "text-delta", "text-end", "tool-params-start", "tool-params-end", "tool-call", "finish"]
      ]
    )
    for (const part of parts) if (part.type.startsWith("tool-")) assert.deepInclude(part, { id: "call_1" })
    const folded = Parts.whole(run, 0)
    for (const event of live([call])) folded.add(event)
    assert.deepInclude(folded.parts(), { type: "tool-call", id: "call_1", name: "weather", params: { city: "Bern" } })
  })

  it.effect("gives the slot back when a stream is left", () => {
    const scripted = TestBackend.make(TestBackend.emit(textDelta("half")))
    return Effect.gen(function* () {
      yield* LanguageModel.streamText({ prompt: "hi" }).pipe(
        Stream.takeUntil(({ type }) => type === "text-delta"),
        Stream.runDrain
      )
      assert.deepStrictEqual(scripted.counts, { opened: 1, closed: 1, cancelled: 1 })
      assert.strictEqual((yield* (yield* Guard).stats).inFlight, 0)
    }).pipe(Effect.provide(over(scripted)))
  })

  it.effect("tells failures apart, with the failure itself as the cause", () => {
    const broken = new BackendFailure({ instance: "inst-0", started: true, detail: "boom" })
    const half = TestBackend.make((turn) =>
      Effect.sync(() => {
        turn.emit(textDelta("half"))
        turn.fail(broken)
      })
    )
    return Effect.gen(function* () {
      const failed = yield* Effect.flip(LanguageModel.generateText({ prompt: "hi" }))
      assert.strictEqual(failed._tag, "UnknownError")
      assert.instanceOf(failed.cause, BackendFailure)
      const stream = yield* Effect.flip(Stream.runDrain(LanguageModel.streamText({ prompt: "hi" })))
      assert.deepStrictEqual([stream._tag, stream.method], ["UnknownError", "streamText"])
      const unknown = yield* Effect.flip(
        Effect.provideService(LanguageModel.generateText({ prompt: "hi" }), LingmaLanguageModel.Config, {
          model: "no-such"
        })
      )
      assert.strictEqual(unknown._tag, "MalformedInput")
    }).pipe(Effect.provide(over(half)))
  })
})

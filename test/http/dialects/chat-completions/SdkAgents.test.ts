import { createOpenAICompatible } from "@ai-sdk/openai-compatible"
import { assert, describe, it } from "@effect/vitest"
import { tool as langchainTool } from "@langchain/core/tools"
import { ChatOpenAI } from "@langchain/openai"
import { generateObject, generateText, stepCountIs, streamText, tool } from "ai"
import { Effect } from "effect"
import { z } from "zod"
import { finish, textDelta, thoughtDelta } from "../../../../src/domain/Chat.ts"
import * as Spoken from "../../../support/Spoken.ts"
import * as TestBackend from "../../../support/TestBackend.ts"
import * as TestGateway from "../../../support/TestGateway.ts"

const City = z.object({ city: z.string() })
const Person = z.object({ name: z.string(), age: z.number() })
const call = Spoken.call("get_weather", { city: "Oslo" })
const person = '```json\n{"name": "Ada", "age": 36}\n```'

describe("the AI SDK", () => {
  const open = Effect.fnUntraced(function* (scripted: TestBackend.Scripted) {
    const { base } = yield* TestGateway.serve(scripted)
    const provider = createOpenAICompatible({
      name: "gateway",
      baseURL: `${base}/v1`,
      apiKey: "any",
      includeUsage: true,
      supportsStructuredOutputs: true
    })
    return provider("auto")
  })
  const get_weather = tool({
    description: "The weather of a city",
    inputSchema: City,
    execute: async ({ city }) => `rain in ${city}`
  })

  it.scopedLive("generates text with tools, step by step", () =>
    Effect.gen(function* () {
      const scripted = Spoken.turns(call, "Take an umbrella.")
      const model = yield* open(scripted)
      const result = yield* Effect.promise(() =>
        generateText({ model, prompt: "Weather?", tools: { get_weather }, stopWhen: stepCountIs(3), maxRetries: 0 })
      )
      assert.strictEqual(result.text, "Take an umbrella.")
      assert.deepStrictEqual(
        result.steps.flatMap(({ toolResults }) => toolResults.map(({ output }) => output)),
        ["rain in Oslo"]
      )
      assert.strictEqual(result.steps[0]?.finishReason, "tool-calls")
      assert.include(scripted.asks[1]?.prompt, "rain in Oslo")
    })
  )

  it.scopedLive("streams text with tools, step by step, with usage", () =>
    Effect.gen(function* () {
      const model = yield* open(Spoken.turns(call, "Take an umbrella."))
      const [text, steps, usage] = yield* Effect.promise(async () => {
        const result = streamText({ model, prompt: "Weather?", tools: { get_weather }, stopWhen: stepCountIs(3) })
        return [await result.text, await result.steps, await result.totalUsage] as const
      })
      assert.strictEqual(text, "Take an umbrella.")
      assert.deepStrictEqual(
        steps.map(({ finishReason }) => finishReason),
        ["tool-calls", "stop"]
      )
      assert.isAbove(usage.outputTokens ?? 0, 0)
    })
  )

  it.scopedLive("generates an object", () =>
    Effect.gen(function* () {
      const model = yield* open(Spoken.turns(person))
      const { object } = yield* Effect.promise(() => generateObject({ model, prompt: "Who?", schema: Person }))
      assert.deepStrictEqual(object, { name: "Ada", age: 36 })
    })
  )

  it.scopedLive("tells thoughts from text", () =>
    Effect.gen(function* () {
      const script = TestBackend.emit(thoughtDelta("Hm. "), thoughtDelta("Yes."), textDelta("It is."), finish("stop"))
      const model = yield* open(TestBackend.make(script))
      const whole = yield* Effect.promise(() => generateText({ model, prompt: "Is it?" }))
      assert.deepStrictEqual([whole.reasoningText, whole.text], ["Hm. Yes.", "It is."])
      const streamed = yield* Effect.promise(async () => {
        const result = streamText({ model, prompt: "Is it?" })
        return [await result.reasoningText, await result.text]
      })
      assert.deepStrictEqual(streamed, ["Hm. Yes.", "It is."])
    })
  )
})

describe("LangChain", () => {
  const open = Effect.fnUntraced(function* (scripted: TestBackend.Scripted) {
    const { base } = yield* TestGateway.serve(scripted)
    return new ChatOpenAI({ model: "auto", apiKey: "any", maxRetries: 0, configuration: { baseURL: `${base}/v1` } })
  })

  it.scopedLive("binds tools, whole and streamed", () =>
    Effect.gen(function* () {
      const get_weather = langchainTool(({ city }: z.infer<typeof City>) => `rain in ${city}`, {
        name: "get_weather",
        description: "The weather of a city",
        schema: City
      })
      const model = (yield* open(Spoken.turns(call))).bindTools([get_weather])
      const whole = yield* Effect.promise(() => model.invoke("Weather?"))
      const expected = { name: "get_weather", args: { city: "Oslo" } }
      assert.deepInclude(whole.tool_calls?.[0], expected)
      const streamed = yield* Effect.promise(async () => {
        let all: Awaited<ReturnType<typeof model.invoke>> | undefined
        for await (const chunk of await model.stream("Weather?")) all = all === undefined ? chunk : all.concat(chunk)
        return all
      })
      assert.deepInclude(streamed?.tool_calls?.[0], expected)
    })
  )

  it.scopedLive("gives structured output by a schema, by a function and by plain JSON", () =>
    Effect.gen(function* () {
      const expected = { name: "Ada", age: 36 }
      for (const method of ["jsonSchema", "functionCalling", "jsonMode"] as const) {
        const text = method === "functionCalling" ? Spoken.call("extract", { name: "Ada", age: 36 }) : person
        const model = (yield* open(Spoken.turns(text))).withStructuredOutput(Person, { name: "extract", method })
        assert.deepStrictEqual(yield* Effect.promise(() => model.invoke("Who, as JSON?")), expected, method)
      }
    })
  )
})

import { createOpenAICompatible } from "@ai-sdk/openai-compatible"
import { assert, layer } from "@effect/vitest"
import { generateObject, generateText, stepCountIs, tool } from "ai"
import { Context, Effect, Layer } from "effect"
import OpenAI from "openai"
import { zodResponseFormat } from "openai/helpers/zod"
import type { ChatCompletionTool } from "openai/resources/chat/completions"
import { z } from "zod"
import * as Spoken from "../support/Spoken.ts"
import { control, lingmas, type Program, settled, start } from "./support.ts"

class Gateway extends Context.Tag("test/AgentsGateway")<Gateway, Program>() {}

const messages = [{ role: "user" as const, content: "What is the weather?" }]
const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"] }
const tools: Array<ChatCompletionTool> = [{ type: "function", function: { name: "get_weather", parameters } }]
const Person = z.object({ name: z.string(), age: z.number().int() })

/** What the model says, turn by turn. */
const script = (program: Program, ...texts: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const emulator = lingmas(program)[0]!
    yield* control(emulator, "reset")
    for (const text of texts) yield* control(emulator, "script", { text, interval: 0, turns: 1 })
  })

const lastPrompt = (program: Program) =>
  Effect.promise(async () => {
    const answer = await fetch(`http://127.0.0.1:${lingmas(program)[0]?.httpPort}/__control/stats`)
    return JSON.stringify(await answer.json())
  })

const openaiOf = ({ base }: Program) => new OpenAI({ baseURL: `${base}/v1`, apiKey: "any", maxRetries: 0 })

for (const dialect of ["session", "ask"]) {
  layer(Layer.scoped(Gateway, start({ LINGMA_EMULATOR_DIALECT: dialect })), {
    timeout: "60 seconds",
    excludeTestServices: true
  })(`agents over Lingma's ${dialect} methods`, (it) => {
    it.effect("run a loop of three turns with the openai package, each way", () =>
      Effect.gen(function* () {
        const program = yield* Gateway
        for (const stream of [false, true]) {
          const calls = [Spoken.call("get_weather", { city: "Oslo" }), Spoken.jsonCall("get_weather", { city: "Rome" })]
          yield* script(program, ...calls, "Rain in both.")
          const ran: Array<string> = []
          const get_weather = {
            type: "function" as const,
            function: {
              name: "get_weather",
              description: "The weather of a city",
              parameters,
              parse: JSON.parse,
              function: ({ city }: { readonly city: string }) => {
                ran.push(city)
                return `rain in ${city}`
              }
            }
          }
          const body = { model: "auto", messages, tools: [get_weather] }
          const { completions } = openaiOf(program).chat
          const text = yield* Effect.promise(() =>
            stream
              ? completions.runTools({ ...body, stream: true }).finalContent()
              : completions.runTools(body).finalContent()
          )
          assert.strictEqual(text, "Rain in both.")
          assert.deepStrictEqual(ran, ["Oslo", "Rome"])
          assert.include(yield* lastPrompt(program), "rain in Rome")
        }
      })
    )

    it.effect("run tools and make objects with the AI SDK", () =>
      Effect.gen(function* () {
        const program = yield* Gateway
        const model = createOpenAICompatible({
          name: "gateway",
          baseURL: `${program.base}/v1`,
          supportsStructuredOutputs: true
        })("auto")
        yield* script(program, Spoken.call("get_weather", { city: "Oslo" }), "Take an umbrella.")
        const get_weather = tool({
          inputSchema: z.object({ city: z.string() }),
          execute: async ({ city }) => `rain in ${city}`
        })
        const result = yield* Effect.promise(() =>
          generateText({ model, prompt: "Weather?", tools: { get_weather }, stopWhen: stepCountIs(3) })
        )
        assert.strictEqual(result.text, "Take an umbrella.")
        yield* script(program, '```json\n{"name": "Ada", "age": 36}\n```')
        const { object } = yield* Effect.promise(() => generateObject({ model, prompt: "Who?", schema: Person }))
        assert.deepStrictEqual(object, { name: "Ada", age: 36 })
      })
    )

    it.effect("are given a mended answer when the first breaks the schema", () =>
      Effect.gen(function* () {
        const program = yield* Gateway
        yield* script(program, '{"name": "Ada"}', '{"name": "Ada", "age": 36}')
        const answer = yield* Effect.promise(() =>
          openaiOf(program).chat.completions.parse({
            model: "auto",
            messages,
            response_format: zodResponseFormat(Person, "person")
          })
        )
        assert.deepStrictEqual(answer.choices[0]?.message.parsed, { name: "Ada", age: 36 })
      })
    )

    it.effect("stop at a text and at a length, and nothing runs on", () =>
      Effect.gen(function* () {
        const program = yield* Gateway
        const openai = openaiOf(program)
        yield* control(lingmas(program)[0]!, "script", { tokens: 2000, interval: 5 })
        for (const more of [{ stop: "t7 " }, { max_tokens: 8 }]) {
          const whole = yield* Effect.promise(() =>
            openai.chat.completions.create({ model: "auto", messages, ...more })
          )
          const streamed = yield* Effect.promise(() =>
            openai.chat.completions.stream({ model: "auto", messages, ...more }).finalChatCompletion()
          )
          for (const { choices } of [whole, streamed]) {
            assert.strictEqual(choices[0]?.finish_reason, "stop" in more ? "stop" : "length")
            const text = choices[0]?.message.content ?? ""
            assert.isTrue(
              "stop" in more ? text === "t0 t1 t2 t3 t4 t5 t6 " : "t0 t1 t2 t3 t4 t5 ".startsWith(text),
              text
            )
          }
          yield* settled(program, "2 seconds")
        }
        yield* control(lingmas(program)[0]!, "reset")
      })
    )

    it.effect("come 32 at once, each with its own call", () =>
      Effect.gen(function* () {
        const program = yield* Gateway
        const openai = openaiOf(program)
        yield* control(lingmas(program)[0]!, "reset")
        const answers = yield* Effect.promise(() =>
          Promise.all(
            Array.from({ length: 32 }, async (_, i) => {
              const text = JSON.stringify(Spoken.call("get_weather", { city: `city${i}` }))
              const content = `[[emu interval=1 text=${text}]]`
              const body = { model: "auto", messages: [{ role: "user" as const, content }], tools }
              const answer =
                i % 2 === 0
                  ? openai.chat.completions.create(body)
                  : openai.chat.completions.stream(body).finalChatCompletion()
              return (await answer).choices[0]?.message.tool_calls?.[0]
            })
          )
        )
        answers.forEach((call, i) => {
          assert.deepInclude(call, { type: "function" })
          if (call?.type === "function")
            assert.deepStrictEqual(JSON.parse(call.function.arguments), { city: `city${i}` })
        })
        assert.strictEqual(new Set(answers.map((call) => call?.id)).size, 32)
        yield* settled(program)
      })
    )
  })
}

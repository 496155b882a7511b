import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import OpenAI from "openai"
import { zodResponseFormat } from "openai/helpers/zod"
import type { ChatCompletionTool, ChatCompletionToolChoiceOption } from "openai/resources/chat/completions"
import { z } from "zod"
import * as Spoken from "../../../support/Spoken.ts"
import type * as TestBackend from "../../../support/TestBackend.ts"
import * as TestGateway from "../../../support/TestGateway.ts"

const messages = [{ role: "user" as const, content: "What is the weather?" }]
const weather: ChatCompletionTool = {
  type: "function",
  function: {
    name: "get_weather",
    description: "The weather of a city",
    parameters: {
      type: "object",
      properties: { city: { type: "string" }, days: { type: "integer" } },
      required: ["city"]
    }
  }
}
const time: ChatCompletionTool = { type: "function", function: { name: "get_time" } }
const tools = [weather, time]

const open = Effect.fnUntraced(function* (scripted: TestBackend.Scripted) {
  const gateway = yield* TestGateway.serve(scripted)
  return { ...gateway, openai: new OpenAI({ baseURL: `${gateway.base}/v1`, apiKey: "any", maxRetries: 0 }) }
})

/** The same turn by both ways; the SDK joins the pieces of the second. */
const both = (openai: OpenAI, tool_choice?: ChatCompletionToolChoiceOption) =>
  Effect.promise(async () => {
    const body = { model: "auto", messages, tools, ...(tool_choice === undefined ? {} : { tool_choice }) }
    const whole = (await openai.chat.completions.create(body)).choices[0]!
    const streamed = (await openai.chat.completions.stream(body).finalChatCompletion()).choices[0]!
    return [whole, streamed]
  })

const called = ({ message }: OpenAI.ChatCompletion.Choice) =>
  (message.tool_calls ?? []).map((call) =>
    call.type === "function" ? [call.function.name, JSON.parse(call.function.arguments)] : [call.custom.name]
  )

const failure = (run: () => Promise<unknown>) =>
  Effect.promise(() =>
    run().then(
      () => assert.fail("it was not rejected"),
      (error: unknown) => error
    )
  )

describe("the openai package with tools", () => {
  it.scopedLive("is given a call, typed as its schema says", () =>
    Effect.gen(function* () {
      const { openai } = yield* open(Spoken.turns(Spoken.call("get_weather", { city: "Paris", days: 3 })))
      for (const choice of yield* both(openai)) {
        assert.strictEqual(choice.finish_reason, "tool_calls")
        assert.isNull(choice.message.content)
        assert.deepStrictEqual(called(choice), [["get_weather", { city: "Paris", days: 3 }]])
        assert.match(choice.message.tool_calls?.[0]?.id ?? "", /^call_[A-Za-z0-9]{24}$/)
      }
    })
  )

  it.scopedLive("is given several calls, with the text before them", () =>
    Effect.gen(function* () {
      const words = `I look.\n${Spoken.call("get_weather", { city: "Rome" })}\n${Spoken.jsonCall("get_time", {})}`
      const { openai } = yield* open(Spoken.turns(words))
      for (const choice of yield* both(openai)) {
        assert.strictEqual(choice.message.content?.trim(), "I look.")
        assert.deepStrictEqual(called(choice), [
          ["get_weather", { city: "Rome" }],
          ["get_time", {}]
        ])
        const [one, two] = choice.message.tool_calls ?? []
        assert.notStrictEqual(one?.id, two?.id)
      }
    })
  )

  it.scopedLive("must be given one when it requires one, or the one that it names", () =>
    Effect.gen(function* () {
      const good = yield* open(Spoken.turns(Spoken.call("get_time", {})))
      for (const choice of yield* both(good.openai, "required"))
        assert.deepStrictEqual(called(choice), [["get_time", {}]])
      const named = { type: "function", function: { name: "get_time" } } as const
      for (const choice of yield* both(good.openai, named)) assert.deepStrictEqual(called(choice), [["get_time", {}]])

      const prose = yield* open(Spoken.turns("It is late."))
      for (const stream of [false, true]) {
        const error = yield* failure(async () => {
          const body = { model: "auto", messages, tools, tool_choice: "required" } as const
          if (!stream) return prose.openai.chat.completions.create(body)
          return prose.openai.chat.completions.stream(body).finalChatCompletion()
        })
        assert.instanceOf(error, OpenAI.APIError)
        assert.deepInclude(error, { code: "tool_call_not_produced", type: "upstream_error" })
      }
    })
  )

  it.scopedLive("is given plain text when it wants no calls", () =>
    Effect.gen(function* () {
      const markup = Spoken.call("get_time", {})
      const scripted = Spoken.turns(markup)
      const { openai } = yield* open(scripted)
      for (const choice of yield* both(openai, "none")) {
        assert.strictEqual(choice.finish_reason, "stop")
        assert.strictEqual(choice.message.content, markup)
        assert.isUndefined(choice.message.tool_calls)
      }
      for (const { prompt } of scripted.asks) assert.notInclude(prompt, "get_time")
    })
  )

  it.scopedLive("is given those only that it allows, and one at most when they may not be parallel", () =>
    Effect.gen(function* () {
      const scripted = Spoken.turns(`${Spoken.call("get_time", {})}\n${Spoken.call("get_time", {})}`)
      const { openai } = yield* open(scripted)
      const allowed_tools = { mode: "auto" as const, tools: [{ type: "function", function: { name: "get_time" } }] }
      const answer = yield* Effect.promise(() =>
        openai.chat.completions.create({
          model: "auto",
          messages,
          tools,
          tool_choice: { type: "allowed_tools", allowed_tools },
          parallel_tool_calls: false
        })
      )
      assert.deepStrictEqual(called(answer.choices[0]!), [["get_time", {}]])
      assert.include(scripted.asks[0]?.prompt, "get_time")
      assert.notInclude(scripted.asks[0]?.prompt, "get_weather")
    })
  )

  it.scopedLive("runs a whole loop of three turns, each way", () =>
    Effect.gen(function* () {
      const script = [Spoken.call("get_weather", { city: "Oslo" }), Spoken.jsonCall("get_time", {}), "Rain at noon."]
      for (const stream of [false, true]) {
        const scripted = Spoken.turns(...script)
        const { openai } = yield* open(scripted)
        const ran: Array<string> = []
        const run = (name: string, result: string) => ({
          type: "function" as const,
          function: {
            name,
            description: name,
            parameters: { type: "object", properties: {} },
            parse: JSON.parse,
            function: (args: unknown) => {
              ran.push(`${name} ${JSON.stringify(args)}`)
              return result
            }
          }
        })
        const body = { model: "auto", messages, tools: [run("get_weather", "rain-4711"), run("get_time", "noon-0815")] }
        const final = yield* Effect.promise(() =>
          stream
            ? openai.chat.completions.runTools({ ...body, stream: true }).finalContent()
            : openai.chat.completions.runTools(body).finalContent()
        )
        assert.strictEqual(final, "Rain at noon.")
        assert.deepStrictEqual(ran, ['get_weather {"city":"Oslo"}', "get_time {}"])
        assert.strictEqual(scripted.asks.length, 3)
        assert.include(scripted.asks[1]?.prompt, "rain-4711")
        assert.include(scripted.asks[2]?.prompt, "noon-0815")
        // The calls of earlier turns are told as they were written.
        assert.include(scripted.asks[2]?.prompt, "<function=get_weather>")
      }
    })
  )

  it.scopedLive("is given the old shape when it asks in the old way, and free text for a custom tool", () =>
    Effect.gen(function* () {
      const { openai } = yield* open(Spoken.turns(Spoken.call("get_time", {})))
      const old = yield* Effect.promise(() =>
        openai.chat.completions.create({ model: "auto", messages, functions: [{ name: "get_time" }] })
      )
      assert.strictEqual(old.choices[0]?.finish_reason, "function_call")
      assert.deepStrictEqual(old.choices[0]?.message.function_call, { name: "get_time", arguments: "{}" })
      const shell = yield* open(Spoken.turns(Spoken.call("run", { input: "ls -l\necho '{' </x>" })))
      const custom: ChatCompletionTool = { type: "custom", custom: { name: "run", description: "a shell" } }
      const answer = yield* Effect.promise(() =>
        shell.openai.chat.completions.create({ model: "auto", messages, tools: [custom] })
      )
      const [call] = answer.choices[0]?.message.tool_calls ?? []
      assert.deepInclude(call, { type: "custom", custom: { name: "run", input: "ls -l\necho '{' </x>" } })
    })
  )

  it.scopedLive("serves 32 at once, each with its own call", () =>
    Effect.gen(function* () {
      const scripted = Spoken.by((prompt) =>
        Spoken.call("get_weather", { city: `city${/no (\d+)!/.exec(prompt)?.[1]}` })
      )
      const { drained, openai } = yield* open(scripted)
      const answers = yield* Effect.promise(() =>
        Promise.all(
          Array.from({ length: 32 }, async (_, i) => {
            const body = { model: "auto", messages: [{ role: "user" as const, content: `no ${i}!` }], tools }
            const stream = openai.chat.completions.stream(body)
            const answer = i % 2 === 0 ? openai.chat.completions.create(body) : stream.finalChatCompletion()
            return (await answer).choices[0]!
          })
        )
      )
      answers.forEach((choice, i) => {
        assert.deepStrictEqual(called(choice), [["get_weather", { city: `city${i}` }]])
      })
      assert.strictEqual(new Set(answers.map(({ message }) => message.tool_calls?.[0]?.id)).size, 32)
      yield* drained
    })
  )
})

describe("the openai package with limits and forms", () => {
  const Person = z.object({ name: z.string(), age: z.number().int() })
  const response_format = zodResponseFormat(Person, "person")

  it.scopedLive("parses what fits its schema", () =>
    Effect.gen(function* () {
      const { openai } = yield* open(Spoken.turns('Here it is:\n```json\n{"name": "Ada", "age": 36}\n```\nDone.'))
      const parsed = yield* Effect.promise(() =>
        openai.chat.completions.parse({ model: "auto", messages, response_format })
      )
      assert.deepStrictEqual(parsed.choices[0]?.message.parsed, { name: "Ada", age: 36 })
      const streamed = yield* Effect.promise(() =>
        openai.chat.completions.stream({ model: "auto", messages, response_format }).finalChatCompletion()
      )
      assert.deepStrictEqual(streamed.choices[0]?.message.parsed, { name: "Ada", age: 36 })
    })
  )

  it.scopedLive("is given a second answer when the first breaks the schema, and else an error", () =>
    Effect.gen(function* () {
      const mended = Spoken.turns('{"name": "Ada", "age": "old"}', '{"name": "Ada", "age": 36}')
      const good = yield* open(mended)
      const parsed = yield* Effect.promise(() =>
        good.openai.chat.completions.parse({ model: "auto", messages, response_format })
      )
      assert.deepStrictEqual(parsed.choices[0]?.message.parsed, { name: "Ada", age: 36 })
      assert.strictEqual(mended.asks.length, 2)
      const { openai } = yield* open(Spoken.turns("I would rather not."))
      const error = yield* failure(() => openai.chat.completions.parse({ model: "auto", messages, response_format }))
      assert.instanceOf(error, OpenAI.APIError)
      assert.deepInclude(error, { status: 502, code: "invalid_json_output" })
    })
  )

  it.scopedLive("ends at a stop text and at a length, and the upstream is told", () =>
    Effect.gen(function* () {
      const endless = Array.from({ length: 400 }, (_, i) => `word${i}`).join(" ")
      const scripted = Spoken.turns(endless)
      const { drained, openai } = yield* open(scripted)
      const ask = (more: object) =>
        Effect.promise(async () => {
          const body = { model: "auto", messages, ...more }
          const whole = (await openai.chat.completions.create(body)).choices[0]
          const streamed = (await openai.chat.completions.stream(body).finalChatCompletion()).choices[0]
          assert.strictEqual(streamed?.message.content, whole?.message.content)
          assert.strictEqual(streamed?.finish_reason, whole?.finish_reason)
          return [whole?.message.content, whole?.finish_reason] as const
        })
      assert.deepStrictEqual(yield* ask({ stop: ["word7", "word5 w"] }), ["word0 word1 word2 word3 word4 ", "stop"])
      for (const field of ["max_tokens", "max_completion_tokens"]) {
        const [content, reason] = yield* ask({ [field]: 5 })
        assert.strictEqual(reason, "length")
        assert.isTrue(endless.startsWith(content ?? "?"))
        assert.isBelow(content?.length ?? 0, 60)
      }
      const both = yield* ask({ max_tokens: 200, max_completion_tokens: 5 })
      assert.isBelow(both[0]?.length ?? 0, 60)
      yield* drained
      assert.strictEqual(scripted.counts.closed, scripted.counts.opened)
    })
  )

  it.scopedLive("sends a picture that arrives whole", () =>
    Effect.gen(function* () {
      const png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
      const scripted = Spoken.turns("A dot.")
      const { openai } = yield* open(scripted)
      const content = [
        { type: "text" as const, text: "What is this?" },
        { type: "image_url" as const, image_url: { url: `data:image/png;base64,${png}` } }
      ]
      const answer = yield* Effect.promise(() =>
        openai.chat.completions.create({ model: "qwen3 coder", messages: [{ role: "user", content }] })
      )
      assert.strictEqual(answer.choices[0]?.message.content, "A dot.")
      assert.deepStrictEqual(scripted.asks[0]?.images, [{ mediaType: "image/png", data: png }])
    })
  )
})

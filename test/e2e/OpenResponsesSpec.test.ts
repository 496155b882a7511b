/**
 * What the Open Responses specification says, and its compliance suite does not try, by the real program.
 */
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import * as OpenResponses from "../support/OpenResponses.ts"
import { dataUrl, png } from "../support/Pictures.ts"
import * as Spoken from "../support/Spoken.ts"
import {
  asksWeather,
  type Body,
  callsWeather,
  connect,
  create,
  gateway,
  isSound,
  isWhole,
  options,
  post,
  refused,
  script,
  streamed,
  user,
  wasAsked,
  weather,
  whole
} from "./openResponses.ts"

layer(gateway, options)("the specification of Open Responses", (it) => {
  for (const [form, ask] of [
    ["whole", whole],
    ["streamed", (body: Body) => Effect.map(streamed(body), ({ response }) => response)]
  ] as const) {
    it.effect(`has thoughts as an item of their own: ${form}`, () =>
      Effect.gen(function* () {
        const input = '[[emu thoughts="Let me see." text="Four." interval=0]] 2 + 2?'
        const response = yield* ask({ input, include: ["reasoning.encrypted_content"] })
        isWhole(response, "reasoning", "message")
        const [thought] = response.output
        const summary = thought?.type === "reasoning" ? thought.summary : []
        assert.deepStrictEqual(summary, [{ type: "summary_text", text: "Let me see." }])
      })
    )

    it.effect(`leaves an answer at its length limit incomplete, the last item too: ${form}`, () =>
      Effect.gen(function* () {
        const response = yield* ask({ input: "[[emu tokens=200 interval=0]]", max_output_tokens: 16 })
        assert.deepStrictEqual(
          [response.status, response.incomplete_details, response.output.at(-1)?.status],
          ["incomplete", { reason: "max_output_tokens" }, "incomplete"]
        )
      })
    )

    it.effect(`repeats what was asked for: ${form}`, () =>
      Effect.gen(function* () {
        yield* script('{"n":4}')
        const schema = { type: "object", properties: { n: { type: "integer" } }, required: ["n"] }
        const asked = {
          input: "2 + 2?",
          instructions: "Be brief.",
          max_output_tokens: 500,
          max_tool_calls: 3,
          metadata: { a: "b" },
          parallel_tool_calls: false,
          prompt_cache_key: "key",
          safety_identifier: "somebody",
          temperature: 0.5,
          top_p: 0.5,
          presence_penalty: 0.25,
          frequency_penalty: -0.25,
          reasoning: { effort: "low" }
        }
        const tools = [{ type: "function", name: "get_weather" }]
        const { input: _, reasoning: __, ...repeated } = asked
        const text = { format: { type: "json_schema", name: "sum", schema } }
        const response = yield* ask({ ...asked, text, tools, tool_choice: "none" })
        assert.deepInclude(response, repeated)
        assert.deepStrictEqual(response.text, {
          format: { type: "json_schema", name: "sum", schema, description: null, strict: false }
        })
        assert.deepStrictEqual(response.reasoning, { effort: "low", summary: null })
        assert.deepStrictEqual(response.tools, [
          { type: "function", name: "get_weather", description: null, parameters: null, strict: false }
        ])
      })
    )
  }

  it.effect("lets a model call the tools that are allowed, and no others", () =>
    Effect.gen(function* () {
      const mail = { type: "function", name: "send_email", parameters: { type: "object" } }
      const allowed = { type: "allowed_tools", tools: [{ type: "function", name: "get_weather" }] }
      yield* script(callsWeather)
      const response = yield* whole({ ...asksWeather, tools: [weather, mail], tool_choice: allowed })
      isWhole(response, "function_call")
      assert.deepStrictEqual<unknown>(response.tool_choice, { ...allowed, mode: "auto" })
      yield* script(Spoken.call("send_email", {}))
      const other = yield* whole({ ...asksWeather, tools: [weather, mail], tool_choice: allowed })
      assert.isTrue(other.output.every(({ type }) => type === "message"))
      yield* script(callsWeather)
      const none = yield* whole({ ...asksWeather, tool_choice: { ...allowed, mode: "none" } })
      assert.isTrue(none.output.every(({ type }) => type === "message"))
    })
  )

  it.effect("goes on from a stored response as from all that it had and said", () =>
    Effect.gen(function* () {
      yield* script("Nice to meet you.", "Alice.")
      const first = yield* whole({ input: "My name is Alice.", instructions: "Be brief." })
      const second = yield* whole({ previous_response_id: first.id, input: "What is my name?" })
      assert.strictEqual(second.previous_response_id, first.id)
      yield* wasAsked("My name is Alice.", "Nice to meet you.", "What is my name?")
      const result = { type: "function_call_output", call_id: "call_missing", output: "x" }
      const refused = yield* post({ model: "auto", previous_response_id: first.id, input: [result] })
      assert.strictEqual(refused.status, 400)
      assert.deepInclude((refused.json() as { readonly error: object }).error, { param: "input[0].call_id" })
    })
  )

  it.effect("compacts what users said in parts, pictures among them, and what a response holds", () =>
    Effect.gen(function* () {
      yield* script("Hello.", "A summary.")
      const image = { type: "input_image", image_url: dataUrl("image/png", png()) }
      const input = [user([{ type: "input_text", text: "Look." }, image]), { role: "user", content: "Well?" }]
      const first = yield* whole({ model: "Kimi-K2.6", input })
      const answer = yield* post({ model: "Kimi-K2.6", previous_response_id: first.id }, "/v1/responses/compact")
      const { output } = isSound(OpenResponses.Compacted, answer.json())
      assert.deepStrictEqual(
        output.map(({ type }) => type),
        ["message", "message", "compaction"]
      )
    })
  )

  it.effect("ends a stream that breaks with a failed response", () =>
    Effect.gen(function* () {
      const { response } = yield* streamed({ input: "[[emu tokens=20 interval=0 finish_error=500@9]]" })
      assert.strictEqual(response.status, "failed")
      assert.isNotEmpty(response.error?.code)
    })
  )

  it.scoped("has a code in each failure over a WebSocket", () =>
    Effect.gen(function* () {
      const client = yield* connect
      for (const message of ["no JSON", "[]", create({ input: [] }), create({ input: 4 }), { type: "other" }]) {
        assert.isNotEmpty(yield* refused(client, message))
      }
    })
  )
})

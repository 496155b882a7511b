/**
 * The cases of the Open Responses compliance suite, each by its name there, by the real program.
 */
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import * as OpenResponses from "../support/OpenResponses.ts"
import { dataUrl, png } from "../support/Pictures.ts"
import {
  asksWeather,
  assistant,
  callsWeather,
  compacts,
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
  textOf,
  told,
  user,
  wasAsked,
  whole
} from "./openResponses.ts"

layer(gateway, options)("the compliance suite of Open Responses, over HTTP", (it) => {
  it.effect("basic-response: a user's message is answered with a whole response", () =>
    Effect.gen(function* () {
      yield* script("Hello there, friend.")
      const response = yield* whole({ input: [user("Say hello in exactly 3 words.")] })
      isWhole(response, "message")
      assert.strictEqual(textOf(response), "Hello there, friend.")
      assert.isAbove(response.usage?.output_tokens ?? 0, 0)
    })
  )

  it.effect("assistant-phase: messages of the assistant may say which phase they are of", () =>
    Effect.gen(function* () {
      yield* script("four")
      const phases = [
        assistant("I should answer with the saved number.", { phase: "commentary" }),
        assistant("The number is four.", { phase: "final_answer" })
      ]
      isWhole(yield* whole({ input: [...phases, user("Repeat only the number.")] }), "message")
      yield* wasAsked("The number is four.", "I should answer with the saved number.")
    })
  )

  it.effect("response-output-phase-schema: a response may say which phase its messages are of", () =>
    Effect.gen(function* () {
      yield* script("four")
      const response = yield* whole({ input: "2 + 2?" })
      const [message] = response.output
      for (const phase of ["commentary", "final_answer"]) isSound(OpenResponses.Item, { ...message, phase })
      assert.isNotEmpty(OpenResponses.faults(OpenResponses.Item, { ...message, phase: "other" }))
    })
  )

  it.effect("streaming-response: the same as events, which the last of them repeats", () =>
    Effect.gen(function* () {
      yield* script("1, 2, 3, 4, 5")
      const { events, response } = yield* streamed({ input: [user("Count from 1 to 5.")] })
      isWhole(response, "message")
      assert.strictEqual(textOf(response), "1, 2, 3, 4, 5")
      assert.isAbove(events.filter(({ type }) => type === "response.output_text.delta").length, 1)
    })
  )

  it.effect("system-prompt: a system's message reaches the model", () =>
    Effect.gen(function* () {
      yield* script("Arr.")
      const system = { type: "message", role: "system", content: "Always respond in pirate speak." }
      isWhole(yield* whole({ input: [system, user("Say hello.")] }), "message")
      yield* wasAsked("pirate speak", "Say hello.")
    })
  )

  it.effect("tool-calling: a function is called with arguments as JSON, and its result is taken", () =>
    Effect.gen(function* () {
      yield* script(callsWeather, "64 degrees")
      const response = yield* whole(asksWeather)
      isWhole(response, "function_call")
      const [call] = response.output
      if (call?.type !== "function_call") return assert.fail("no call")
      assert.deepStrictEqual(
        [call.name, JSON.parse(call.arguments)],
        ["get_weather", { location: "San Francisco, CA" }]
      )
      const result = { type: "function_call_output", call_id: call.call_id, output: "64 degrees and clear" }
      isWhole(yield* whole({ ...asksWeather, input: [...asksWeather.input, call, result] }), "message")
      yield* wasAsked("64 degrees and clear")
    })
  )

  it.effect("tool-calling, streamed: the call begins, its arguments come and end, and it ends", () =>
    Effect.gen(function* () {
      yield* script(callsWeather)
      const { events, response } = yield* streamed(asksWeather)
      isWhole(response, "function_call")
      const types = new Set(events.map(({ type }) => type))
      const arguments_ = "response.function_call_arguments"
      assert.isTrue([`${arguments_}.delta`, `${arguments_}.done`].every((type) => types.has(type)))
    })
  )

  it.effect("image-input: a picture in a data: URL is taken", () =>
    Effect.gen(function* () {
      yield* script("A red heart.")
      const image = { type: "input_image", image_url: dataUrl("image/png", png()) }
      const input = [user([{ type: "input_text", text: "What do you see?" }, image])]
      isWhole(yield* whole({ model: "Kimi-K2.6", input, reasoning: { effort: "none" } }), "reasoning", "message")
    })
  )

  it.effect("multi-turn: what was said before reaches the model", () =>
    Effect.gen(function* () {
      yield* script("Alice.")
      const input = [user("My name is Alice."), assistant("Hello Alice! How can I help?"), user("What is my name?")]
      isWhole(yield* whole({ input }), "message")
      yield* wasAsked("My name is Alice.", "Hello Alice!", "What is my name?")
    })
  )

  it.effect("compact-response: a conversation becomes what its user said and a summary", () =>
    Effect.gen(function* () {
      yield* script("Launch on Tuesday; support is told first.")
      const answer = yield* post(compacts, "/v1/responses/compact")
      assert.strictEqual(answer.status, 200, answer.text)
      const { output } = isSound(OpenResponses.Compacted, answer.json())
      assert.deepStrictEqual(
        output.map(({ type }) => type),
        ["message", "compaction"]
      )
    })
  )

  it.effect("compact-missing-model: a conversation without a model is refused", () =>
    Effect.gen(function* () {
      const { json, status } = yield* post({ input: compacts.input }, "/v1/responses/compact")
      assert.strictEqual(status, 400)
      assert.deepInclude((json() as { readonly error: object }).error, {
        type: "invalid_request_error",
        param: "model",
        code: "missing_required_parameter"
      })
    })
  )
})

layer(gateway, options)("the compliance suite of Open Responses, over a WebSocket", (it) => {
  it.scoped("websocket-response: an answer is the events that HTTP has", () =>
    Effect.gen(function* () {
      yield* script("1, 2, 3")
      const client = yield* connect
      const message = { type: "response.create", model: "auto", input: [user("Count from 1 to 3.")] }
      isWhole(yield* told(client, message), "message")
    })
  )

  it.scoped("websocket-sequential-responses: one connection has several, one after the other", () =>
    Effect.gen(function* () {
      yield* script("first", "second")
      const client = yield* connect
      const answers = yield* Effect.forEach(["first", "second"], (word) =>
        told(client, create({ input: `Reply with exactly: ${word}` }))
      )
      assert.deepStrictEqual(answers.map(textOf), ["first", "second"])
    })
  )

  it.scoped("websocket-continuation: a response of which nothing is stored is gone on from", () =>
    Effect.gen(function* () {
      yield* script("OK", "cobalt")
      const client = yield* connect
      const { id } = yield* told(client, create({ input: "Remember the code word: cobalt." }))
      isWhole(yield* told(client, create({ previous_response_id: id, input: "What is it?" })), "message")
      yield* wasAsked("Remember the code word: cobalt.", "What is it?")
    })
  )

  it.scoped(
    "websocket-reconnect-store-false-recovery: on another connection it is not found, and a new one begins",
    () =>
      Effect.gen(function* () {
        yield* script("OK", "recovered")
        const { id } = yield* Effect.flatMap(connect, (client) => told(client, create({ input: "copper" })))
        const client = yield* connect
        const code = yield* refused(client, create({ previous_response_id: id, input: "Go on." }))
        assert.strictEqual(code, "previous_response_not_found")
        isWhole(yield* told(client, create({ input: [user("Start anew.")] })), "message")
      })
  )

  it.scoped("websocket-generate-false: a response without output is made, and gone on from", () =>
    Effect.gen(function* () {
      yield* script("warm")
      const client = yield* connect
      const warm = yield* told(client, create({ generate: false, input: [user("Be brief.")] }))
      isWhole(warm)
      isWhole(yield* told(client, create({ previous_response_id: warm.id, input: "Go." })), "message")
      yield* wasAsked("Be brief.", "Go.")
    })
  )

  it.scoped("websocket-previous-response-not-found: one that never was is told of as such", () =>
    Effect.gen(function* () {
      const code = yield* refused(yield* connect, create({ previous_response_id: "resp_missing", input: "Go on." }))
      assert.strictEqual(code, "previous_response_not_found")
    })
  )

  it.scoped("websocket-failed-continuation-evicts-cache: after a result of no call the response is gone", () =>
    Effect.gen(function* () {
      yield* script("OK")
      const client = yield* connect
      const { id } = yield* told(client, create({ input: "Remember the code word: ember." }))
      const result = { type: "function_call_output", call_id: "call_missing", output: "There is no such call." }
      yield* refused(client, create({ previous_response_id: id, input: [result] }))
      const code = yield* refused(client, create({ previous_response_id: id, input: "Go on." }))
      assert.strictEqual(code, "previous_response_not_found")
    })
  )

  it.scoped("websocket-compact-new-chain: a compacted conversation is the beginning of another", () =>
    Effect.gen(function* () {
      yield* script("The code word is slate.", "compacted")
      const { output } = (yield* post(compacts, "/v1/responses/compact")).json() as { readonly output: Array<unknown> }
      const client = yield* connect
      isWhole(yield* told(client, create({ input: [...output, user("Go on from here.")], tools: [] })), "message")
      yield* wasAsked("The code word is slate.", "We launch on Tuesday", "Go on from here.")
    })
  )
})

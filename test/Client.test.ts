import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Option, Redacted, Stream } from "effect"
import * as Client from "../src/Client.ts"
import { textDelta } from "../src/domain/Chat.ts"
import { BackendFailure } from "../src/domain/ChatError.ts"
import * as TestBackend from "./support/TestBackend.ts"
import * as TestGateway from "./support/TestGateway.ts"

const hello = { model: "auto", messages: [{ role: "user" as const, content: "hi" }] }
const connect = (base: string, key?: string) =>
  Effect.provide(
    Client.make({ baseUrl: base, ...(key === undefined ? {} : { apiKey: Redacted.make(key) }) }),
    FetchHttpClient.layer
  )

describe("Client", () => {
  it.scopedLive("calls models, health and chat completions with typed results and failures", () =>
    Effect.gen(function* () {
      const { base } = yield* TestGateway.serve(TestBackend.make(), { apiKeys: [Redacted.make("sk-1")] })
      const client = yield* connect(base, "sk-1")
      const { data } = yield* client.openai.models()
      assert.deepStrictEqual(
        data.map(({ id }) => id),
        ["auto", "org/qwen3 coder", "agent"]
      )
      assert.isTrue((yield* client.ops.health()).ok)
      const answer = yield* client.openai.chatCompletions({ payload: hello })
      assert.strictEqual(answer.choices[0]?.message.content, "Hello")
      const refused = yield* Effect.flip((yield* connect(base, "sk-2")).openai.models())
      assert.strictEqual(refused._tag, "OpenAiFailure")
    })
  )

  it.scopedLive("asks for a response, and for one that is held", () =>
    Effect.gen(function* () {
      const { base } = yield* TestGateway.serve(TestBackend.make(), { responsesStore: 1 })
      const { responses } = yield* connect(base)
      const input = [{ role: "user", content: "hi" }]
      const answer = yield* responses.createResponse({ payload: { model: "auto", input } })
      assert.deepInclude(answer.output[0], { type: "message", status: "completed" })
      assert.deepStrictEqual(yield* responses.response({ path: { id: answer.id } }), answer)
      assert.isTrue((yield* responses.deleteResponse({ path: { id: answer.id } })).deleted)
      const gone = yield* Effect.flip(responses.response({ path: { id: answer.id } }))
      assert.strictEqual(gone._tag, "OpenAiFailure")
    })
  )

  it.scopedLive("streams the chunks of an answer", () =>
    Effect.gen(function* () {
      const { base } = yield* TestGateway.serve(TestBackend.make(TestBackend.say("Hel", "lo")))
      const { chatStream } = yield* connect(base)
      const chunks = yield* Stream.runCollect(chatStream(hello))
      assert.strictEqual([...chunks].map(({ choices }) => choices[0]?.delta.content ?? "").join(""), "Hello")
      const last = Option.fromNullable([...chunks].at(-1)?.choices[0]?.finish_reason)
      assert.deepStrictEqual(last, Option.some("stop"))
    })
  )

  it.scopedLive("streams the events of messages and of responses, by type, to their end", () =>
    Effect.gen(function* () {
      const { base } = yield* TestGateway.serve(TestBackend.make(TestBackend.say("Hel", "lo")))
      const { messageStream, responseStream } = yield* connect(base)
      const events = [...(yield* Stream.runCollect(messageStream({ ...hello, max_tokens: 100 })))]
      const text = events.map((event) =>
        event.type === "content_block_delta" && event.delta.type === "text_delta" ? event.delta.text : ""
      )
      assert.strictEqual(text.join(""), "Hello")
      assert.strictEqual(events.at(-1)?.type, "message_stop")
      const input = [{ role: "user", content: "hi" }]
      const others = [...(yield* Stream.runCollect(responseStream({ model: "auto", input })))]
      const deltas = others.map((event) => (event.type === "response.output_text.delta" ? event.delta : ""))
      assert.strictEqual(deltas.join(""), "Hello")
      assert.strictEqual(others.at(-1)?.type, "response.completed")
    })
  )

  it.scopedLive(
    "fails if a stream of messages is refused or breaks, and tells a response that failed as its last event",
    () =>
      Effect.gen(function* () {
        const failure = new BackendFailure({ instance: "inst-0", started: true, detail: "boom" })
        const half = TestBackend.make((turn) =>
          Effect.sync(() => {
            turn.emit(textDelta("half"))
            turn.fail(failure)
          })
        )
        const { base } = yield* TestGateway.serve(half)
        const { messageStream, responseStream } = yield* connect(base)
        const broke = yield* Effect.flip(Stream.runDrain(messageStream({ ...hello, max_tokens: 100 })))
        assert.deepInclude(broke, { _tag: "ChatStreamFailed", code: "api_error" })
        const unknown = yield* Effect.flip(
          Stream.runDrain(messageStream({ ...hello, model: "no-such", max_tokens: 100 }))
        )
        assert.deepInclude(unknown, { status: 404, code: "not_found_error" })
        const input = [{ role: "user", content: "hi" }]
        const last = yield* Effect.either(Stream.runLast(responseStream({ model: "auto", input })))
        assert.include(JSON.stringify(last), "upstream_error")
      })
  )

  it.scopedLive("fails with the HTTP status if a chat is refused, and with 200 if its stream breaks", () =>
    Effect.gen(function* () {
      const failure = new BackendFailure({ instance: "inst-0", started: true, detail: "boom" })
      const half = TestBackend.make((turn) =>
        Effect.sync(() => {
          turn.emit(textDelta("half"))
          setTimeout(() => turn.fail(failure), 20)
        })
      )
      const { base } = yield* TestGateway.serve(half)
      const { chatStream } = yield* connect(base)
      const broke = yield* Effect.flip(Stream.runDrain(chatStream(hello)))
      assert.deepInclude(broke, { _tag: "ChatStreamFailed", status: 200, code: "upstream_error" })
      const unknown = yield* Effect.flip(Stream.runDrain(chatStream({ ...hello, model: "no-such" })))
      assert.deepInclude(unknown, { _tag: "ChatStreamFailed", status: 404, code: "model_not_found" })
    })
  )

  it.scopedLive("cancels the chat when its reader leaves", () =>
    Effect.gen(function* () {
      const endless = TestBackend.make(TestBackend.emit(textDelta("half")))
      const { base, drained } = yield* TestGateway.serve(endless)
      const { chatStream } = yield* connect(base)
      const first = yield* Stream.runHead(chatStream(hello))
      assert.strictEqual(Option.getOrThrow(first).choices[0]?.delta.role, "assistant")
      yield* drained
      assert.deepStrictEqual(endless.counts, { opened: 1, closed: 1, cancelled: 1 })
    })
  )
})

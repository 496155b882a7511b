import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Queue, Redacted } from "effect"
import OpenAI from "openai"
import { finish, textDelta, usage } from "../../../../src/domain/Chat.ts"
import { BackendFailure } from "../../../../src/domain/ChatError.ts"
import * as TestBackend from "../../../support/TestBackend.ts"
import * as TestGateway from "../../../support/TestGateway.ts"

const messages = [{ role: "user" as const, content: "hi" }]
const client = (base: string, apiKey = "any") => new OpenAI({ baseURL: `${base}/v1`, apiKey, maxRetries: 0 })

const rejected = (run: () => Promise<unknown>) =>
  Effect.promise(() =>
    run().then(
      () => assert.fail("it was not rejected"),
      (error: unknown) => error
    )
  )

describe("the openai package", () => {
  it.scopedLive("gets a whole answer", () =>
    Effect.gen(function* () {
      const { base } = yield* TestGateway.serve(
        TestBackend.make(
          TestBackend.emit(textDelta("Hello"), usage({ inputTokens: 3, outputTokens: 2 }), finish("stop"))
        )
      )
      const answer = yield* Effect.promise(() => client(base).chat.completions.create({ model: "auto", messages }))
      assert.strictEqual(answer.choices[0]?.message.content, "Hello")
      assert.isNull(answer.choices[0]?.message.refusal)
      assert.isNull(answer.choices[0]?.logprobs)
      assert.strictEqual(answer.choices[0]?.finish_reason, "stop")
      assert.deepStrictEqual(answer.usage, { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 })
      assert.match(answer.id, /^chatcmpl-[0-9a-f]{32}$/)
      assert.isString(answer._request_id)
    })
  )

  it.scopedLive("streams, with usage when it asks", () =>
    Effect.gen(function* () {
      const { base } = yield* TestGateway.serve(TestBackend.make(TestBackend.say("Hel", "lo")))
      const chunks = yield* Effect.promise(async () => {
        const stream = await client(base).chat.completions.create({
          model: "auto",
          messages,
          stream: true,
          stream_options: { include_usage: true }
        })
        const all: Array<OpenAI.ChatCompletionChunk> = []
        for await (const chunk of stream) all.push(chunk)
        return all
      })
      assert.strictEqual(chunks.map(({ choices }) => choices[0]?.delta.content ?? "").join(""), "Hello")
      assert.isAbove(chunks.at(-1)?.usage?.total_tokens ?? 0, 0)
      const final = yield* Effect.promise(() =>
        client(base).chat.completions.stream({ model: "auto", messages }).finalChatCompletion()
      )
      assert.strictEqual(final.choices[0]?.message.content, "Hello")
    })
  )

  it.scopedLive("lists models and finds one with a slash in its id", () =>
    Effect.gen(function* () {
      const { base } = yield* TestGateway.serve(TestBackend.make())
      const models = yield* Effect.promise(() => client(base).models.list())
      assert.deepStrictEqual(
        models.data.map(({ id }) => id),
        [...TestBackend.models.map(({ key }) => key), "agent"]
      )
      const one = yield* Effect.promise(() => client(base).models.retrieve("org/qwen3 coder"))
      assert.strictEqual(one.id, "org/qwen3 coder")
    })
  )

  it.scopedLive("throws its own class of error for each failure", () =>
    Effect.gen(function* () {
      const scripted = TestBackend.make(TestBackend.silent)
      const { base } = yield* TestGateway.serve(scripted, {
        apiKeys: [Redacted.make("sk-right")],
        maxInFlight: 1,
        queueTimeout: Duration.millis(20)
      })
      const good = client(base, "sk-right")
      const bad = yield* rejected(() => good.chat.completions.create({ model: "auto", messages: [] }))
      assert.instanceOf(bad, OpenAI.BadRequestError)
      assert.deepInclude(bad, { param: "messages", code: "empty_array", type: "invalid_request_error" })
      const wrong = yield* rejected(() => client(base, "sk-wrong").models.list())
      assert.instanceOf(wrong, OpenAI.AuthenticationError)
      const unknown = yield* rejected(() => good.models.retrieve("nope"))
      assert.instanceOf(unknown, OpenAI.NotFoundError)
      assert.deepInclude(unknown, { code: "model_not_found" })
      const missing = yield* rejected(() => good.chat.completions.create({ model: "zzzzzz", messages }))
      assert.instanceOf(missing, OpenAI.NotFoundError)
      const abort = new AbortController()
      const held = good.chat.completions.create({ model: "auto", messages }, { signal: abort.signal }).catch(() => {})
      yield* Queue.take(scripted.turns)
      const busy = yield* rejected(() => good.chat.completions.create({ model: "auto", messages, stream: true }))
      assert.instanceOf(busy, OpenAI.RateLimitError)
      assert.deepInclude(busy, { code: "backpressure" })
      abort.abort()
      yield* Effect.promise(() => held)
    })
  )

  it.scopedLive("throws when a stream breaks, and skips our comments", () =>
    Effect.gen(function* () {
      const scripted = TestBackend.make(TestBackend.silent)
      const { base } = yield* TestGateway.serve(scripted, { keepAlive: Duration.millis(20) })
      const seen: Array<string> = []
      const reading = rejected(async () => {
        const stream = await client(base).chat.completions.create({ model: "auto", messages, stream: true })
        for await (const chunk of stream) seen.push(chunk.choices[0]?.delta.content ?? "")
      })
      const playing = Effect.gen(function* () {
        const turn = yield* Queue.take(scripted.turns)
        yield* Effect.sleep("60 millis")
        turn.emit(textDelta("half"))
        yield* Effect.sleep("5 millis")
        turn.fail(new BackendFailure({ instance: "inst-0", started: true, detail: "" }))
      })
      const [error] = yield* Effect.all([reading, playing], { concurrency: "unbounded" })
      assert.instanceOf(error, OpenAI.APIError)
      assert.deepInclude(error, { code: "upstream_error", type: "upstream_error" })
      assert.deepStrictEqual(seen, ["", "half"])
    })
  )

  it.scopedLive("ends its turn upstream when it aborts a stream", () =>
    Effect.gen(function* () {
      const scripted = TestBackend.make(TestBackend.silent)
      const { base } = yield* TestGateway.serve(scripted)
      const seen: Array<string> = []
      const reading = Effect.promise(async () => {
        const stream = await client(base).chat.completions.create({ model: "auto", messages, stream: true })
        for await (const chunk of stream) {
          seen.push(chunk.choices[0]?.delta.content ?? "")
          if (seen.includes("half")) stream.controller.abort()
        }
      })
      const playing = Effect.gen(function* () {
        const turn = yield* Queue.take(scripted.turns)
        turn.emit(textDelta("half"))
        yield* TestBackend.cancelled(scripted)
      })
      yield* Effect.all([reading, playing], { concurrency: "unbounded" })
      assert.deepStrictEqual(seen, ["", "half"])
    })
  )
})

import Anthropic from "@anthropic-ai/sdk"
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Redacted } from "effect"
import { finish, textDelta, thoughtDelta, toolCall, usage } from "../../../../src/domain/Chat.ts"
import { BackendFailure } from "../../../../src/domain/ChatError.ts"
import * as TestBackend from "../../../support/TestBackend.ts"
import * as TestGateway from "../../../support/TestGateway.ts"

const hello = { model: "auto", max_tokens: 64, messages: [{ role: "user" as const, content: "hi" }] }
const client = (baseURL: string, apiKey = "any") => new Anthropic({ baseURL, apiKey, maxRetries: 0 })

const rejected = (run: () => Promise<unknown>) =>
  Effect.promise(() =>
    run().then(
      () => assert.fail("it was not rejected"),
      (error: unknown) => error
    )
  )

describe("the @anthropic-ai/sdk package", () => {
  it.scopedLive("creates a message", () =>
    Effect.gen(function* () {
      const { base } = yield* TestGateway.serve(
        TestBackend.make(
          TestBackend.emit(textDelta("Hello"), usage({ inputTokens: 3, outputTokens: 2 }), finish("stop"))
        )
      )
      const message = yield* Effect.promise(() => client(base).messages.create(hello))
      assert.match(message.id, /^msg_[0-9A-Za-z]{24}$/)
      assert.deepStrictEqual(message.content as Array<unknown>, [{ type: "text", text: "Hello" }])
      assert.deepStrictEqual([message.model, message.role, message.stop_reason], ["auto", "assistant", "end_turn"])
      assert.isAbove(message.usage.input_tokens, 0)
      assert.isAbove(message.usage.output_tokens, 0)
      assert.match(message._request_id ?? "", /^req-/)
    })
  )

  it.scopedLive("streams, thoughts where they are asked for", () =>
    Effect.gen(function* () {
      const script = TestBackend.emit(thoughtDelta("hm"), textDelta("Hel"), textDelta("lo"), finish("stop"))
      const { base } = yield* TestGateway.serve(TestBackend.make(script))
      const shown = yield* Effect.promise(() =>
        client(base)
          .beta.messages.stream({ ...hello, thinking: { type: "adaptive" } })
          .finalMessage()
      )
      assert.deepStrictEqual(
        shown.content.map(({ type }) => type),
        ["thinking", "text"]
      )
      const pieces: Array<string> = []
      const plain = yield* Effect.promise(() =>
        client(base)
          .messages.stream(hello)
          .on("text", (text) => pieces.push(text))
          .finalMessage()
      )
      assert.deepStrictEqual(plain.content as Array<unknown>, [{ type: "text", text: "Hello" }])
      assert.strictEqual(pieces.join(""), "Hello")
      assert.isAbove(plain.usage.output_tokens, 0)
      const alone = yield* Effect.promise(() => client(base).messages.create({ ...hello, system: "x" }))
      assert.deepStrictEqual(
        alone.content.map(({ type }) => type),
        ["text"]
      )
    })
  )

  it.scopedLive("runs a loop with a tool", () =>
    Effect.gen(function* () {
      const call = toolCall({ id: "call_aaaaaaaaaaaaaaaaaaaaaaaa", name: "weather", arguments: '{"city":"Rome"}' })
      const scripted = TestBackend.make((turn, ask) =>
        ask.prompt.includes("22 degrees")
          ? TestBackend.emit(textDelta("Warm."), finish("stop"))(turn, ask)
          : TestBackend.emit(call, finish("tool_calls"))(turn, ask)
      )
      const { base } = yield* TestGateway.serve(scripted)
      const anthropic = client(base)
      const tools = [
        { name: "weather", input_schema: { type: "object" as const, properties: { city: { type: "string" } } } }
      ]
      const first = yield* Effect.promise(() => anthropic.messages.stream({ ...hello, tools }).finalMessage())
      assert.strictEqual(first.stop_reason, "tool_use")
      const use = first.content.find((block) => block.type === "tool_use")
      assert.deepStrictEqual([use?.name, use?.input], ["weather", { city: "Rome" }])
      assert.match(use?.id ?? "", /^toolu_[0-9A-Za-z]{24}$/)
      const result = { type: "tool_result" as const, tool_use_id: use?.id ?? "", content: "22 degrees" }
      const second = yield* Effect.promise(() =>
        anthropic.messages.create({
          ...hello,
          tools,
          messages: [
            ...hello.messages,
            { role: "assistant", content: first.content },
            { role: "user", content: [result] }
          ]
        })
      )
      assert.deepStrictEqual(second.content as Array<unknown>, [{ type: "text", text: "Warm." }])
      assert.include(scripted.asks[1]?.prompt, `<tool_response id="${use?.id}" name="weather"`)
    })
  )

  it.scopedLive("lists models and finds one with a slash in its id", () =>
    Effect.gen(function* () {
      const { base } = yield* TestGateway.serve(TestBackend.make())
      const ids: Array<string> = []
      yield* Effect.promise(async () => {
        for await (const { id } of client(base).models.list({ limit: 1000 })) ids.push(id)
      })
      assert.deepStrictEqual(ids, [...TestBackend.models.map(({ key }) => key), "agent"])
      const one = yield* Effect.promise(() => client(base).models.retrieve("org/qwen3 coder"))
      assert.deepStrictEqual([one.display_name, one.max_input_tokens], ["Qwen3 Coder", 131_072])
    })
  )

  it.scopedLive("throws its own class of error for each failure", () =>
    Effect.gen(function* () {
      const scripted = TestBackend.make(TestBackend.silent)
      const { base } = yield* TestGateway.serve(scripted, {
        apiKeys: [Redacted.make("sk-right")],
        maxInFlight: 1,
        queueMax: 0
      })
      const wrong = yield* rejected(() => client(base, "sk-wrong").messages.create(hello))
      assert.instanceOf(wrong, Anthropic.AuthenticationError)
      assert.match((wrong as InstanceType<typeof Anthropic.APIError>).requestID ?? "", /^req-/)
      const right = client(base, "sk-right")
      assert.instanceOf(
        yield* rejected(() => right.messages.create({ ...hello, max_tokens: 0 })),
        Anthropic.BadRequestError
      )
      const running = new AbortController()
      const held = right.messages.create(hello, { signal: running.signal }).catch(() => undefined)
      yield* scripted.turns.take
      const full = yield* rejected(() => right.messages.create(hello))
      assert.instanceOf(full, Anthropic.InternalServerError)
      assert.strictEqual((full as InstanceType<typeof Anthropic.APIError>).status, 529)
      running.abort()
      yield* Effect.promise(() => held)
    })
  )

  it.scopedLive("throws when a stream breaks, and skips what keeps it alive", () =>
    Effect.gen(function* () {
      for (const messagesKeepAlive of ["comment", "ping"] as const) {
        const scripted = TestBackend.make(TestBackend.silent)
        const { base } = yield* TestGateway.serve(scripted, { keepAlive: Duration.millis(10), messagesKeepAlive })
        const outcome = client(base)
          .messages.stream(hello)
          .finalMessage()
          .catch((error: unknown) => error)
        const turn = yield* scripted.turns.take
        yield* Effect.sleep("60 millis")
        turn.emit(textDelta("Hel"))
        yield* Effect.sleep("60 millis")
        turn.fail(new BackendFailure({ instance: "inst-0", started: true, detail: "secret" }))
        const error = yield* Effect.promise(() => outcome)
        assert.instanceOf(error, Anthropic.APIError)
        assert.include((error as Error).message, "upstream lingma error")
      }
    })
  )

  it.scopedLive("ends its turn upstream when it aborts a stream", () =>
    Effect.gen(function* () {
      const scripted = TestBackend.make(TestBackend.silent)
      const { base } = yield* TestGateway.serve(scripted)
      const stream = client(base).messages.stream(hello)
      const outcome = stream
        .on("text", () => stream.abort())
        .done()
        .catch((error: unknown) => error)
      const turn = yield* scripted.turns.take
      turn.emit(textDelta("half"))
      assert.instanceOf(yield* Effect.promise(() => outcome), Anthropic.APIUserAbortError)
      yield* TestBackend.cancelled(scripted)
    })
  )
})

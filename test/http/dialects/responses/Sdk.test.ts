import { assert, describe, it } from "@effect/vitest"
import { Effect, Queue } from "effect"
import OpenAI from "openai"
import { finish, textDelta, thoughtDelta, toolCall, usage } from "../../../../src/domain/Chat.ts"
import { BackendFailure } from "../../../../src/domain/ChatError.ts"
import * as TestBackend from "../../../support/TestBackend.ts"
import * as TestGateway from "../../../support/TestGateway.ts"

const client = (base: string) => new OpenAI({ baseURL: `${base}/v1`, apiKey: "any", maxRetries: 0 })

const look: OpenAI.Responses.FunctionTool = {
  type: "function",
  name: "look",
  parameters: { type: "object", properties: { at: { type: "string" } } },
  strict: false
}
const calling = TestBackend.emit(
  thoughtDelta("let me look"),
  textDelta("One moment."),
  toolCall({ id: "call_1", name: "look", arguments: '{"at":"sky"}' }),
  usage({ inputTokens: 3, outputTokens: 2 }),
  finish("tool_calls")
)

const rejected = (run: () => Promise<unknown>) =>
  Effect.promise(() =>
    run().then(
      () => assert.fail("it was not rejected"),
      (error: unknown) => error
    )
  )

describe("the openai package at /v1/responses", () => {
  it.scopedLive("creates a response", () =>
    Effect.gen(function* () {
      const { base } = yield* TestGateway.serve(TestBackend.make(TestBackend.say("Hel", "lo")))
      const response = yield* Effect.promise(() => client(base).responses.create({ model: "auto", input: "hi" }))
      assert.strictEqual(response.output_text, "Hello")
      assert.strictEqual(response.status, "completed")
      assert.isString(response._request_id)
    })
  )

  it.scopedLive("calls tools, and takes what they gave", () =>
    Effect.gen(function* () {
      const scripted = TestBackend.make(calling)
      const { base } = yield* TestGateway.serve(scripted)
      const openai = client(base)
      const input: Array<OpenAI.Responses.ResponseInputItem> = [{ role: "user", content: "look at the sky" }]
      const body = { model: "auto", tools: [look] }
      const first = yield* Effect.promise(() => openai.responses.create({ ...body, input }))
      const call = first.output.find((item) => item.type === "function_call")
      assert.deepInclude(call, { call_id: "call_1", name: "look", arguments: '{"at":"sky"}' })
      assert.strictEqual(first.output_text, "One moment.")
      assert.deepStrictEqual(first.usage?.total_tokens, 5)
      // As SDK users do it: the whole output goes back.
      input.push(...(first.output as Array<OpenAI.Responses.ResponseInputItem>), {
        type: "function_call_output",
        call_id: "call_1",
        output: "it is blue"
      })
      const second = yield* Effect.promise(() => openai.responses.create({ ...body, input }))
      assert.strictEqual(second.status, "completed")
      const prompt = scripted.asks.at(-1)?.prompt ?? ""
      for (const text of ["look at the sky", "One moment.", "it is blue"]) assert.include(prompt, text)
      assert.notInclude(prompt, "let me look")
    })
  )

  it.scopedLive("streams, by events and by its helper", () =>
    Effect.gen(function* () {
      const { base } = yield* TestGateway.serve(TestBackend.make(calling))
      const body = { model: "auto", input: "look", tools: [look] }
      const text = yield* Effect.promise(async () => {
        let said = ""
        for await (const event of await client(base).responses.create({ ...body, stream: true })) {
          if (event.type === "response.output_text.delta") said += event.delta
        }
        return said
      })
      assert.strictEqual(text, "One moment.")
      const final = yield* Effect.promise(() => client(base).responses.stream(body).finalResponse())
      assert.strictEqual(final.output_text, "One moment.")
      assert.deepStrictEqual(
        final.output.map(({ type }) => type),
        ["reasoning", "message", "function_call"]
      )
    })
  )

  it.scopedLive("throws for a failure in the middle of a stream, and for an invalid request", () =>
    Effect.gen(function* () {
      const scripted = TestBackend.make(TestBackend.silent)
      const { base } = yield* TestGateway.serve(scripted)
      const events = yield* Effect.fork(
        Effect.promise(async () => {
          const seen: Array<OpenAI.Responses.ResponseStreamEvent> = []
          for await (const event of await client(base).responses.create({ model: "auto", input: "hi", stream: true })) {
            seen.push(event)
          }
          return seen
        })
      )
      const turn = yield* Queue.take(scripted.turns)
      turn.emit(textDelta("Hel"))
      turn.fail(new BackendFailure({ instance: "inst-0", started: true, detail: "secret" }))
      const last = (yield* events).at(-1)
      assert.strictEqual(last?.type, "response.failed")
      assert.strictEqual(last?.type === "response.failed" ? last.response.error?.code : "", "upstream_error")
      const wrong = yield* rejected(() => client(base).responses.create({ model: "auto", input: [] }))
      assert.instanceOf(wrong, OpenAI.BadRequestError)
      assert.deepInclude(wrong, { param: "input", code: "invalid_value" })
    })
  )

  it.scopedLive("goes on from a response that is held, and forgets it", () =>
    Effect.gen(function* () {
      const scripted = TestBackend.make(TestBackend.say("blue"))
      const { base } = yield* TestGateway.serve(scripted, { responsesStore: 10 })
      const openai = client(base)
      const first = yield* Effect.promise(() => openai.responses.create({ model: "auto", input: "which colour?" }))
      const second = yield* Effect.promise(() =>
        openai.responses.create({ model: "auto", input: "why?", previous_response_id: first.id })
      )
      assert.strictEqual(second.previous_response_id, first.id)
      assert.include(scripted.asks.at(-1)?.prompt ?? "", "blue")
      assert.strictEqual((yield* Effect.promise(() => openai.responses.retrieve(second.id))).output_text, "blue")
      yield* Effect.promise(() => openai.responses.delete(second.id))
      assert.instanceOf(yield* rejected(() => openai.responses.retrieve(second.id)), OpenAI.NotFoundError)
    })
  )

  it.scopedLive("ends its turn upstream when it aborts a stream", () =>
    Effect.gen(function* () {
      const scripted = TestBackend.make(TestBackend.silent)
      const { base } = yield* TestGateway.serve(scripted)
      const reading = Effect.promise(async () => {
        const stream = await client(base).responses.create({ model: "auto", input: "hi", stream: true })
        for await (const event of stream) if (event.type === "response.output_text.delta") stream.controller.abort()
      })
      const playing = Effect.gen(function* () {
        const turn = yield* Queue.take(scripted.turns)
        turn.emit(textDelta("half"))
        yield* TestBackend.cancelled(scripted)
      })
      yield* Effect.all([reading, playing], { concurrency: "unbounded" })
    })
  )
})

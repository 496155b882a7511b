import { assert, describe, it } from "@effect/vitest"
import { Deferred, Duration, Effect, Queue, Redacted } from "effect"
import { finish, textDelta, thoughtDelta, toolCall, usage } from "../../../../src/domain/Chat.ts"
import { BackendFailure, QuotaExhausted } from "../../../../src/domain/ChatError.ts"
import type { ResponseObject } from "../../../../src/http/dialects/responses/Resource.ts"
import * as Grammar from "../../../support/ResponsesGrammar.ts"
import * as TestBackend from "../../../support/TestBackend.ts"
import * as TestGateway from "../../../support/TestGateway.ts"

type Gateway = Effect.Effect.Success<ReturnType<typeof TestGateway.serve>>

const post = (gateway: Gateway, body: object, headers: Record<string, string> = {}) =>
  gateway.request("/v1/responses", {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify({ model: "auto", input: "hi", ...body })
  })

const asResponse = ({ json }: { readonly json: unknown }) => json as ResponseObject

const broken = new BackendFailure({ instance: "inst-0", started: true, detail: "secret" })

describe("/v1/responses", () => {
  it.scopedLive("answers whole and as a stream, with the same response", () =>
    Effect.gen(function* () {
      const call = toolCall({ id: "call_1", name: "look", arguments: "{}" })
      const gateway = yield* TestGateway.serve(
        TestBackend.make(
          TestBackend.emit(
            thoughtDelta("hm"),
            textDelta("Hel"),
            textDelta("lo"),
            call,
            usage({ inputTokens: 3, outputTokens: 2 }),
            finish("tool_calls")
          )
        )
      )
      const body = { tools: [{ type: "function", name: "look" }], temperature: 0.5 }
      const whole = yield* post(gateway, body)
      assert.strictEqual(whole.status, 200)
      assert.strictEqual(whole.headers.get("x-lingma-instance"), "inst-0")
      assert.strictEqual(whole.headers.get("x-lingma-ignored-params"), "temperature")
      const response = asResponse(whole)
      assert.match(response.id, /^resp_[0-9a-f]{48}$/)
      assert.deepStrictEqual(
        response.output.map(({ type }) => type),
        ["reasoning", "message", "function_call"]
      )
      const streamed = yield* post(gateway, { ...body, stream: true })
      assert.strictEqual(streamed.headers.get("content-type"), "text/event-stream; charset=utf-8")
      const same = Grammar.read(Grammar.frames(streamed.text))
      assert.deepStrictEqual(same.output.map(Grammar.textOf), response.output.map(Grammar.textOf))
      assert.deepStrictEqual(same.usage, response.usage)
      assert.notInclude(streamed.text, "[DONE]")
    })
  )

  it.scopedLive("answers a call of a search as the search that the client makes", () =>
    Effect.gen(function* () {
      const call = toolCall({ id: "call_1", name: "tool_search", arguments: '{"query":"calendar"}' })
      const gateway = yield* TestGateway.serve(TestBackend.make(TestBackend.emit(call, finish("tool_calls"))))
      const body = { tools: [{ type: "tool_search", execution: "client" }] }
      const expected = {
        type: "tool_search_call",
        status: "completed",
        execution: "client",
        call_id: "call_1",
        arguments: { query: "calendar" }
      }
      const whole = asResponse(yield* post(gateway, body)).output
      const { text } = yield* post(gateway, { ...body, stream: true })
      for (const output of [whole, Grammar.read(Grammar.frames(text)).output]) {
        assert.deepStrictEqual(
          output.map(({ id: _, ...item }): object => item),
          [expected]
        )
      }
    })
  )

  it.scopedLive("tells a failure before the first event by its status, later in the response", () =>
    Effect.gen(function* () {
      const scripted = TestBackend.make(TestBackend.silent)
      const gateway = yield* TestGateway.serve(scripted)
      const early = yield* Effect.fork(post(gateway, { stream: true }))
      ;(yield* Queue.take(scripted.turns)).fail(new QuotaExhausted({ instance: "inst-0", until: 1 }))
      const refused = yield* early
      assert.deepStrictEqual([refused.status, refused.json.error?.code], [429, "insufficient_quota"])
      const late = yield* Effect.fork(post(gateway, { stream: true }))
      const turn = yield* Queue.take(scripted.turns)
      turn.emit(textDelta("Hel"))
      turn.fail(broken)
      const response = Grammar.read(Grammar.frames((yield* late).text))
      assert.deepStrictEqual(response.error, { code: "upstream_error", message: "upstream lingma error" })
      assert.deepStrictEqual(response.output.map(Grammar.textOf), ["Hel"])
      assert.deepInclude(response.output[0], { status: "incomplete" })
    })
  )

  it.scopedLive("fails in the response when nothing but keep-alives went out", () =>
    Effect.gen(function* () {
      const scripted = TestBackend.make(TestBackend.silent)
      const gateway = yield* TestGateway.serve(scripted, { keepAlive: Duration.millis(20) })
      const running = yield* Effect.fork(post(gateway, { stream: true }))
      const turn = yield* Queue.take(scripted.turns)
      yield* Effect.sleep("60 millis")
      turn.fail(new QuotaExhausted({ instance: "inst-0" }))
      const { status, text } = yield* running
      assert.strictEqual(status, 200)
      // Codex reads comments as silence; and a response must have begun before anything else of it comes.
      assert.match(
        text,
        /^event: response\.created\n[^\n]*\n\nevent: response\.in_progress\n[^\n]*\n\nevent: keepalive\n/
      )
      const response = Grammar.read(Grammar.frames(text))
      assert.strictEqual(response.error?.code, "insufficient_quota")
    })
  )

  it.scopedLive("says when to try again as agents read it", () =>
    Effect.gen(function* () {
      const scripted = TestBackend.make(TestBackend.silent)
      const settings = {
        maxInFlight: 1,
        queueTimeout: Duration.millis(100),
        keepAlive: Duration.millis(10)
      }
      const gateway = yield* TestGateway.serve(scripted, settings)
      const running = yield* Effect.fork(post(gateway, {}))
      const turn = yield* Queue.take(scripted.turns)
      const { text } = yield* post(gateway, { stream: true })
      const { error } = Grammar.read(Grammar.frames(text))
      assert.strictEqual(error?.code, "rate_limit_exceeded")
      assert.match(error?.message ?? "", /try again in \d+s/)
      turn.emit(textDelta("Yes"))
      turn.emit(finish("stop"))
      yield* running
    })
  )

  it.scopedLive("refuses in OpenAI's shape what is wrong about the request, the path and the key", () =>
    Effect.gen(function* () {
      const gateway = yield* TestGateway.serve(TestBackend.make(), { apiKeys: [Redacted.make("sk-right")] })
      const key = { authorization: "Bearer sk-right" }
      const told = ({ json, status }: Effect.Effect.Success<ReturnType<typeof gateway.request>>) => [
        status,
        json.error?.code,
        json.error?.param
      ]
      assert.deepStrictEqual(told(yield* post(gateway, {}, { authorization: "Bearer no" })), [
        401,
        "invalid_api_key",
        null
      ])
      assert.deepStrictEqual(told(yield* post(gateway, { stream: "yes" }, key)), [400, "invalid_type", "stream"])
      assert.deepStrictEqual(told(yield* post(gateway, { model: "none such" }, key)), [404, "model_not_found", "model"])
      assert.deepStrictEqual(told(yield* post(gateway, { previous_response_id: "resp_x" }, key)), [
        404,
        "previous_response_not_found",
        "previous_response_id"
      ])
      const image = { type: "input_image", image_url: "http://169.254.169.254/" }
      const input = [{ role: "user", content: [{ type: "input_text", text: "x" }, image] }]
      assert.deepStrictEqual(told(yield* post(gateway, { input }, key)), [
        400,
        "unsupported_value",
        "input[0].content[1].image_url"
      ])
      const many = Array.from({ length: 16_385 }, () => ({ role: "user", content: "x" }))
      assert.deepStrictEqual(told(yield* post(gateway, { input: many }, key)), [400, "array_above_max_length", "input"])
      const long = { model: "org/qwen3 coder", input: "some words ".repeat(300_000) }
      assert.deepStrictEqual(told(yield* post(gateway, long, key)), [400, "context_length_exceeded", "input"])
      const get = (path: string, method = "GET") => Effect.map(gateway.request(path, { method, headers: key }), told)
      assert.deepStrictEqual(yield* get("/v1/responses/resp_1"), [404, "response_not_found", "response_id"])
      assert.deepStrictEqual(yield* get("/v1/responses/resp_1", "DELETE"), [404, "response_not_found", "response_id"])
      assert.deepStrictEqual(yield* get("/v1/responses"), [405, "method_not_supported", null])
      assert.deepStrictEqual(yield* get("/v1/responses/resp_1/cancel", "POST"), [404, "unknown_url", null])
    })
  )

  it.scopedLive("keeps responses where that is switched on, and goes on from them", () =>
    Effect.gen(function* () {
      const scripted = TestBackend.make(TestBackend.say("blue"))
      const gateway = yield* TestGateway.serve(scripted, { responsesStore: 2 })
      const first = asResponse(yield* post(gateway, { input: "which colour?", instructions: "be brief" }))
      assert.isTrue(first.store)
      assert.deepStrictEqual(asResponse(yield* gateway.request(`/v1/responses/${first.id}`)), first)
      const body = { input: "and why?", previous_response_id: first.id, stream: true }
      const second = Grammar.read(Grammar.frames((yield* post(gateway, body)).text))
      assert.strictEqual(second.previous_response_id, first.id)
      const prompt = scripted.asks.at(-1)?.prompt ?? ""
      for (const text of ["which colour?", "blue", "and why?"]) assert.include(prompt, text)
      assert.notInclude(prompt, "be brief")
      assert.deepStrictEqual(asResponse(yield* gateway.request(`/v1/responses/${second.id}`)), second)
      const unkept = asResponse(yield* post(gateway, { store: false }))
      assert.isFalse(unkept.store)
      assert.strictEqual((yield* gateway.request(`/v1/responses/${unkept.id}`)).status, 404)
      yield* post(gateway, {})
      assert.strictEqual((yield* gateway.request(`/v1/responses/${first.id}`)).status, 404)
      const removed = yield* gateway.request(`/v1/responses/${second.id}`, { method: "DELETE" })
      assert.deepStrictEqual(removed.json, { id: second.id, object: "response", deleted: true })
      assert.strictEqual((yield* gateway.request(`/v1/responses/${second.id}`)).status, 404)
    })
  )

  it.scopedLive("keeps the last ones without being told to", () =>
    Effect.gen(function* () {
      const gateway = yield* TestGateway.serve(TestBackend.make(TestBackend.say("blue")))
      const { id, store } = asResponse(yield* post(gateway, {}))
      assert.isTrue(store)
      assert.strictEqual((yield* post(gateway, { previous_response_id: id })).status, 200)
    })
  )

  it.scopedLive("keeps an API key's responses for that key: to another they are not there", () =>
    Effect.gen(function* () {
      const scripted = TestBackend.make(TestBackend.say("blue"))
      const apiKeys = [Redacted.make("sk-a"), Redacted.make("sk-b")]
      const gateway = yield* TestGateway.serve(scripted, { responsesStore: 8, apiKeys })
      const a = { authorization: "Bearer sk-a" }
      const b = { "x-api-key": "sk-b" }
      const first = asResponse(yield* post(gateway, { input: "which colour?" }, a))
      const path = `/v1/responses/${first.id}`
      const refer = {
        input: [
          { type: "item_reference", id: first.output[0]?.id },
          { role: "user", content: "why?" }
        ]
      }
      const asked = scripted.asks.length
      const told = (
        { json, status }: { readonly json: TestGateway.Json; readonly status: number },
        id: string | undefined
      ) => [status, json.error?.code, json.error?.param, JSON.stringify(json).includes(String(id))]
      const attempts = (id: string, item: string, headers: Record<string, string>) =>
        Effect.all([
          gateway.request(`/v1/responses/${id}`, { headers }),
          gateway.request(`/v1/responses/${id}`, { method: "DELETE", headers }),
          post(gateway, { previous_response_id: id }, headers),
          post(gateway, { input: [{ type: "item_reference", id: item }] }, headers)
        ]).pipe(Effect.map((answers) => answers.map((answer) => told(answer, id))))
      const foreign = yield* attempts(first.id, first.output[0]?.id ?? "", b)
      assert.deepStrictEqual(foreign, [
        [404, "response_not_found", "response_id", false],
        [404, "response_not_found", "response_id", false],
        [404, "previous_response_not_found", "previous_response_id", false],
        [404, "item_not_found", "input[0].id", false]
      ])
      assert.deepStrictEqual(yield* attempts("resp_none", "msg_none", b), foreign)
      assert.strictEqual(scripted.asks.length, asked)
      assert.deepStrictEqual(asResponse(yield* gateway.request(path, { headers: { "x-api-key": "sk-a" } })), first)
      assert.strictEqual((yield* post(gateway, { previous_response_id: first.id }, a)).status, 200)
      assert.include(scripted.asks.at(-1)?.prompt ?? "", "which colour?")
      assert.strictEqual((yield* post(gateway, refer, a)).status, 200)
      assert.include(scripted.asks.at(-1)?.prompt ?? "", "blue")
      assert.strictEqual((yield* gateway.request(path, { method: "DELETE", headers: a })).status, 200)
    })
  )

  it.scopedLive("gives everything back when the client leaves", () =>
    Effect.gen(function* () {
      const scripted = TestBackend.make(TestBackend.silent)
      const gateway = yield* TestGateway.serve(scripted)
      const abort = new AbortController()
      const left = yield* Deferred.make<void>()
      yield* Effect.forkScoped(
        Effect.promise(() =>
          fetch(`${gateway.base}/v1/responses`, {
            method: "POST",
            headers: { "content-type": "application/json" },
            body: JSON.stringify({ model: "auto", input: "hi", stream: true }),
            signal: abort.signal
          }).catch(() => undefined)
        ).pipe(Effect.zipRight(Deferred.succeed(left, undefined)))
      )
      yield* Queue.take(scripted.turns)
      abort.abort()
      yield* Deferred.await(left)
      yield* gateway.drained
      assert.strictEqual(scripted.counts.cancelled, 1)
    })
  )
})

describe("a conversation made short", () => {
  const input = [
    { role: "user", content: "paint the shed" },
    { role: "assistant", content: "which colour?" }
  ]

  it.scopedLive("is one item in place of an answer, which a later request can use", () =>
    Effect.gen(function* () {
      const reply = TestBackend.emit(thoughtDelta("hm"), textDelta("The shed "), textDelta("is red."), finish("stop"))
      const scripted = TestBackend.make(reply)
      const gateway = yield* TestGateway.serve(scripted)
      const asked = { input: [...input, { type: "compaction_trigger" }], tools: [{ type: "function", name: "look" }] }
      const whole = asResponse(yield* post(gateway, asked)).output
      const { text } = yield* post(gateway, { ...asked, stream: true })
      const streamed = Grammar.read(Grammar.frames(text)).output
      for (const output of [whole, streamed]) {
        assert.deepStrictEqual(
          output.map(({ type }) => type),
          ["compaction"]
        )
      }
      assert.match(scripted.asks[0]?.prompt ?? "", /Summarize the conversation/)
      assert.notInclude(scripted.asks[0]?.prompt, "look")
      assert.strictEqual((yield* post(gateway, { input: [...whole, { role: "user", content: "go on" }] })).status, 200)
      assert.include(scripted.asks.at(-1)?.prompt, "The shed is red.")
      const foreign = [{ type: "compaction", encrypted_content: "gAAAA" }, ...input]
      const refused = yield* post(gateway, { input: foreign })
      assert.deepStrictEqual([refused.status, refused.json.error?.param], [400, "input[0].encrypted_content"])
    })
  )

  it.scopedLive("is made on demand, behind what users said; and its tokens are counted without being asked", () =>
    Effect.gen(function* () {
      const gateway = yield* TestGateway.serve(TestBackend.make(TestBackend.emit(textDelta("red"), finish("stop"))))
      const ask = (path: string, model: string | null = "auto") =>
        gateway.request(path, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ model, input })
        })
      const compacted = (yield* ask("/v1/responses/compact")).json as Record<string, unknown>
      assert.strictEqual(compacted["object"], "response.compaction")
      const output = compacted["output"] as ReadonlyArray<{ readonly type?: string; readonly role?: string }>
      assert.deepStrictEqual(
        output.map(({ role, type }) => role ?? type),
        ["user", "compaction"]
      )
      const counted = (yield* ask("/v1/responses/input_tokens")).json as Record<string, unknown>
      assert.strictEqual(counted["object"], "response.input_tokens")
      assert.isAbove(Number(counted["input_tokens"]), 3)
      // No model need be named for that.
      const unnamed = yield* gateway.request("/v1/responses/input_tokens", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ input })
      })
      assert.deepStrictEqual(unnamed.json, counted)
      assert.deepStrictEqual((yield* ask("/v1/responses/input_tokens", null)).json, counted)
    })
  )

  it.scopedLive("is none when it was cut: half a summary would lose what came before", () =>
    Effect.gen(function* () {
      const gateway = yield* TestGateway.serve(TestBackend.make(TestBackend.emit(textDelta("red"), finish("length"))))
      const asked = { input: [...input, { type: "compaction_trigger" }] }
      const { incomplete_details, output, status } = asResponse(yield* post(gateway, asked))
      assert.deepStrictEqual([status, incomplete_details?.reason, output], ["incomplete", "max_output_tokens", []])
    })
  )
})

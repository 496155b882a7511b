import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import { finish, textDelta, thoughtDelta, usage } from "../../../src/domain/Chat.ts"
import * as Turn from "../../../src/domain/Turn.ts"
import * as Pushes from "../../../src/lingma/rpc/Pushes.ts"
import * as TurnSink from "../../../src/lingma/turn/TurnSink.ts"
import { ended } from "../../support/Endings.ts"

const update = (fields: object) => ({ sessionId: "s", update: fields })
const notice = (fields: object) => update({ sessionUpdate: "notification", ...fields })

/** What a turn has become after these pushes. */
const heard = (...pushes: ReadonlyArray<readonly [string, object]>) => {
  const turn = Turn.make({ instance: "a" })
  const seen: Array<unknown> = []
  turn.read({ onEvent: (event) => seen.push(event), onFailure: (error) => seen.push(error._tag) })
  const sink = TurnSink.make(turn, { instance: "a", ended })
  for (const [method, params] of pushes) sink.onPush(method, params as Pushes.Json)
  return seen
}
const answer = (text: string, more: object = {}) => ["chat/answer", { requestId: "r", text, ...more }] as const
const end = (fields: object) => ["chat/finish", { requestId: "r", ...fields }] as const

describe("Pushes", () => {
  it("reads text and thoughts of the newer dialect, as one part or a list", () => {
    assert.deepStrictEqual(
      heard(
        ["session/update", update({ sessionUpdate: "agent_thought_chunk", content: { type: "text", text: "hm" } })],
        ["session/update", update({ sessionUpdate: "agent_message_chunk", content: { type: "text", text: "a" } })],
        ["session/update", update({ sessionUpdate: "agent_message_chunk", content: [{ text: "b" }, { text: "c" }] })],
        ["session/update", update({ sessionUpdate: "available_commands_update" })],
        ["session/update", update({ sessionUpdate: "tool_call", toolCallId: "t" })]
      ),
      [thoughtDelta("hm"), textDelta("a"), textDelta("bc")]
    )
  })

  it("takes tools and plans for work, and steps, titles and notices for none", () => {
    const turn = Turn.make({ instance: "a" })
    const sink = TurnSink.make(turn, { instance: "a", ended })
    sink.onPush("session/update", update({ sessionUpdate: "available_commands_update" }))
    assert.isFalse(sink.heard())
    sink.onPush("chat/process_step_callback", { requestId: "r", step: "step_start" })
    sink.onPush("session/title/update", { sessionId: "s" })
    sink.onPush("session/update", notice({ type: "something_else" }))
    assert.isTrue(sink.heard())
    assert.strictEqual(turn.worked(), 0)
    for (const sessionUpdate of ["tool_call", "tool_call_update", "plan"]) {
      sink.onPush("session/update", update({ sessionUpdate }))
    }
    for (const method of ["tool/invoke", "tool/call/sync", "session/request_permission"]) sink.onPush(method, {})
    assert.strictEqual(turn.worked(), 6)
    assert.strictEqual(turn.count(), 0)
  })

  it("knows the notices of usage and finish by their name, wherever it stands, or by their data", () => {
    const data = { usedTokens: 10, limitTokens: 100 }
    for (const named of [{ type: "context_usage" }, { notification: "context_usage" }, {}]) {
      assert.deepStrictEqual(heard(["session/update", notice({ ...named, data })]), [
        usage({ contextTokens: 10, contextLimit: 100 })
      ])
    }
    for (const named of [{ type: "chat_finish" }, { kind: "chat_finish" }, {}]) {
      const push = notice({ ...named, data: { reason: "success", statusCode: 200, fullAnswer: "" } })
      assert.deepStrictEqual(heard(["session/update", push]), [finish("stop")])
    }
    assert.deepStrictEqual(heard(["session/update", notice({ type: "something_else", data: {} })]), [])
  })

  it("lets the status decide, and the reason where there is none", () => {
    assert.deepStrictEqual(heard(end({ statusCode: 200 })), [finish("stop")])
    assert.deepStrictEqual(heard(end({ reason: "success" })), [finish("stop")])
    assert.deepStrictEqual(heard(end({})), [finish("stop")])
    for (const bad of [{ statusCode: 0 }, { statusCode: 500, reason: "success" }, { reason: "error" }]) {
      assert.deepStrictEqual(heard(end(bad)), ["BackendFailure"], JSON.stringify(bad))
    }
    assert.deepStrictEqual(heard(end({ statusCode: 429 })), ["Throttled"])
    assert.deepStrictEqual(heard(end({ statusCode: 403, reason: "quota exceeded" })), ["QuotaExhausted"])
    assert.deepStrictEqual(heard(end({ statusCode: 401 })), ["NotLoggedIn"])
  })

  it("ends what a filter cut as far as it was shown, and fails what had not begun", () => {
    const filtered = end({ statusCode: 400, reason: "data_inspection_failed" })
    assert.deepStrictEqual(heard(answer("a"), filtered), [textDelta("a"), finish("content_filter")])
    assert.deepStrictEqual(heard(filtered), ["ContentFiltered"])
  })

  it("drops what comes after the finish, a second finish too", () => {
    assert.deepStrictEqual(heard(answer("a"), end({ statusCode: 200 }), answer("b"), end({ statusCode: 500 })), [
      textDelta("a"),
      finish("stop")
    ])
  })

  it("skips empty deltas", () => {
    assert.deepStrictEqual(heard(answer("pon"), answer(""), answer("g")), [textDelta("pon"), textDelta("g")])
  })

  it("lets a replacement only extend what was sent", () => {
    assert.deepStrictEqual(heard(answer("Hel"), answer("Hello", { overwrite: true }), answer("!")), [
      textDelta("Hel"),
      textDelta("lo"),
      textDelta("!")
    ])
    assert.deepStrictEqual(heard(answer("Hel"), answer("No", { overwrite: true })), [
      textDelta("Hel"),
      "BackendFailure"
    ])
  })

  it("takes the word error for an error", () => {
    assert.deepStrictEqual(heard(["fatal_error", { requestId: "r", message: "boom" }]), ["BackendFailure"])
  })

  it("finds the turn of a push by its request id, else by its session", () => {
    const named = { _meta: { "ai-coding/request-id": "r" }, sessionId: "s", update: {} }
    const both = { requestId: "r", sessionId: "s", isReplayed: false }
    assert.deepStrictEqual(Pushes.addressOf(named), both)
    assert.deepStrictEqual(Pushes.addressOf({ requestId: "r", sessionId: "s" }), both)
    const session = { ...both, requestId: undefined }
    assert.deepStrictEqual(Pushes.addressOf({ sessionId: "s", update: {} }), session)
    // An empty name is none.
    assert.deepStrictEqual(Pushes.addressOf({ ...named, _meta: { "ai-coding/request-id": "" } }), session)
  })

  it("knows what is told again of an earlier turn by its mark, wherever it stands", () => {
    for (const key of ["streamed", "ai-coding/streamed"]) {
      const meta = { _meta: { "ai-coding/request-id": "", [key]: false } }
      assert.isTrue(Pushes.addressOf({ sessionId: "s", ...meta }).isReplayed)
      assert.isTrue(Pushes.addressOf({ sessionId: "s", update: meta }).isReplayed)
      assert.isFalse(Pushes.addressOf({ sessionId: "s", _meta: { [key]: true } }).isReplayed)
    }
  })

  it("takes the figures of a turn from its notices of usage", () => {
    const data = { usedTokens: 10, limitTokens: 100, promptTokens: 7, completionTokens: 3 }
    assert.deepStrictEqual(heard(["session/update", notice({ type: "context_usage", data })]), [
      usage({ inputTokens: 7, outputTokens: 3, contextTokens: 10, contextLimit: 100 })
    ])
  })

  it.prop(
    "survives whatever it is sent",
    [FastCheck.string(), FastCheck.dictionary(FastCheck.string(), FastCheck.jsonValue())],
    ([method, params]) => {
      const methods = [
        "session/update",
        "chat/answer",
        "chat/think",
        "chat/finish",
        "context/usage/sync",
        "error",
        method
      ]
      const updates = ["agent_message_chunk", "agent_thought_chunk", "notification", "chat_finish"]
      for (const name of methods) {
        heard(
          [name, params],
          ...updates.map((kind) => [name, { ...params, update: { ...params, sessionUpdate: kind } }] as const)
        )
        Pushes.addressOf(params as Pushes.Json)
        Pushes.answer(name, params as Pushes.Json)
      }
    }
  )
})

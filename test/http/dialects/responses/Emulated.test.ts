import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { ResponseObject } from "../../../../src/http/dialects/responses/Resource.ts"
import * as Grammar from "../../../support/ResponsesGrammar.ts"
import * as TestBackend from "../../../support/TestBackend.ts"
import * as TestGateway from "../../../support/TestGateway.ts"

/** One answer whole and one streamed, over a model that says the pieces. */
const both = (body: object, ...pieces: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const scripted = TestBackend.make(TestBackend.say(...pieces))
    const { request } = yield* TestGateway.serve(scripted)
    const post = (more: object) =>
      request("/v1/responses", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ model: "auto", input: "hi", ...body, ...more })
      })
    const whole = yield* post({})
    const { text } = yield* post({ stream: true })
    return {
      status: whole.status,
      error: whole.json.error,
      whole: whole.json as unknown as ResponseObject,
      streamed: text.startsWith("event:") || text.startsWith(":") ? Grammar.read(Grammar.frames(text)) : undefined,
      prompt: scripted.asks[0]?.prompt ?? ""
    }
  })

const said = ({ output }: ResponseObject) =>
  output.map((item) => [item.type, "name" in item ? item.name : undefined, Grammar.textOf(item)])

describe("a model that only writes text, at /v1/responses", () => {
  it.scopedLive("calls functions, free texts and members of namespaces", () =>
    Effect.gen(function* () {
      const tools = [
        { type: "function", name: "look", parameters: { type: "object", properties: { at: { type: "string" } } } },
        { type: "custom", name: "patch", description: "takes a patch" },
        { type: "namespace", name: "mail", tools: [{ type: "function", name: "send" }] }
      ]
      const call = (name: string, body: string) => `<tool_call>\n<function=${name}>\n${body}</function>\n</tool_call>`
      const text = [
        "I look.",
        call("look", "<parameter=at>\nthe <sky>\n</parameter>\n"),
        call("patch", "<parameter=input>\n*** Begin\n+ a < b\n</parameter>\n"),
        call("send", "")
      ].join("\n")
      const { prompt, streamed, whole } = yield* both({ tools }, text.slice(0, 20), text.slice(20))
      assert.deepStrictEqual(said(whole), [
        ["message", undefined, "I look."],
        ["function_call", "look", '{"at":"the <sky>"}'],
        ["custom_tool_call", "patch", "*** Begin\n+ a < b"],
        ["function_call", "send", "{}"]
      ])
      assert.deepInclude(whole.output[3], { namespace: "mail" })
      assert.deepStrictEqual(streamed === undefined ? [] : said(streamed), said(whole))
      for (const name of ["look", "takes a patch", "send"]) assert.include(prompt, name)
    })
  )

  it.scopedLive("is cut at max_output_tokens", () =>
    Effect.gen(function* () {
      const { streamed, whole } = yield* both(
        { max_output_tokens: 3 },
        ..."one two three four five six seven".split(/(?= )/)
      )
      for (const response of [whole, streamed]) {
        assert.strictEqual(response?.status, "incomplete")
        assert.deepStrictEqual(response?.incomplete_details, { reason: "max_output_tokens" })
        assert.isTrue(Grammar.textOf(response!.output[0]!).startsWith("one two"))
      }
    })
  )

  it.scopedLive("answers in JSON, and thinks apart", () =>
    Effect.gen(function* () {
      const format = {
        type: "json_schema",
        name: "colour",
        strict: true,
        schema: { type: "object", properties: { name: { type: "string" } }, required: ["name"] }
      }
      const answer = '<think>which one?</think>\n```json\n{"name":"blue"}\n```'
      const { prompt, streamed, whole } = yield* both({ text: { format } }, answer)
      assert.deepStrictEqual(
        said(whole).map(([type, , text]) => [type, (text ?? "").trim()]),
        [
          ["reasoning", "which one?"],
          ["message", '{"name":"blue"}']
        ]
      )
      assert.deepStrictEqual(streamed === undefined ? [] : said(streamed), said(whole))
      assert.include(prompt, "colour")
    })
  )

  it.scopedLive("fails openly where a call was required and none came", () =>
    Effect.gen(function* () {
      const body = { tools: [{ type: "function", name: "look" }], tool_choice: "required" }
      const { error, status } = yield* both(body, "I would rather not.")
      assert.deepStrictEqual([status, error?.code], [502, "tool_call_not_produced"])
    })
  )
})

import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { ResponseObject } from "../../../../src/http/dialects/responses/Resource.ts"
import * as ToolNames from "../../../../src/http/dialects/responses/request/ToolNames.ts"
import * as TestBackend from "../../../support/TestBackend.ts"
import * as TestGateway from "../../../support/TestGateway.ts"

/** What a call of `name` is answered as. */
const called = Effect.fnUntraced(function* (tools: ReadonlyArray<object>, names: ReadonlyArray<string>) {
  const calls: Array<string> = []
  let said = ""
  const { request } = yield* TestGateway.serve(TestBackend.make((turn, ask) => TestBackend.say(said)(turn, ask)))
  for (const name of names) {
    said = `<tool_call>\n<function=${name}>\n</function>\n</tool_call>`
    const { json } = yield* request("/v1/responses", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ model: "auto", input: "hi", tools })
    })
    const [item] = (json as unknown as ResponseObject).output
    calls.push(item?.type === "function_call" ? `${item.namespace ?? "-"} ${item.name}` : String(item?.type))
  }
  return calls
})

const f = (name: string) => ({ type: "function", name })

describe("a namespace of tools, at /v1/responses", () => {
  it.scopedLive("is told to the model with what it is for", () =>
    Effect.gen(function* () {
      const scripted = TestBackend.make(TestBackend.say("well"))
      const { request } = yield* TestGateway.serve(scripted)
      const tools = [{ type: "namespace", name: "mail", description: "Letters of ours", tools: [f("send"), f("read")] }]
      yield* request("/v1/responses", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ model: "auto", input: "hi", tools })
      })
      assert.include(scripted.asks[0]?.prompt, "Some tools belong together:\n- mail (send, read): Letters of ours")
    })
  )
})

describe("the name of a call, at /v1/responses", () => {
  it.scopedLive("is the one that the client declared, with its namespace, however the model writes it", () =>
    Effect.gen(function* () {
      const tools = [
        { type: "namespace", name: "mcp__cal__", tools: [f("list"), f("send")] },
        { type: "namespace", name: "mail", tools: [f("send")] }
      ]
      const names = ["list", "mcp__cal__list", "cal.list", "cal__list", "mcp__cal.list", "CAL.List"]
      assert.deepStrictEqual(
        yield* called(tools, names),
        names.map(() => "mcp__cal__ list")
      )
      assert.deepStrictEqual(yield* called(tools, ["mcp__cal__send", "cal.send", "mail__send", "mail.send"]), [
        "mcp__cal__ send",
        "mcp__cal__ send",
        "mail send",
        "mail send"
      ])
    })
  )

  it.scopedLive("is the flat one where that was declared, also where the model leaves the server out", () =>
    Effect.gen(function* () {
      const tools = [f("mcp__cal__list"), f("mcp__cal__send"), f("mcp__mail__send"), f("send_all")]
      assert.deepStrictEqual(
        yield* called(tools, ["mcp__cal__list", "cal.list", "cal__list", "list", "mail.send", "send_all"]),
        [
          "- mcp__cal__list",
          "- mcp__cal__list",
          "- mcp__cal__list",
          "- mcp__cal__list",
          "- mcp__mail__send",
          "- send_all"
        ]
      )
    })
  )
})

describe("a name in a history or a choice", () => {
  const list = { name: "list", namespace: "mcp__cal__" }
  const send = { name: "send", namespace: "mail" }
  const flat = { name: "mcp__cal__send", namespace: undefined }
  const find = ToolNames.index([list, send, flat])

  it("is found with its namespace beside it, within it, or left out", () => {
    assert.deepStrictEqual(find(list), [list])
    assert.deepStrictEqual(find({ name: "list" }), [list])
    assert.deepStrictEqual(find({ name: "mcp__cal__list" }), [list])
    assert.deepStrictEqual(find({ name: "mail.send", namespace: null }), [send])
    assert.deepStrictEqual(find({ name: "send", namespace: "mcp__cal__" }), [flat])
  })

  it("is not taken for another namespace's", () => {
    assert.deepStrictEqual(find({ name: "list", namespace: "mail" }), [])
    assert.deepStrictEqual(find({ name: "other" }), [])
  })
})

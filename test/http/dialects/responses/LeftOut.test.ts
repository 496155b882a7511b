import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { Settings } from "../../../../src/config/Config.ts"
import * as HostedItems from "../../../../src/http/dialects/responses/request/HostedItems.ts"
import * as TestBackend from "../../../support/TestBackend.ts"
import * as TestGateway from "../../../support/TestGateway.ts"

const ask = Effect.fnUntraced(function* (body: object, settings: Partial<Settings> = {}) {
  const scripted = TestBackend.make(TestBackend.say("well"))
  const { request } = yield* TestGateway.serve(scripted, settings)
  const { headers, json, status } = yield* request("/v1/responses", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ model: "auto", input: "hi", ...body })
  })
  const ignored = headers.get("x-lingma-ignored-params")
  return { status, ignored, error: json.error, prompt: scripted.asks[0]?.prompt ?? "" }
})

const hosted = [
  { type: "web_search" },
  { type: "function", name: "look" },
  { type: "mcp", server_label: "deepwiki", server_url: "https://mcp.example/" },
  { type: "shell", environment: { type: "container_auto" } },
  { type: "brand_new" }
]

describe("what /v1/responses leaves out", () => {
  it.scopedLive("is named in the header of whole answers and of streams, and the model is told of missing tools", () =>
    Effect.gen(function* () {
      for (const stream of [false, true]) {
        const { ignored, prompt, status } = yield* ask({ tools: hosted, temperature: 0, stream })
        assert.strictEqual(status, 200)
        assert.strictEqual(ignored, "temperature, tools.web_search, tools.mcp, tools.shell, tools.brand_new")
        assert.include(prompt, "cannot be called: web_search, mcp deepwiki, shell, brand_new.")
        assert.include(prompt, '"name":"look"')
      }
    })
  )

  it.scopedLive("is named where it is a field of a tool, which asks for something", () =>
    Effect.gen(function* () {
      const look = { type: "function", name: "look" }
      const fields = { async: true, output_schema: { type: "object" }, allowed_callers: ["direct", "programmatic"] }
      const names = "tools.async, tools.output_schema, tools.allowed_callers"
      const within = { type: "namespace", name: "eyes", tools: [{ ...look, ...fields }] }
      const custom = { type: "custom", name: "say", ...fields }
      for (const one of [{ ...look, ...fields }, within, custom]) {
        const { ignored, prompt, status } = yield* ask({ tools: [one] })
        assert.deepStrictEqual([status, ignored], [200, names])
        assert.include(prompt, `"name":"${one === custom ? "say" : "look"}"`)
      }
      const usual = { ...look, async: false, output_schema: null, allowed_callers: ["direct"] }
      assert.isNull((yield* ask({ tools: [usual] })).ignored)
    })
  )

  it.scopedLive("is refused where nothing may be ignored", () =>
    Effect.gen(function* () {
      const { error, status } = yield* ask({ tools: hosted }, { strictParams: true })
      assert.deepStrictEqual([status, error?.code, error?.param], [400, "unsupported_parameter", "tools.web_search"])
    })
  )

  it.scopedLive("says by name which tool is not there when it is forced", () =>
    Effect.gen(function* () {
      const { error, status } = yield* ask({ tools: hosted, tool_choice: { type: "mcp", server_label: "deepwiki" } })
      assert.deepStrictEqual([status, error?.code, error?.param], [400, "unsupported_value", "tool_choice"])
      assert.match(error?.message ?? "", /'mcp'/)
    })
  )

  it.scopedLive("is a short mark in the history where a hosted tool made it", () =>
    Effect.gen(function* () {
      const search = {
        type: "web_search_call",
        id: "ws_1",
        status: "completed",
        action: { type: "search", query: "moths" }
      }
      const long = {
        type: "mcp_call",
        id: "m",
        server_label: "deepwiki",
        name: "ask",
        arguments: "{}",
        output: "x".repeat(9000)
      }
      const input = [{ role: "user", content: "hi" }, search, long, { role: "user", content: "and?" }]
      const { ignored, prompt } = yield* ask({ input })
      assert.include(
        prompt,
        '[web_search_call, by a tool that is not available here: {"action":{"type":"search","query":"moths"}}]'
      )
      assert.include(prompt, '{"server_label":"deepwiki","name":"ask","arguments":"{}","output":"xxx')
      assert.isBelow(prompt.length, 4000)
      assert.isNull(ignored)
      const all = yield* ask({ input: HostedItems.kinds.map((type) => ({ type, id: "x" })) })
      assert.strictEqual(all.status, 200)
      for (const type of HostedItems.kinds) assert.include(all.prompt, `[${type}, by a tool`)
    })
  )

  it.scopedLive("is nothing of an update within the conversation: the last one holds", () =>
    Effect.gen(function* () {
      const format = { type: "json_schema", name: "colour", schema: { type: "object" } }
      const update = { type: "configuration_update", reasoning: { effort: "high" }, text: { format } }
      const { ignored, prompt } = yield* ask({ input: [{ role: "user", content: "hi" }, update] })
      assert.include(prompt, "colour")
      assert.isNull(ignored)
    })
  )
})

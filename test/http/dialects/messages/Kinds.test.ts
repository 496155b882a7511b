import { assert, describe, it } from "@effect/vitest"
import { Effect, FastCheck as fc } from "effect"
import * as TestBackend from "../../../support/TestBackend.ts"
import * as TestGateway from "../../../support/TestGateway.ts"
import * as Grammar from "./Grammar.ts"

const text = { type: "text", text: "words" }
const base64 = (media: string, data: string) => ({ type: "base64", media_type: media, data })
const gif = base64("image/gif", "R0lGODlhAQABAAAAACwAAAAAAQABAAA=")
const document = (source: object, more: object = {}) => ({ type: "document", source, ...more })
const result = (type: string, content: unknown) => ({ type, tool_use_id: "t", content })

/** One at least of each kind that the API has, and of some that it has not. */
const blocks: ReadonlyArray<object> = [
  text,
  { type: "image", source: gif },
  { type: "image", source: base64("image/png", "not base64!") },
  { type: "image", source: { type: "file", file_id: "f" } },
  document({ type: "text", media_type: "text/plain", data: "d" }),
  document({ type: "text", media_type: "text/plain", data: "d" }, { citations: { enabled: true } }),
  document({ type: "content", content: [text, { type: "image", source: gif }, { type: "hologram" }] }),
  document(base64("application/pdf", "bm8gUERG")),
  document({ type: "url", url: "https://example.com/a.pdf" }),
  document({ type: "file", file_id: "f" }),
  { type: "search_result", source: "s", title: "t", content: [text] },
  { type: "thinking", thinking: "hm", signature: "s" },
  { type: "redacted_thinking", data: "x" },
  { type: "tool_use", id: "t", name: "w", input: { city: "x" } },
  result("tool_result", "rain"),
  result("tool_result", [text, { type: "tool_reference", tool_name: "later" }, { type: "browser_state", tabs: [] }]),
  { type: "tool_reference", tool_name: "gone" },
  { type: "server_tool_use", id: "t", name: "web_search", input: { query: "q" } },
  result("web_search_tool_result", [{ type: "web_search_result", title: "t", url: "u", encrypted_content: "e" }]),
  result("web_search_tool_result", { type: "web_search_tool_result_error", error_code: "unavailable" }),
  result("web_fetch_tool_result", { type: "web_fetch_result", url: "u", content: document(text) }),
  result("tool_search_tool_result", {
    type: "tool_search_tool_search_result",
    tool_references: [{ type: "tool_reference", tool_name: "later" }]
  }),
  result("code_execution_tool_result", { type: "code_execution_result", stdout: "1", stderr: "", return_code: 0 }),
  result("bash_code_execution_tool_result", null),
  result("text_editor_code_execution_tool_result", [[null]]),
  result("advisor_tool_result", { type: "advisor_result", text: "a" }),
  { type: "mcp_tool_use", id: "t", name: "m", server_name: "s", input: {} },
  result("mcp_tool_result", [text, 7]),
  { type: "container_upload", file_id: "f" },
  { type: "compaction", content: "before" },
  { type: "compaction", content: null },
  { type: "tool_addition", tool: { type: "tool_reference", name: "later" } },
  { type: "tool_removal", tool: { type: "mcp_toolset_reference", server_name: "s" } },
  { type: "mcp_tool_listing", server_name: "s", tools: [] },
  { type: "fallback", from: { model: "a" }, to: { model: "b" } },
  { type: "hologram" },
  { type: 7 },
  { type: "text" },
  { type: "tool_use", id: "t" }
]
const input_schema = { type: "object", properties: { city: { type: "string" } } }
const tools: ReadonlyArray<object> = [
  { name: "w", input_schema },
  { name: "later", input_schema, defer_loading: true },
  { type: "bash_20250124", name: "bash" },
  { type: "text_editor_20250728", name: "edit" },
  { type: "memory_20250818", name: "memory", defer_loading: true },
  { type: "computer_20251124", name: "computer", display_width_px: 9, display_height_px: 9 },
  { type: "web_search_20260318", name: "web_search", max_uses: 3 },
  { type: "web_fetch_20250910", name: "web_fetch" },
  { type: "tool_search_tool_bm25_20251119", name: "tool_search_tool_bm25" },
  { type: "code_execution_20260521", name: "code_execution" },
  { type: "mcp_toolset", mcp_server_name: "s" },
  { type: "browser_toolset_20260801", name: "browser" }
]
const edits: ReadonlyArray<object> = [
  { type: "clear_thinking_20251015", keep: "all" },
  { type: "clear_thinking_20251015" },
  { type: "clear_tool_uses_20250919", trigger: { type: "tool_uses", value: 1 }, keep: { type: "tool_uses", value: 0 } },
  { type: "clear_tool_uses_20250919", keep: 3 },
  { type: "compact_20260112" }
]

const some = <A>(all: ReadonlyArray<A>, most: number) =>
  fc.array(fc.constantFrom(...all), { minLength: 1, maxLength: most })
const requests = fc.record(
  {
    messages: fc.array(fc.record({ role: fc.constantFrom("user", "assistant", "system"), content: some(blocks, 2) }), {
      minLength: 1,
      maxLength: 3
    }),
    tools: fc.uniqueArray(fc.constantFrom(...tools), { maxLength: 5 }),
    tool_choice: fc.constantFrom(
      { type: "auto" },
      { type: "none" },
      { type: "any" },
      { type: "tool", name: "web_search" },
      { type: "tool", name: "later" }
    ),
    context_management: fc.record({ edits: some(edits, 2) }),
    stream: fc.boolean()
  },
  { requiredKeys: ["messages"] }
)

const PLACE = /^(?:messages|tools|tool_choice|context_management|model)\b[^:]*: ./

describe("blocks, tools and edits of every kind, in any order", () => {
  it.scopedLive("are answered by the grammar, or refused by place", () =>
    Effect.gen(function* () {
      const { drained, request } = yield* TestGateway.serve(TestBackend.make(TestBackend.say("fine")))
      let answered = 0
      let refused = 0
      for (const body of fc.sample(requests, 150)) {
        const { json, status, text } = yield* request("/v1/messages", {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ model: "auto", max_tokens: 9, ...body })
        })
        const told = JSON.stringify(body)
        if (status === 400) {
          assert.match(json.error?.message ?? "", PLACE, told)
          refused++
        } else if (status === 502)
          assert.strictEqual(json.error?.message, "The model called no tool, although it had to")
        else {
          assert.strictEqual(status, 200, told)
          if (body.stream !== true) assert.isArray(json["content"], told)
          else Grammar.read(text)
          answered++
        }
      }
      assert.isAbove(answered, 10)
      assert.isAbove(refused, 10)
      yield* drained
    })
  )
})

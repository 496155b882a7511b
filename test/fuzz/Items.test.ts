import { assert, describe, it } from "@effect/vitest"
import { Effect, FastCheck as fc, Schema } from "effect"
import * as Resource from "../../src/http/dialects/responses/Resource.ts"
import * as HostedItems from "../../src/http/dialects/responses/request/HostedItems.ts"
import { kinds } from "../../src/http/dialects/responses/request/Payload.ts"
import * as Grammar from "../support/ResponsesGrammar.ts"
import * as TestBackend from "../support/TestBackend.ts"
import * as TestGateway from "../support/TestGateway.ts"

const call_id = "c1"
const f = { type: "function", name: "look" }

/** One right item of each kind that is read. */
const items: Readonly<Record<string, object>> = {
  message: { role: "user", content: "hi" },
  function_call: { call_id, name: "look", arguments: "{}" },
  custom_tool_call: { call_id, name: "note", input: "x" },
  function_call_output: { call_id, output: [{ type: "input_text", text: "seen" }] },
  custom_tool_call_output: { call_id, output: "seen" },
  compaction_trigger: {},
  compaction: { encrypted_content: "lingma-gateway.1.aGk" },
  compaction_summary: { encrypted_content: "none of ours" },
  additional_tools: { role: "developer", tools: [{ type: "shell" }, { type: "web_search" }] },
  tool_search_call: { call_id, arguments: { query: "x" } },
  tool_search_output: { call_id, tools: [{ type: "namespace", name: "mcp__cal__", tools: [f] }] },
  configuration_update: { reasoning: { effort: "low" } },
  reasoning: { id: "r", summary: [] },
  local_shell_call: { id: "l", call_id, action: { type: "exec", command: ["ls"], env: {} } },
  local_shell_call_output: { id: "l", output: "a" },
  shell_call: { call_id, action: { commands: ["ls"] } },
  shell_call_output: { call_id, output: [{ stdout: "a", stderr: "", outcome: { type: "exit", exit_code: 0 } }] },
  apply_patch_call: { call_id, operation: { type: "create_file", path: "a", diff: "+a" } },
  apply_patch_call_output: { call_id, status: "completed" }
}

const right = [
  ...Object.entries(items).map(([type, item]) => ({ type, ...item })),
  ...HostedItems.kinds.map((type) => ({ type, id: "h" })),
  { type: "item_reference", id: "none" },
  { type: "message", role: "user", content: [{ type: "input_video", url: "x" }] },
  { type: "ghost_snapshot" },
  { id: "bare" }
]

/** Often right, sometimes without one of its fields, or with one that is none. */
const item = fc
  .tuple(fc.constantFrom<Array<object>>(...right), fc.nat(9), fc.nat(), fc.constantFrom(null, 7, "x", [], [null], {}))
  .map(([item, chance, at, value]) => {
    const fields = Object.entries(item)
    const which = fields[at % fields.length]?.[0] ?? ""
    if (chance === 0) return Object.fromEntries(fields.filter(([name]) => name !== which))
    return chance === 1 ? { ...item, [which]: value } : item
  })

const tools = [
  f,
  { type: "custom", name: "note" },
  { type: "namespace", name: "mail", tools: [{ type: "function", name: "send" }] },
  { type: "tool_search", execution: "client" },
  { type: "local_shell" },
  { type: "shell" },
  { type: "apply_patch" },
  { type: "web_search" },
  { type: "mcp", server_label: "x" }
]
const choices = ["auto", "none", "required", { type: "shell" }, { type: "web_search_preview" }, f]

const body = fc.record({
  input: fc.array(item, { minLength: 1, maxLength: 6 }),
  tools: fc.subarray(tools),
  tool_choice: fc.oneof({ weight: 3, arbitrary: fc.constant("auto") }, fc.constantFrom(...choices)),
  stream: fc.boolean()
})

const called = (name: string, parameter: string, value: string) =>
  `<tool_call>\n<function=${name}>\n<parameter=${parameter}>\n${value}\n</parameter>\n</function>\n</tool_call>`

const said = fc.array(
  fc.constantFrom(
    "I look. ",
    "<think>hm</think>",
    called("look", "x", "1"),
    called("mail.send", "x", "1"),
    called("tool_search", "query", "x"),
    called("shell", "commands", '["ls", ""]'),
    called("shell", "commands", "ls -l"),
    called("local_shell", "command", '["ls"]'),
    called("apply_patch", "type", "create_file"),
    called("web_search", "query", "x")
  ),
  { minLength: 1, maxLength: 4 }
)

/** What a model is rightly blamed for that says what it likes. */
const blamed = ["tool_call_not_produced", "empty_answer", "tool_call_broken"]

const isWhole = Schema.is(Resource.ResponseObject)

describe("items of any kinds, in any order, at /v1/responses", () => {
  it("are all in this test", () => {
    assert.sameMembers(Object.keys(items), Object.keys(kinds.items))
  })

  it.scopedLive("have an answer, whose events are legal, or a refusal that names its place", () =>
    Effect.gen(function* () {
      let pieces: ReadonlyArray<string> = []
      const scripted = TestBackend.make((turn, ask) => TestBackend.say(...pieces)(turn, ask))
      const { drained, lines, request } = yield* TestGateway.serve(scripted, { toolRetries: 0 })
      const seen = new Set<number>()
      const ask = (asked: object) =>
        Effect.runPromise(
          request("/v1/responses", {
            method: "POST",
            headers: { "content-type": "application/json" },
            body: JSON.stringify({ model: "auto", ...asked })
          })
        )
      const property = fc.asyncProperty(body, said, async (asked, words) => {
        pieces = words
        const { headers, json, status, text } = await ask(asked)
        seen.add(status)
        if (headers.get("content-type")?.startsWith("text/event-stream")) {
          const { error, status } = Grammar.read(Grammar.frames(text))
          if (status === "failed") assert.include(blamed, error?.code)
        } else if (status === 200) assert.isTrue(isWhole(json), text)
        else if (status === 502) assert.include(blamed, json.error?.code)
        else {
          assert.include([400, 404], status, text)
          assert.match(json.error?.param ?? "", /^(input|tools|tool_choice)\b/, text)
        }
      })
      yield* Effect.promise(() => fc.assert(property, { numRuns: 60, seed: 20_261 }))
      yield* drained
      for (const status of [200, 400, 404]) assert.isTrue(seen.has(status), `${status}`)
      assert.deepStrictEqual(
        lines.filter(({ level }) => level === "ERROR"),
        []
      )
    })
  )
})

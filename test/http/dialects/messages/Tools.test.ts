import Anthropic from "@anthropic-ai/sdk"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as MessagesGateway from "../../../support/MessagesGateway.ts"
import * as TestBackend from "../../../support/TestBackend.ts"

const hi = { role: "user", content: "hi" } as const

const serve = Effect.fnUntraced(function* (script?: TestBackend.Script) {
  const { ask, base } = yield* MessagesGateway.serve({}, script)
  /** The tools that the model was told of, by name. */
  const offered = Effect.fnUntraced(function* (body: object) {
    const answer = yield* ask({ messages: [hi], ...body })
    const listed = /<tools>\n([\s\S]*?)\n<\/tools>/.exec(answer.prompt)?.[1]?.split("\n") ?? []
    const tools = listed.map(
      (line) =>
        JSON.parse(line) as {
          readonly name: string
          readonly description: string
          readonly parameters: {
            readonly properties: Readonly<Record<string, { readonly enum?: ReadonlyArray<string> }>>
          }
        }
    )
    return { ...answer, tools, names: tools.map(({ name }) => name) }
  })
  return { base, offered }
})

const call = (name: string, parameters: Readonly<Record<string, string>>) =>
  [
    "<tool_call>",
    `<function=${name}>`,
    ...Object.entries(parameters).map(([key, value]) => `<parameter=${key}>\n${value}\n</parameter>`),
    "</function>",
    "</tool_call>"
  ].join("\n")

describe("tools the client runs", () => {
  it.scopedLive("are offered under their names, with the schemas the API has for them", () =>
    Effect.gen(function* () {
      const { offered } = yield* serve()
      const { leftOut, names, tools } = yield* offered({
        tools: [
          { type: "bash_20250124", name: "bash" },
          { type: "text_editor_20250728", name: "str_replace_based_edit_tool", max_characters: 9000 },
          { type: "text_editor_20250124", name: "str_replace_editor" },
          { type: "memory_20250818", name: "memory" },
          {
            type: "computer_20251124",
            name: "computer",
            display_width_px: 1024,
            display_height_px: 768,
            display_number: 1,
            enable_zoom: true
          }
        ]
      })
      assert.isNull(leftOut)
      assert.deepStrictEqual(names, ["bash", "str_replace_based_edit_tool", "str_replace_editor", "memory", "computer"])
      const [bash, editor, older, memory, computer] = tools.map(({ parameters }) => parameters.properties)
      assert.sameMembers(Object.keys(bash!), ["command", "restart"])
      assert.deepStrictEqual(editor!["command"]?.enum, ["view", "create", "str_replace", "insert"])
      assert.property(editor, "insert_text")
      assert.include([...(older!["command"]?.enum ?? [])], "undo_edit")
      assert.notProperty(older, "insert_text")
      assert.sameMembers(
        [...(memory!["command"]?.enum ?? [])],
        ["view", "create", "str_replace", "insert", "delete", "rename"]
      )
      assert.includeMembers([...(computer!["action"]?.enum ?? [])], ["screenshot", "scroll", "zoom"])
      assert.include(tools[4]?.description, "1024 pixels wide and 768 high")
      assert.include(tools[1]?.description, "9000 characters")
    })
  )

  it.scopedLive("are called as the SDK expects", () =>
    Effect.gen(function* () {
      const script = TestBackend.say(call("bash", { command: "ls -l" }))
      const { base } = yield* serve(script)
      const client = new Anthropic({ baseURL: base, apiKey: "any" })
      const message = yield* Effect.promise(() =>
        client.messages
          .stream({ model: "auto", max_tokens: 64, messages: [hi], tools: [{ type: "bash_20250124", name: "bash" }] })
          .finalMessage()
      )
      const [block] = message.content
      assert.deepInclude(block, { type: "tool_use", name: "bash", input: { command: "ls -l" } })
      assert.strictEqual(message.stop_reason, "tool_use")
    })
  )

  it.scopedLive("that are none, or have no name, are told by their place", () =>
    Effect.gen(function* () {
      const { offered } = yield* serve()
      const nameless = yield* offered({ tools: [{ type: "bash_20250124" }] })
      assert.deepStrictEqual([nameless.status, nameless.message], [400, "tools.0.name: Field required"])
      const twice = yield* offered({
        tools: [
          { type: "bash_20250124", name: "bash" },
          { name: "bash", input_schema: {} }
        ]
      })
      assert.deepStrictEqual([twice.status, twice.message], [400, "tools.1.custom.name: Tool names must be unique"])
      const sets = yield* offered({ tools: [{ type: "computer_toolset_20260801" }] })
      assert.deepStrictEqual([sets.names, sets.leftOut], [[], "tools.computer_toolset_20260801"])
    })
  )

  it.scopedLive("have fields that change nothing here, which are named where they ask for something", () =>
    Effect.gen(function* () {
      const { offered } = yield* serve()
      const programs = ["code_execution_20260120"]
      const asked = yield* offered({
        tools: [
          { ...tool("a"), allowed_callers: ["direct", ...programs], input_examples: [{ x: 1 }] },
          { type: "bash_20250124", name: "bash", allowed_callers: programs }
        ]
      })
      assert.deepStrictEqual(
        [asked.names, asked.leftOut],
        [["a", "bash"], "tools.allowed_callers, tools.input_examples"]
      )
      const usual = yield* offered({ tools: [{ ...tool("a"), allowed_callers: ["direct"], input_examples: [] }] })
      assert.isNull(usual.leftOut)
    })
  )
})

const tool = (name: string, more: object = {}) => ({
  name,
  description: name,
  input_schema: { type: "object" },
  ...more
})
const later = { defer_loading: true }
const found = (...names: ReadonlyArray<string>) => ({
  type: "tool_result",
  tool_use_id: "t",
  content: names.map((name) => ({ type: "tool_reference", tool_name: name }))
})
const searched = (...names: ReadonlyArray<string>) => [
  hi,
  { role: "assistant", content: [{ type: "tool_use", id: "t", name: "ToolSearch", input: { query: "x" } }] },
  { role: "user", content: [found(...names)] }
]

describe("a tool whose loading is put off", () => {
  const tools = [tool("ToolSearch"), tool("mcp__a__read", later), tool("mcp__a__write", later)]

  it.scopedLive("is offered once a result names it, and the model is told so", () =>
    Effect.gen(function* () {
      const { offered } = yield* serve()
      assert.deepStrictEqual((yield* offered({ tools })).names, ["ToolSearch"])
      const after = yield* offered({ tools, messages: searched("mcp__a__write", "mcp__gone") })
      assert.deepStrictEqual(after.names, ["ToolSearch", "mcp__a__write"])
      assert.include(after.prompt, "The tool mcp__a__write is available now.\nThe tool mcp__gone is not available.")
      assert.isNull(after.leftOut)
    })
  )

  it.scopedLive("is offered where it must be called, and where only the service could have found it", () =>
    Effect.gen(function* () {
      const { offered } = yield* serve(TestBackend.say(call("mcp__a__read", {})))
      const forced = yield* offered({ tools, tool_choice: { type: "tool", name: "mcp__a__read" } })
      assert.include(forced.names, "mcp__a__read")
      const search = { type: "tool_search_tool_regex_20251119", name: "tool_search_tool_regex" }
      const all = yield* offered({ tools: [search, ...tools.slice(1)] })
      assert.deepStrictEqual(all.names, ["mcp__a__read", "mcp__a__write"])
      assert.strictEqual(all.leftOut, "tools.tool_search_tool_regex_20251119")
    })
  )

  it.scopedLive("comes and goes as the conversation says", () =>
    Effect.gen(function* () {
      const { offered } = yield* serve()
      const change = (type: string, name: string) => ({ type, tool: { type: "tool_reference", name } })
      const { names } = yield* offered({
        tools,
        messages: [
          ...searched("mcp__a__write"),
          {
            role: "system",
            content: [change("tool_removal", "mcp__a__write"), change("tool_addition", "mcp__a__read")]
          },
          hi
        ]
      })
      assert.deepStrictEqual(names, ["ToolSearch", "mcp__a__read"])
    })
  )

  it.scopedLive("is not the only one of a request", () =>
    Effect.gen(function* () {
      const { offered } = yield* serve()
      const { message, status } = yield* offered({ tools: tools.slice(1) })
      assert.deepStrictEqual([status, message], [400, "tools: At least one tool must have defer_loading=false"])
    })
  )
})

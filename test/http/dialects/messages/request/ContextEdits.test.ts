import Anthropic from "@anthropic-ai/sdk"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as MessagesGateway from "../../../../support/MessagesGateway.ts"

const LONG = "long result ".repeat(200)
const use = (i: number, name = "Read") => [
  {
    role: "assistant" as const,
    content: [
      { type: "thinking" as const, thinking: `thought ${i}`, signature: "s" },
      { type: "tool_use" as const, id: `t${i}`, name, input: { path: `file-${i}` } }
    ]
  },
  { role: "user" as const, content: [{ type: "tool_result" as const, tool_use_id: `t${i}`, content: `#${i} ${LONG}` }] }
]
const tools = ["Read", "Note"].map((name) => ({ name, input_schema: { type: "object" as const } }))
const opening = { role: "user" as const, content: "read them" }
const messages = [opening, ...use(1), ...use(2, "Note"), ...use(3), ...use(4), ...use(5)]

const serve = Effect.fnUntraced(function* () {
  const { ask: send, base } = yield* MessagesGateway.serve()
  const ask = Effect.fnUntraced(function* (edits: unknown, more: object = {}) {
    const { json, ...answer } = yield* send({ messages, tools, context_management: { edits }, ...more })
    const { prompt } = answer
    return {
      ...answer,
      applied: (json["context_management"] as { applied_edits: ReadonlyArray<Record<string, unknown>> } | undefined)
        ?.applied_edits,
      kept: [1, 2, 3, 4, 5].filter((i) => prompt.includes(`#${i} long result`)),
      inputs: [1, 2, 3, 4, 5].filter((i) => prompt.includes(`file-${i}`))
    }
  })
  return { ask, base }
})

const clear = (more: object = {}) => ({
  type: "clear_tool_uses_20250919",
  trigger: { type: "input_tokens", value: 500 },
  keep: { type: "tool_uses", value: 1 },
  ...more
})

describe("clear_tool_uses", () => {
  it.scopedLive("takes old results out of what the model is shown, and tells so", () =>
    Effect.gen(function* () {
      const { ask } = yield* serve()
      const { applied, inputs, kept, leftOut, prompt } = yield* ask([clear()])
      assert.deepStrictEqual([kept, inputs, leftOut], [[5], [1, 2, 3, 4, 5], null])
      assert.include(prompt, "(this result was cleared to make room; call the tool again if it is needed)")
      assert.deepInclude(applied?.[0], { type: "clear_tool_uses_20250919", cleared_tool_uses: 4 })
      assert.isAbove(Number(applied?.[0]?.["cleared_input_tokens"]), 4 * 300)
    })
  )

  it.scopedLive("keeps what it is told to keep, and clears inputs where it is told to", () =>
    Effect.gen(function* () {
      const { ask } = yield* serve()
      const excluding = yield* ask([clear({ exclude_tools: ["Note"], clear_tool_inputs: true })])
      assert.deepStrictEqual(
        [excluding.kept, excluding.inputs],
        [
          [2, 5],
          [2, 5]
        ]
      )
      const some = yield* ask([clear({ clear_tool_inputs: ["Note"] })])
      assert.deepStrictEqual(some.inputs, [1, 3, 4, 5])
      const three = yield* ask([{ ...clear(), keep: undefined }])
      assert.deepStrictEqual(three.kept, [3, 4, 5])
      const none = yield* ask([clear({ keep: { type: "tool_uses", value: 0 } })])
      assert.deepStrictEqual(none.kept, [])
    })
  )

  it.scopedLive("does nothing before its time, or for too little", () =>
    Effect.gen(function* () {
      const { ask } = yield* serve()
      const all = [1, 2, 3, 4, 5]
      for (const edit of [
        clear({ trigger: { type: "input_tokens", value: 1_000_000 } }),
        { ...clear(), trigger: undefined },
        clear({ trigger: { type: "tool_uses", value: 5 } }),
        clear({ clear_at_least: { type: "input_tokens", value: 1_000_000 } }),
        clear({ keep: { type: "tool_uses", value: 5 } })
      ]) {
        const { applied, kept } = yield* ask([edit])
        assert.deepStrictEqual([kept, applied], [all, []], JSON.stringify(edit))
      }
      const { kept } = yield* ask([clear({ trigger: { type: "tool_uses", value: 4 } })])
      assert.deepStrictEqual(kept, [5])
    })
  )

  it.scopedLive("leaves the results that name tools, so that these stay on offer", () =>
    Effect.gen(function* () {
      const { ask } = yield* serve()
      const [call] = use(0)
      const found = {
        type: "tool_result",
        tool_use_id: "t0",
        content: [{ type: "tool_reference", tool_name: "Later" }]
      }
      const { prompt } = yield* ask([clear()], {
        messages: [opening, call, { role: "user", content: [found] }, ...messages.slice(1)],
        tools: [...tools, { name: "Later", input_schema: {}, defer_loading: true }]
      })
      assert.include(prompt, '{"name":"Later"')
    })
  )
})

describe("clear_thinking", () => {
  it.scopedLive("is told, although the model is shown none", () =>
    Effect.gen(function* () {
      const { ask } = yield* serve()
      const again = { role: "user", content: "once more" }
      const turns = { messages: [opening, ...use(1), ...use(2), again, ...use(3), again] }
      const edit = (keep?: unknown) => [{ type: "clear_thinking_20251015", keep }]
      for (const [keep, cleared] of [
        [undefined, 1],
        [{ type: "thinking_turns", value: 2 }, 0],
        ["all", 0],
        [{ type: "all" }, 0]
      ] as const) {
        const { applied, prompt } = yield* ask(edit(keep), turns)
        const told = { type: "clear_thinking_20251015", cleared_thinking_turns: cleared, cleared_input_tokens: 0 }
        assert.deepStrictEqual(applied, cleared === 0 ? [] : [told])
        assert.notInclude(prompt, "thought 1")
      }
    })
  )
})

describe("context_management", () => {
  it.scopedLive("is answered as the SDK expects, streamed and counted", () =>
    Effect.gen(function* () {
      const { base } = yield* serve()
      const client = new Anthropic({ baseURL: base, apiKey: "any" })
      const edits = [
        { type: "clear_thinking_20251015" as const, keep: "all" as const },
        {
          type: "clear_tool_uses_20250919" as const,
          trigger: { type: "input_tokens" as const, value: 500 },
          keep: { type: "tool_uses" as const, value: 1 }
        }
      ]
      const asked = { model: "auto", messages, tools, context_management: { edits } }
      const message = yield* Effect.promise(() =>
        client.beta.messages.stream({ ...asked, max_tokens: 64 }).finalMessage()
      )
      const [applied] = message.context_management?.applied_edits ?? []
      assert.deepInclude(applied, { type: "clear_tool_uses_20250919", cleared_tool_uses: 4 })
      const counted = yield* Effect.promise(() => client.beta.messages.countTokens(asked))
      const original = counted.context_management?.original_input_tokens ?? 0
      assert.isAbove(original - counted.input_tokens, 4 * 300)
      const whole = yield* Effect.promise(() =>
        client.beta.messages.countTokens({ ...asked, context_management: { edits: [] } })
      )
      assert.strictEqual(whole.context_management?.original_input_tokens, whole.input_tokens)
      assert.strictEqual(whole.input_tokens, original)
    })
  )

  it.scopedLive("is refused by place where it makes no sense, and named where it is not known", () =>
    Effect.gen(function* () {
      const { ask } = yield* serve()
      const at = "context_management.edits.0"
      for (const [edit, complaint] of [
        [clear({ keep: { type: "tool_uses", value: -1 } }), `${at}.keep.value: must be at least 0`],
        [
          clear({ trigger: { type: "moon", value: 1 } }),
          `${at}.trigger.type: Input should be 'input_tokens' or 'tool_uses'`
        ],
        [
          clear({ clear_at_least: { type: "input_tokens", value: 0 } }),
          `${at}.clear_at_least.value: must be at least 1`
        ],
        [clear({ exclude_tools: "Note" }), `${at}.exclude_tools: Input should be an array, not a string`]
      ] as const) {
        const { message, status } = yield* ask([edit])
        assert.deepStrictEqual([status, message], [400, complaint])
      }
      const thinking = { type: "clear_thinking_20251015" }
      for (const edits of [
        [clear(), thinking, clear({ clear_at_least: { type: "input_tokens", value: 7 } })],
        [thinking, thinking]
      ]) {
        const { message, status } = yield* ask(edits)
        assert.deepStrictEqual([status, message], [400, "context_management.edits: Each kind of edit may come once"])
      }
      const both = yield* ask([thinking, clear()])
      assert.deepStrictEqual([both.status, both.kept], [200, [5]])
      const unknown = yield* ask([{ type: "compact_20260112" }, clear()])
      assert.deepStrictEqual([unknown.leftOut, unknown.kept], ["context_management.compact_20260112", [5]])
    })
  )
})

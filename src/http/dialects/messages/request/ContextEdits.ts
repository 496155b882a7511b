/**
 * Applies `context_management` before the conversation is rendered: results of old calls are replaced by a short note,
 * and on request the inputs of those calls are removed.
 *
 * Earlier thoughts are never sent to the model, so clearing them only has to be reported.
 */
import type { Block, ContextManagement, CountTokensRequest, Known } from "./Payload.ts"

type Messages = CountTokensRequest["messages"]
type Edit = NonNullable<ContextManagement["edits"]>[number]
export type ClearToolUses = Extract<Edit, { readonly type: "clear_tool_uses_20250919" }>
type ClearThinking = Extract<Edit, { readonly type: "clear_thinking_20251015" }>

/** The API's defaults. */
export const defaults = { trigger: { type: "input_tokens", value: 100_000 }, keep: 3, keptThoughts: 1 } as const

export const CLEARED = "(this result was cleared to make room; call the tool again if it is needed)"

export interface Cleared {
  readonly messages: Messages
  /** Number of tool uses whose result was removed. */
  readonly uses: number
}

/** Whether a kind of edit occurs twice, which is refused: each edit renders and counts the whole conversation. */
export const isRepeated = (edits: ReadonlyArray<Edit>): boolean => {
  const kinds = edits.flatMap((edit) => (edit.type === "other" ? [] : [edit.type]))
  return new Set(kinds).size < kinds.length
}

type Mapped = (block: Block) => Block

const mapBlocks = (messages: Messages, map: Mapped): Messages =>
  messages.map((message) =>
    typeof message.content === "string" ? message : { ...message, content: message.content.map(map) }
  )

const blocksOf = (messages: Messages): ReadonlyArray<Block> =>
  messages.flatMap(({ content }) => (typeof content === "string" ? [] : content))

const isToolUse = (block: Block): block is Known<"tool_use"> => block.type === "tool_use"

export const toolUses = (messages: Messages): number => blocksOf(messages).filter(isToolUse).length

/** Results that name deferred tools are kept: the tools are offered because of them, and they are short. */
const loadsTools = ({ content }: Known<"tool_result">): boolean =>
  Array.isArray(content) && content.some(({ type }) => type === "tool_reference")

/** The conversation without the results of all but the last uses. The caller checks the trigger. */
export const clearToolUses = (messages: Messages, edit: ClearToolUses): Cleared => {
  const excluded = new Set(edit.exclude_tools ?? [])
  const uses = blocksOf(messages).filter(isToolUse)
  const old = uses.slice(0, Math.max(0, uses.length - (edit.keep?.value ?? defaults.keep)))
  const nameOf = new Map(old.flatMap(({ id, name }) => (excluded.has(name) ? [] : [[id, name] as const])))
  const inputs = edit.clear_tool_inputs
  const named = new Set(Array.isArray(inputs) ? inputs : [])
  const isInputCleared = (name: string) => inputs === true || named.has(name)
  let cleared = 0
  const map: Mapped = (block) => {
    if (block.type === "tool_use" && nameOf.has(block.id) && isInputCleared(block.name)) return { ...block, input: {} }
    if (block.type !== "tool_result" || !nameOf.has(block.tool_use_id) || loadsTools(block)) return block
    cleared++
    return { ...block, content: CLEARED }
  }
  return { messages: mapBlocks(messages, map), uses: cleared }
}

/** Number of assistant turns whose thoughts are cleared: all but the last few. */
export const thinkingTurns = (messages: Messages, { keep }: ClearThinking): number => {
  if (keep === "all" || keep?.type === "all") return 0
  let turns = 0
  // A turn lasts until the next user message that is not only tool results.
  let isOpen = false
  for (const { content, role } of messages) {
    if (role === "assistant") {
      const thinks = typeof content !== "string" && content.some(({ type }) => type.endsWith("thinking"))
      if (thinks && !isOpen) turns++
      isOpen ||= thinks
    } else if (role === "user" && (typeof content === "string" || content.some(({ type }) => type !== "tool_result")))
      isOpen = false
  }
  return Math.max(0, turns - (keep?.value ?? defaults.keptThoughts))
}

export type AppliedEdit =
  | {
      readonly type: "clear_tool_uses_20250919"
      readonly cleared_tool_uses: number
      readonly cleared_input_tokens: number
    }
  | {
      readonly type: "clear_thinking_20251015"
      readonly cleared_thinking_turns: number
      readonly cleared_input_tokens: number
    }

/**
 * Schema of a Messages request: every supported field with its type and limits.
 *
 * Lenient: unknown fields are ignored, optional fields may be `null`, and blocks, tools and words of unknown kinds are
 * accepted and left out later.
 */
import { Schema } from "effect"
import { counts, Label, listOf, Name, Stop, Word } from "../../../chat/TextLimits.ts"
import { Message, Text } from "./BlockPayload.ts"
import { amount, Loose, opt, other, some } from "./PayloadWords.ts"
import { Tool, ToolChoice } from "./ToolPayload.ts"

export type { Block, Known, Message, ResultBlock } from "./BlockPayload.ts"
export type { Tool, ToolChoice } from "./ToolPayload.ts"

const unit = Schema.Number.pipe(Schema.between(0, 1))

const Tokens = Schema.Struct({ type: Schema.Literal("input_tokens"), value: some })
const Names = listOf(Name, counts.parts)

const ClearToolUses = Schema.Struct({
  type: Schema.Literal("clear_tool_uses_20250919"),
  trigger: opt(Schema.Union(Tokens, Schema.Struct({ type: Schema.Literal("tool_uses"), value: some }))),
  keep: opt(Schema.Struct({ type: Schema.Literal("tool_uses"), value: amount })),
  clear_at_least: opt(Tokens),
  exclude_tools: opt(Names),
  clear_tool_inputs: opt(Schema.Union(Schema.Boolean, Names))
})

const ClearThinking = Schema.Struct({
  type: Schema.Literal("clear_thinking_20251015"),
  keep: opt(
    Schema.Union(
      Schema.Literal("all"),
      Schema.Struct({ type: Schema.Literal("all") }),
      Schema.Struct({ type: Schema.Literal("thinking_turns"), value: some })
    )
  )
})

const ContextManagement = Schema.Struct({
  edits: opt(
    listOf(
      Schema.Union(ClearToolUses, ClearThinking, other("clear_tool_uses_20250919", "clear_thinking_20251015")),
      counts.words
    )
  )
})
export type ContextManagement = typeof ContextManagement.Type

const Format = Schema.Struct({ type: Schema.Literal("json_schema"), schema: Loose })

const counted = {
  model: Schema.String.pipe(Schema.minLength(1), Schema.maxLength(256)),
  messages: Schema.Array(Message).pipe(Schema.minItems(1), Schema.maxItems(100_000)),
  system: opt(Schema.Union(Schema.String, listOf(Schema.Union(Text, other("text")), counts.parts))),
  tools: opt(Schema.Array(Tool).pipe(Schema.maxItems(1024))),
  tool_choice: opt(ToolChoice),
  thinking: opt(Schema.Struct({ type: Word, display: opt(Word) })),
  output_config: opt(Schema.Struct({ effort: opt(Word), format: opt(Format) })),
  /** The older name of `output_config.format`. */
  output_format: opt(Format),
  /** Applied before the conversation is rendered. */
  context_management: opt(ContextManagement)
}

/** A token count's request: the same without the fields that only affect the answer. */
export const CountTokensRequest = Schema.Struct(counted).annotations({ identifier: "CountTokensRequest" })
export type CountTokensRequest = typeof CountTokensRequest.Type

export const MessagesRequest = Schema.Struct({
  ...counted,
  max_tokens: Schema.Int.pipe(Schema.between(1, Number.MAX_SAFE_INTEGER)),
  stop_sequences: opt(listOf(Stop, 64)),
  stream: opt(Schema.Boolean),
  temperature: opt(unit),
  top_p: opt(unit),
  top_k: opt(Schema.Int.pipe(Schema.between(0, Number.MAX_SAFE_INTEGER))),
  metadata: opt(Schema.Struct({ user_id: opt(Label) }))
}).annotations({ identifier: "MessagesRequest" })
export type MessagesRequest = typeof MessagesRequest.Type

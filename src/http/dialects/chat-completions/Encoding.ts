/**
 * What the streamed and the whole completion share.
 */
import type { FinishReason, ToolCall } from "../../../domain/Chat.ts"
import * as TokenMeter from "../../../tokens/TokenMeter.ts"
import * as WellFormed from "../../chat/WellFormed.ts"
import type { CallShape } from "./Tools.ts"

/** The field for reasoning. */
export type ReasoningField = "reasoning_content" | "reasoning" | "both" | "think-tags" | "none"

export interface EncodingOptions {
  readonly id: string
  /** Unix time in seconds. */
  readonly created: number
  readonly model: string
  readonly tokens: () => TokenMeter.Tokens
  readonly reasoningField: ReasoningField
  readonly shape: CallShape
  readonly servedBy: string
  readonly firstTokenMillis: number
}

export const usageObject = ({ completion, prompt, reasoning }: TokenMeter.Tokens) => ({
  prompt_tokens: prompt,
  completion_tokens: completion,
  total_tokens: prompt + completion,
  ...(reasoning > 0 ? { completion_tokens_details: { reasoning_tokens: reasoning } } : {})
})

export const callObject = ({ id, name, arguments: args }: ToolCall, { custom }: CallShape) =>
  custom.has(name)
    ? { id, type: "custom" as const, custom: { name, input: WellFormed.repair(args) } }
    : { id, type: "function" as const, function: { name, arguments: WellFormed.repair(args) } }

/** The first delta of a call whose arguments are streamed. */
export const begunCall = ({ id, name }: Pick<ToolCall, "id" | "name">, { custom }: CallShape) =>
  custom.has(name)
    ? { id, type: "custom" as const, custom: { name, input: "" } }
    : { id, type: "function" as const, function: { name, arguments: "" } }

export const legacyCall = ({ name, arguments: args }: ToolCall) => ({ name, arguments: WellFormed.repair(args) })

export const finishReason = (reason: FinishReason, { legacy }: CallShape) =>
  legacy && reason === "tool_calls" ? "function_call" : reason

export const extras = ({ firstTokenMillis, servedBy, tokens }: EncodingOptions, totalMillis: number) => ({
  usage_source: TokenMeter.source(tokens()),
  latency: { first_token_ms: Math.round(firstTokenMillis), total_ms: Math.round(totalMillis) },
  served_by: servedBy
})

/** Reasoning as part of the text, between tags. */
export const tagger = () => {
  let isOpen = false
  return {
    thought: (text: string) => {
      if (isOpen || text === "") return text
      isOpen = true
      return `<think>\n${text}`
    },
    close: () => {
      if (!isOpen) return ""
      isOpen = false
      return "\n</think>\n\n"
    }
  }
}

export type Kind = "content" | "thought"

/** Field name of a delta or message, by kind of text. */
export const fieldsOf: Record<ReasoningField, ReadonlyArray<"reasoning_content" | "reasoning">> = {
  reasoning_content: ["reasoning_content"],
  reasoning: ["reasoning"],
  both: ["reasoning_content", "reasoning"],
  "think-tags": [],
  none: []
}

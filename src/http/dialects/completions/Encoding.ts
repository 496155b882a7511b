/**
 * What the streamed and the whole text completion share.
 */
import type { FinishReason } from "../../../domain/Chat.ts"
import * as TokenMeter from "../../../tokens/TokenMeter.ts"

export interface EncodingOptions {
  readonly id: string
  /** Unix time in seconds. */
  readonly created: number
  readonly model: string
  readonly tokens: () => TokenMeter.Tokens
  /** Text before the answer: the prompt with `echo`, else empty. */
  readonly echo: string
}

export const usageOf = (tokens: TokenMeter.Tokens) => ({
  usage: {
    prompt_tokens: tokens.prompt,
    completion_tokens: tokens.completion,
    total_tokens: tokens.prompt + tokens.completion
  },
  usage_source: TokenMeter.source(tokens)
})

/** Never a tool call, since no tools are offered. */
export const finishReason = (reason: FinishReason) => (reason === "tool_calls" ? "stop" : reason)

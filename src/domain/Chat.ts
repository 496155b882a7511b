/**
 * The narrow waist: what every HTTP dialect decodes into, and what every backend answers with.
 */
import type { Array as Arr, Option } from "effect"

export type Role = "system" | "user" | "assistant" | "tool"

/** A call the assistant made; `arguments` is the JSON text as the model wrote it. */
export interface ToolCall {
  readonly id: string
  readonly name: string
  readonly arguments: string
}

/** A picture that travels in the request; `data` is base64. */
export interface Image {
  readonly mediaType: string
  readonly data: string
}

export interface Message {
  readonly role: Role
  readonly text: string
  readonly images: ReadonlyArray<Image>
  readonly toolCalls: ReadonlyArray<ToolCall>
  /** On a `tool` message: the call it answers. */
  readonly toolCallId: string | undefined
}

/** `agent` lets the assistant's own tools plan; whatever it asks to run here is refused. */
export type AskMode = "chat" | "agent"

export interface ChatRequest {
  /** As the client wrote it: a key, a display name, an alias or a word such as `auto`. */
  readonly model: string
  readonly messages: Arr.NonEmptyReadonlyArray<Message>
  /** What ties the requests of one conversation to one instance. */
  readonly affinity: Option.Option<string>
  /** How it was asked; for the figures only. */
  readonly origin: Origin
}

export interface Origin {
  readonly dialect: "chat_completions" | "responses" | "messages" | "embedded"
  readonly stream: boolean
}

/** What a backend is asked, once instance and model are settled. */
export interface Ask {
  /** Unique per turn; names the turn on the upstream wire. */
  readonly requestId: string
  readonly model: string
  readonly mode: AskMode
  readonly prompt: string
  readonly images: ReadonlyArray<Image>
}

export type FinishReason = "stop" | "length" | "tool_calls"

/** Figures the upstream gave; each may be missing. */
export interface Usage {
  readonly inputTokens?: number
  readonly outputTokens?: number
  readonly contextTokens?: number
  readonly contextLimit?: number
}

export type ChatEvent =
  | { readonly _tag: "TextDelta"; readonly text: string }
  | { readonly _tag: "ThoughtDelta"; readonly text: string }
  | { readonly _tag: "ToolCall"; readonly call: ToolCall }
  | { readonly _tag: "Usage"; readonly usage: Usage }
  | { readonly _tag: "Finish"; readonly reason: FinishReason }

// Plain records on purpose: one is made per token.
export const textDelta = (text: string): ChatEvent => ({ _tag: "TextDelta", text })
export const thoughtDelta = (text: string): ChatEvent => ({ _tag: "ThoughtDelta", text })
export const toolCall = (call: ToolCall): ChatEvent => ({ _tag: "ToolCall", call })
export const usage = (figures: Usage): ChatEvent => ({ _tag: "Usage", usage: figures })
export const finish = (reason: FinishReason): ChatEvent => ({ _tag: "Finish", reason })

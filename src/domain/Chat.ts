/**
 * The narrow waist: what every HTTP dialect decodes into, and what every backend answers with.
 */
import type { Array as Arr, Option } from "effect"
import * as Affinity from "./Affinity.ts"
import { anonymous, type Caller } from "./keys/Caller.ts"

/** Who speaks. */
export type Role = "system" | "user" | "assistant" | "tool"

/** A call the assistant made; `arguments` is JSON text, or the free text of a custom tool. */
export interface ToolCall {
  /** `call_` and 24 random letters and digits where it is of our making; as the client wrote it in a history. */
  readonly id: string
  readonly name: string
  readonly arguments: string
}

/** A picture that travels in the request; `data` is base64. */
export interface Image {
  readonly mediaType: string
  readonly data: string
}

/** A picture in its message. */
export interface PlacedImage extends Image {
  /** Characters of the message's text before it; without it, the picture comes after the text. */
  readonly at?: number
  /** Its place in the client's request, where a refusal must name it. */
  readonly param?: string
}

/** One message of a conversation. */
export interface Message {
  readonly role: Role
  readonly text: string
  /** In the order of their places. */
  readonly images: ReadonlyArray<PlacedImage>
  readonly toolCalls: ReadonlyArray<ToolCall>
  /** On a `tool` message: the call it answers. */
  readonly toolCallId: string | undefined
}

/** A JSON Schema, as the client wrote it. */
export type JsonSchema = Readonly<Record<string, unknown>>

/** What the client can run. `custom` takes one free text instead of JSON arguments. */
export interface Tool {
  readonly kind: "function" | "custom"
  readonly name: string
  /** What else a model may write for it, where that is no other tool's name. */
  readonly aliases?: ReadonlyArray<string>
  readonly description: string | undefined
  /** Of the arguments, which are an object. */
  readonly parameters: JsonSchema
  /** Arguments that break the schema are no call. */
  readonly strict: boolean
}

/** Whether a tool may, must or must not be called; a name is the one that must. */
export type ToolChoice = "none" | "auto" | "required" | { readonly name: string }

/** The tools of a request, narrowed to those that may be called. */
export interface Toolset {
  readonly tools: ReadonlyArray<Tool>
  readonly choice: ToolChoice
  /** False: at most one call per answer. */
  readonly parallel: boolean
}

/** How the text of an answer must look. */
export type OutputFormat =
  | { readonly type: "text" }
  | { readonly type: "json_object" }
  | {
      readonly type: "json_schema"
      readonly name: string
      readonly schema: JsonSchema
      /** Text that breaks the schema is a failure. */
      readonly strict: boolean
    }

export const efforts = ["none", "minimal", "low", "medium", "high", "xhigh", "max"] as const
export type ReasoningEffort = (typeof efforts)[number]

/** `agent` lets the assistant's own tools plan; whatever it asks to run here is refused. */
export type AskMode = "chat" | "agent"

/** What a chat is asked; `request` makes one. */
export interface ChatRequest {
  /** As the client wrote it: a key, a display name, an alias or a word such as `auto`. */
  readonly model: string
  readonly messages: Arr.NonEmptyReadonlyArray<Message>
  readonly toolset: Toolset
  readonly format: OutputFormat
  /** Texts that end the answer and are not part of it. */
  readonly stop: ReadonlyArray<string>
  /** Most tokens of the answer, thoughts included where they are part of it. */
  readonly maxTokens: number | undefined
  /** Thoughts are no part of the answer: who asks cannot see them, and `maxTokens` leaves them out. */
  readonly hidesThoughts?: boolean
  /** Chooses a model where an alias says so, and nothing else. */
  readonly effort: ReasoningEffort | undefined
  /** What ties the requests of one conversation to one instance. */
  readonly affinity: Option.Option<string>
  /** How it was asked; for the figures only. */
  readonly origin: Origin
  /** Who asks: chats that wait are taken in turns by key. */
  readonly caller: Caller
}

/** Where a request came from. */
export interface Origin {
  readonly dialect: "chat_completions" | "completions" | "responses" | "messages" | "embedded"
  readonly stream: boolean
}

/** Why an answer ended: by itself or a stop text, at its length, with calls, or cut by the provider's content filter. */
export type FinishReason = "stop" | "length" | "tool_calls" | "content_filter"

/** None that may be called. */
export const noTools: Toolset = { tools: [], choice: "none", parallel: true }

/** What a request asks for when it says no more than its messages. */
export const plain = {
  toolset: noTools,
  format: { type: "text" },
  stop: [],
  maxTokens: undefined,
  effort: undefined,
  caller: anonymous
} as const satisfies Partial<ChatRequest>

/** A message that says a text; `more` for pictures, calls, and the call that a `tool` message answers. */
export const message = (role: Role, text: string, more: Partial<Message> = {}): Message => ({
  images: [],
  toolCalls: [],
  toolCallId: undefined,
  ...more,
  role,
  text
})

/** Nothing is in it: no text, image, call or result. */
export const isBlank = ({ images, role, text, toolCallId, toolCalls }: Message): boolean =>
  text.trim() === "" && images.length === 0 && toolCalls.length === 0 && (role !== "tool" || toolCallId === undefined)

/** There is nothing to ask. */
export const isEmpty = (messages: ReadonlyArray<Message>): boolean => messages.every(isBlank)

/** The first image after the assistant's last message; before it if that message is to be continued. */
export const imageNow = (messages: ReadonlyArray<Message>): PlacedImage | undefined => {
  const asked = messages.findLastIndex(({ role }) => role !== "assistant")
  const answered = messages.findLastIndex(({ role }, i) => role === "assistant" && i < asked)
  return messages.slice(answered + 1).flatMap(({ images }) => images)[0]
}

/** A request of a program's own: `auto` is asked, plainly, unless it says more. A text is one message of the user. */
export const request = ({
  messages: given,
  session,
  ...more
}: Partial<Omit<ChatRequest, "affinity" | "messages">> & {
  readonly messages: string | Arr.NonEmptyReadonlyArray<Message>
  /** Names the conversation, which then stays on one instance; without it, its opening does. */
  readonly session?: string | undefined
}): ChatRequest => {
  const messages = typeof given === "string" ? ([message("user", given)] as const) : given
  const affinity = Affinity.key({ caller: more.caller?.id, sessionId: session, messages })
  const origin: Origin = { dialect: "embedded", stream: false }
  return { model: "auto", origin, ...plain, ...more, messages, affinity }
}

/** Figures the upstream gave; each may be missing. */
export interface Usage {
  readonly inputTokens?: number
  readonly outputTokens?: number
  readonly contextTokens?: number
  readonly contextLimit?: number
}

/**
 * A piece of an answer. The last one is its `Finish`.
 *
 * A call comes whole, or, in a stream, as it is written: its beginning, pieces of its arguments, its end. Nothing but
 * figures comes between those. An answer that ends by a limit or a failure may leave a call open.
 */
export type ChatEvent =
  | { readonly _tag: "TextDelta"; readonly text: string }
  | { readonly _tag: "ThoughtDelta"; readonly text: string }
  | { readonly _tag: "ToolCall"; readonly call: ToolCall }
  | { readonly _tag: "ToolCallBegin"; readonly call: Pick<ToolCall, "id" | "name"> }
  | { readonly _tag: "ToolCallDelta"; readonly text: string }
  /** All of it, as its beginning and its pieces said it. */
  | { readonly _tag: "ToolCallEnd"; readonly call: ToolCall }
  | { readonly _tag: "Usage"; readonly usage: Usage }
  | {
      readonly _tag: "Finish"
      readonly reason: FinishReason
      /** The one of `stop` that was met. */
      readonly stopSequence?: string
    }

// Plain records on purpose: one is made per token.
export const textDelta = (text: string): ChatEvent => ({ _tag: "TextDelta", text })
export const thoughtDelta = (text: string): ChatEvent => ({ _tag: "ThoughtDelta", text })
export const toolCall = (call: ToolCall): ChatEvent => ({ _tag: "ToolCall", call })
export const toolCallBegin = ({ id, name }: Pick<ToolCall, "id" | "name">): ChatEvent => ({
  _tag: "ToolCallBegin",
  call: { id, name }
})
export const toolCallDelta = (text: string): ChatEvent => ({ _tag: "ToolCallDelta", text })
export const toolCallEnd = (call: ToolCall): ChatEvent => ({ _tag: "ToolCallEnd", call })
export const usage = (figures: Usage): ChatEvent => ({ _tag: "Usage", usage: figures })
export const finish = (reason: FinishReason, stopSequence?: string): ChatEvent =>
  stopSequence === undefined ? { _tag: "Finish", reason } : { _tag: "Finish", reason, stopSequence }

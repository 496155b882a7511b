/**
 * Pure translation of events into OpenAI's two answers: a stream of chunks, and a whole completion.
 */
import type { ChatEvent, FinishReason, ToolCall } from "../../domain/Chat.ts"
import type { Tokens } from "../../domain/Meter.ts"
import * as WellFormed from "../WellFormed.ts"
import type { ChatCompletion } from "./Api.ts"

export interface AnswerOptions {
  readonly id: string
  /** Seconds since 1970. */
  readonly created: number
  readonly model: string
  readonly tokens: () => Tokens
}

const usageObject = ({ completion, prompt, reasoning }: Tokens) => ({
  prompt_tokens: prompt,
  completion_tokens: completion,
  total_tokens: prompt + completion,
  ...(reasoning > 0 ? { completion_tokens_details: { reasoning_tokens: reasoning } } : {})
})

const toolCallObject = ({ id, name, arguments: args }: ToolCall) => ({
  id,
  type: "function" as const,
  function: { name, arguments: WellFormed.repair(args) }
})

export interface ChunkOptions extends AnswerOptions {
  readonly includeUsage: boolean
}

/** Each event as the frames it becomes, often none. The last event's frames end in `[DONE]`. */
export const chunks = (options: ChunkOptions): ((event: ChatEvent) => string) => {
  const join = WellFormed.joiner<"content" | "reasoning_content">()
  const { created, id, model } = options
  const base = JSON.stringify({ id, object: "chat.completion.chunk", created, model }).slice(0, -1)
  // Written once per answer: a token costs one JSON string.
  const head = `data: ${base},"choices":[{"index":0,"delta":`
  const unused = options.includeUsage ? `,"usage":null` : ""
  const tail = `,"logprobs":null,"finish_reason":null}]${unused}}\n\n`
  let calls = 0
  let began = false

  const begin = (content: "" | null) => {
    if (began) return ""
    began = true
    return `${head}{"role":"assistant","content":${JSON.stringify(content)}}${tail}`
  }
  const delta = (field: "content" | "reasoning_content", text: string) =>
    text === "" ? "" : `${head}{"${field}":${JSON.stringify(text)}}${tail}`
  const rest = () => {
    const held = join.rest()
    return held === undefined ? "" : delta(held.kind, held.text)
  }
  const last = (reason: FinishReason) =>
    `${head}{},"logprobs":null,"finish_reason":"${reason}"}]${unused}}\n\n${
      options.includeUsage
        ? `data: ${base},"choices":[],"usage":${JSON.stringify(usageObject(options.tokens()))}}\n\n`
        : ""
    }data: [DONE]\n\n`
  const text = (kind: "content" | "reasoning_content", piece: string) => {
    const joined = join.add(kind, piece)
    return (
      begin("") +
      (joined.before === undefined ? "" : delta(joined.before.kind, joined.before.text)) +
      delta(kind, joined.text)
    )
  }

  return (event) => {
    switch (event._tag) {
      case "TextDelta":
        return text("content", event.text)
      case "ThoughtDelta":
        return text("reasoning_content", event.text)
      case "ToolCall": {
        const call = { index: calls++, ...toolCallObject(event.call) }
        return `${begin(null)}${rest()}${head}${JSON.stringify({ tool_calls: [call] })}${tail}`
      }
      case "Usage":
        return ""
      case "Finish":
        return begin("") + rest() + last(event.reason)
    }
  }
}

export interface FoldOptions extends AnswerOptions {
  readonly servedBy: string
  readonly firstTokenMillis: number
}

export interface Fold {
  readonly add: (event: ChatEvent) => void
  readonly result: (totalMillis: number) => typeof ChatCompletion.Encoded
}

/** Folds the events as they come; holds the text once. */
export const fold = (options: FoldOptions): Fold => {
  const calls: Array<ReturnType<typeof toolCallObject>> = []
  let content = ""
  let thought = ""
  let reason: FinishReason = "stop"
  return {
    add: (event) => {
      if (event._tag === "TextDelta") content += event.text
      else if (event._tag === "ThoughtDelta") thought += event.text
      else if (event._tag === "ToolCall") calls.push(toolCallObject(event.call))
      else if (event._tag === "Finish") reason = event.reason
    },
    result: (totalMillis) => ({
      id: options.id,
      object: "chat.completion",
      created: options.created,
      model: options.model,
      choices: [
        {
          index: 0,
          message: {
            role: "assistant",
            content: content === "" && calls.length > 0 ? null : WellFormed.repair(content),
            refusal: null,
            ...(thought === "" ? {} : { reasoning_content: WellFormed.repair(thought) }),
            ...(calls.length === 0 ? {} : { tool_calls: calls })
          },
          logprobs: null,
          finish_reason: reason
        }
      ],
      usage: usageObject(options.tokens()),
      latency: { first_token_ms: Math.round(options.firstTokenMillis), total_ms: Math.round(totalMillis) },
      served_by: options.servedBy
    })
  }
}

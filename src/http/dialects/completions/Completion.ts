/**
 * Encodes events as the two responses of text completions: a stream of chunks, and a whole one. Pure.
 */
import type { ChatEvent, FinishReason } from "../../../domain/Chat.ts"
import * as TokenMeter from "../../../tokens/TokenMeter.ts"
import * as WellFormed from "../../chat/WellFormed.ts"
import type { Completion } from "./Api.ts"

export interface AnswerOptions {
  readonly id: string
  /** Unix time in seconds. */
  readonly created: number
  readonly model: string
  readonly tokens: () => TokenMeter.Tokens
  /** Text before the answer: the prompt with `echo`, else empty. */
  readonly echo: string
}

const usageOf = (tokens: TokenMeter.Tokens) => ({
  usage: {
    prompt_tokens: tokens.prompt,
    completion_tokens: tokens.completion,
    total_tokens: tokens.prompt + tokens.completion
  },
  usage_source: TokenMeter.source(tokens)
})

/** Never a tool call, since no tools are offered. */
const finishReason = (reason: FinishReason) => (reason === "tool_calls" ? "stop" : reason)

export interface ChunkOptions extends AnswerOptions {
  readonly includeUsage: boolean
}

/** Encodes each event as SSE frames, often none. The last event's frames end with `[DONE]`. */
export const chunks = (options: ChunkOptions): ((event: ChatEvent) => string) => {
  const { created, echo, id, includeUsage, model } = options
  const join = WellFormed.joiner<"text">()
  // Built once per response, so that a token costs one JSON.stringify of a string.
  const base = `data: ${JSON.stringify({ id, object: "text_completion", created, model }).slice(0, -1)},"choices":[`
  const head = `${base}{"text":`
  const unused = includeUsage ? `,"usage":null` : ""
  const tail = (reason: string) => `,"index":0,"logprobs":null,"finish_reason":${reason}}]${unused}}\n\n`
  const open = tail("null")
  let began = false

  const piece = (text: string) => (text === "" ? "" : head + JSON.stringify(text) + open)
  const begin = () => {
    if (began) return ""
    began = true
    return piece(WellFormed.repair(echo))
  }

  return (event) => {
    if (event._tag === "TextDelta") return begin() + piece(join.add("text", event.text).text)
    if (event._tag !== "Finish") return ""
    const last = `${head}""${tail(`"${finishReason(event.reason)}"`)}`
    const usage = includeUsage ? `${base}],${JSON.stringify(usageOf(options.tokens())).slice(1)}\n\n` : ""
    return `${begin()}${piece(join.rest()?.text ?? "")}${last}${usage}data: [DONE]\n\n`
  }
}

export interface Fold {
  readonly add: (event: ChatEvent) => void
  readonly result: () => typeof Completion.Encoded
}

/** Folds the events as they arrive; keeps one copy of the text. */
export const fold = ({ created, echo, id, model, tokens }: AnswerOptions): Fold => {
  let text = ""
  let reason: FinishReason = "stop"
  return {
    add: (event) => {
      if (event._tag === "TextDelta") text += event.text
      else if (event._tag === "Finish") reason = event.reason
    },
    result: () => ({
      id,
      object: "text_completion",
      created,
      model,
      choices: [
        {
          text: WellFormed.repair(echo) + WellFormed.repair(text),
          index: 0,
          logprobs: null,
          finish_reason: finishReason(reason)
        }
      ],
      ...usageOf(tokens())
    })
  }
}

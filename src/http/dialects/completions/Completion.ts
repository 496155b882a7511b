/**
 * Pure translation of events into the two answers of text completions: a stream of chunks, and a whole one.
 */
import type { ChatEvent, FinishReason } from "../../../domain/Chat.ts"
import type { Tokens } from "../../../tokens/TokenMeter.ts"
import * as WellFormed from "../../chat/WellFormed.ts"
import type { Completion } from "./Api.ts"

export interface AnswerOptions {
  readonly id: string
  /** Seconds since 1970. */
  readonly created: number
  readonly model: string
  readonly tokens: () => Tokens
  /** What stands before the answer: the prompt, where it is to be sent back. */
  readonly echo: string
}

const usageObject = ({ completion, prompt }: Tokens) => ({
  prompt_tokens: prompt,
  completion_tokens: completion,
  total_tokens: prompt + completion
})

/** No tool is offered, so none is called. */
const finishReason = (reason: FinishReason) => (reason === "tool_calls" ? "stop" : reason)

export interface ChunkOptions extends AnswerOptions {
  readonly includeUsage: boolean
}

/** Each event as the frames it becomes, often none. The last event's frames end in `[DONE]`. */
export const chunks = (options: ChunkOptions): ((event: ChatEvent) => string) => {
  const { created, echo, id, includeUsage, model } = options
  const join = WellFormed.joiner<"text">()
  // Written once per answer: a token costs one JSON string.
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
    const usage = includeUsage ? `${base}],"usage":${JSON.stringify(usageObject(options.tokens()))}}\n\n` : ""
    return `${begin()}${piece(join.rest()?.text ?? "")}${last}${usage}data: [DONE]\n\n`
  }
}

export interface Fold {
  readonly add: (event: ChatEvent) => void
  readonly result: () => typeof Completion.Encoded
}

/** Folds the events as they come; holds the text once. */
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
      usage: usageObject(tokens())
    })
  }
}

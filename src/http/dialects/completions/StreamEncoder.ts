/**
 * Encodes events as a stream of text completion chunks. Pure.
 */
import type { ChatEvent } from "../../../domain/Chat.ts"
import * as WellFormed from "../../chat/WellFormed.ts"
import { type EncodingOptions, finishReason, usageOf } from "./Encoding.ts"

export interface StreamOptions extends EncodingOptions {
  readonly includeUsage: boolean
}

/** Encodes each event as SSE frames, often none. The last event's frames end with `[DONE]`. */
export const make = (options: StreamOptions): ((event: ChatEvent) => string) => {
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

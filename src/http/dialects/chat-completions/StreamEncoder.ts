/**
 * Encodes events as a stream of completion chunks. Pure.
 */
import type { ChatEvent, FinishReason, ToolCall } from "../../../domain/Chat.ts"
import * as WellFormed from "../../chat/WellFormed.ts"
import {
  begunCall,
  callObject,
  type EncodingOptions,
  extras,
  fieldsOf,
  finishReason,
  type Kind,
  legacyCall,
  tagger,
  usageObject
} from "./Encoding.ts"

export interface StreamOptions extends EncodingOptions {
  readonly includeUsage: boolean
  /** Milliseconds since the request arrived. */
  readonly elapsed: () => number
}

/** Encodes each event as SSE frames, often none. The last event's frames end with `[DONE]`. */
export const make = (options: StreamOptions): ((event: ChatEvent) => string) => {
  const join = WellFormed.joiner<Kind>()
  const tags = tagger()
  const { created, id, model, reasoningField, shape } = options
  const base = JSON.stringify({ id, object: "chat.completion.chunk", created, model }).slice(0, -1)
  // Built once per response, so that a token costs one JSON.stringify of a string.
  const head = `data: ${base},"choices":[{"index":0,"delta":`
  const unused = options.includeUsage ? `,"usage":null` : ""
  const tail = `,"logprobs":null,"finish_reason":null}]${unused}}\n\n`
  const thoughtFields = fieldsOf[reasoningField]
  let calls = 0
  let began = false
  /** The constant parts of an arguments delta's frame, before and after the text. */
  let open: readonly [head: string, tail: string] = ["", ""]

  const begin = (content: "" | null) => {
    if (began) return ""
    began = true
    return `${head}{"role":"assistant","content":${JSON.stringify(content)}}${tail}`
  }
  const delta = (kind: Kind, text: string) => {
    if (text === "") return ""
    if (kind === "content") return `${head}{"content":${JSON.stringify(text)}}${tail}`
    const value = JSON.stringify(text)
    return `${head}{${thoughtFields.map((field) => `"${field}":${value}`).join(",")}}${tail}`
  }
  const rest = () => {
    const held = join.rest()
    return held === undefined ? "" : delta(held.kind, held.text)
  }
  const text = (kind: Kind, piece: string) => {
    const joined = join.add(kind, piece)
    return (
      begin("") +
      (joined.before === undefined ? "" : delta(joined.before.kind, joined.before.text)) +
      delta(kind, joined.text)
    )
  }
  const thought = (piece: string) => {
    if (reasoningField === "none") return ""
    return reasoningField === "think-tags" ? text("content", tags.thought(piece)) : text("thought", piece)
  }
  const closed = () => {
    const owed = tags.close()
    return (owed === "" ? "" : text("content", owed)) + rest()
  }
  const call = (made: ToolCall) => {
    const index = calls++
    if (!shape.legacy) return `${head}${JSON.stringify({ tool_calls: [{ index, ...callObject(made, shape) }] })}${tail}`
    // The deprecated shape holds one call.
    return index > 0 ? "" : `${head}${JSON.stringify({ function_call: legacyCall(made) })}${tail}`
  }
  const beginCall = (made: Pick<ToolCall, "id" | "name">) => {
    const index = calls++
    const isLeftOut = shape.legacy && index > 0
    const [kind, field] = shape.custom.has(made.name) ? ["custom", "input"] : ["function", "arguments"]
    const [front, back] = shape.legacy
      ? ['{"function_call":{"arguments":', "}}"]
      : [`{"tool_calls":[{"index":${index},"${kind}":{"${field}":`, "}}]}"]
    open = isLeftOut ? ["", ""] : [head + front, back + tail]
    if (isLeftOut) return ""
    const delta = shape.legacy
      ? { function_call: { name: made.name, arguments: "" } }
      : { tool_calls: [{ index, ...begunCall(made, shape) }] }
    return head + JSON.stringify(delta) + tail
  }
  const last = (reason: FinishReason) => {
    const more = JSON.stringify(extras(options, options.elapsed())).slice(1)
    const end = `${head}{},"logprobs":null,"finish_reason":"${finishReason(reason, shape)}"}]${unused}`
    return options.includeUsage
      ? `${end}}\n\ndata: ${base},"choices":[],"usage":${JSON.stringify(usageObject(options.tokens()))},${more}\n\n`
      : `${end},${more}\n\n`
  }

  return (event) => {
    switch (event._tag) {
      case "TextDelta": {
        const owed = tags.close()
        return text("content", owed === "" ? event.text : owed + event.text)
      }
      case "ThoughtDelta":
        return thought(event.text)
      case "ToolCall":
        return closed() + begin(null) + call(event.call)
      case "ToolCallBegin":
        return closed() + begin(null) + beginCall(event.call)
      case "ToolCallDelta":
        return open[0] === "" ? "" : open[0] + JSON.stringify(WellFormed.repair(event.text)) + open[1]
      case "ToolCallEnd":
      case "Usage":
        return ""
      case "Finish":
        return `${closed()}${begin("")}${last(event.reason)}data: [DONE]\n\n`
    }
  }
}

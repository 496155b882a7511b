/**
 * Encodes events as Anthropic's SSE stream: content blocks in sequence, each with start, deltas and stop. Pure.
 */
import type { ChatEvent, ToolCall } from "../../../domain/Chat.ts"
import * as WellFormed from "../../chat/WellFormed.ts"
import {
  contextManagement,
  type EncodingOptions,
  input,
  SIGNATURE,
  servedBlocks,
  source,
  stop,
  toolId,
  unused,
  usage
} from "./Encoding.ts"

export const PING = 'event: ping\ndata: {"type":"ping"}\n\n'

const frame = (type: string, fields: object): string =>
  `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`

type Kind = "text" | "thinking"

const empty = { text: { type: "text", text: "" }, thinking: { type: "thinking", thinking: "", signature: "" } } as const

/** Encodes each event as SSE frames, often none. The first starts with `message_start`, the last ends with `message_stop`. */
export const make = (options: EncodingOptions): ((event: ChatEvent) => string) => {
  const join = WellFormed.joiner<Kind>()
  let began = false
  let open: Kind | "tool_use" | undefined
  // Index of the open block, or of the next one.
  let index = 0
  let head = ""

  const start = () => {
    if (began) return ""
    began = true
    const { id, model } = options
    const message = {
      id,
      type: "message",
      role: "assistant",
      model,
      content: [],
      stop_reason: null,
      stop_sequence: null
    }
    // At the start no output counts, whatever the upstream has produced so far.
    const figures = { ...usage(options), output_tokens: 0 }
    return frame("message_start", { message: { ...message, ...unused, usage: figures } }) + PING
  }
  const delta = (text: string) => (text === "" ? "" : `${head}${JSON.stringify(text)}}}\n\n`)
  const close = () => {
    if (open === undefined) return ""
    const owed = join.rest()
    const signature =
      open === "thinking"
        ? frame("content_block_delta", { index, delta: { type: "signature_delta", signature: SIGNATURE } })
        : ""
    open = undefined
    return delta(owed?.text ?? "") + signature + frame("content_block_stop", { index: index++ })
  }
  const beginCall = ({ id, name }: Pick<ToolCall, "id" | "name">) => {
    const before = close()
    open = "tool_use"
    head = `event: content_block_delta\ndata: {"type":"content_block_delta","index":${index},"delta":{"type":"input_json_delta","partial_json":`
    const block = { type: "tool_use", id: toolId(id), name, input: {} }
    return before + frame("content_block_start", { index, content_block: block })
  }
  const begin = (kind: Kind) => {
    if (open === kind) return ""
    const before = close()
    open = kind
    // Written once per block: a token costs one JSON string.
    head = `event: content_block_delta\ndata: {"type":"content_block_delta","index":${index},"delta":{"type":"${kind}_delta","${kind}":`
    return before + frame("content_block_start", { index, content_block: empty[kind] })
  }
  const say = (kind: Kind, text: string) => (text === "" ? "" : begin(kind) + delta(join.add(kind, text).text))
  const served = ({ result, use }: NonNullable<ReturnType<typeof servedBlocks>>) => {
    const filled = { type: "input_json_delta", partial_json: JSON.stringify(use.input) }
    return (
      close() +
      frame("content_block_start", { index, content_block: { ...use, input: {} } }) +
      frame("content_block_delta", { index, delta: filled }) +
      frame("content_block_stop", { index: index++ }) +
      frame("content_block_start", { index, content_block: result }) +
      frame("content_block_stop", { index: index++ })
    )
  }
  const call = (made: ToolCall) => {
    const ran = servedBlocks(options, made)
    if (ran !== undefined) return served(ran)
    const block = { type: "tool_use", id: toolId(made.id), name: made.name, input: {} }
    const filled = { type: "input_json_delta", partial_json: JSON.stringify(input(made)) }
    return (
      close() +
      frame("content_block_start", { index, content_block: block }) +
      frame("content_block_delta", { index, delta: filled }) +
      frame("content_block_stop", { index: index++ })
    )
  }

  return (event) => {
    switch (event._tag) {
      case "TextDelta":
        return start() + say("text", event.text)
      case "ThoughtDelta":
        return start() + (options.thoughts ? say("thinking", event.text) : "")
      case "ToolCall":
        return start() + call(event.call)
      case "ToolCallBegin":
        return start() + beginCall(event.call)
      case "ToolCallDelta":
        return delta(WellFormed.repair(event.text))
      case "ToolCallEnd":
        return close()
      case "Usage":
        return ""
      case "Finish":
        return (
          start() +
          close() +
          frame("message_delta", {
            delta: { ...stop(event), container: null, stop_details: null },
            usage: usage(options),
            ...source(options.tokens()),
            ...contextManagement(options)
          }) +
          frame("message_stop", {})
        )
    }
  }
}

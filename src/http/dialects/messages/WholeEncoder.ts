/**
 * Encodes events as a whole message. Pure.
 */
import type { ChatEvent } from "../../../domain/Chat.ts"
import * as WellFormed from "../../chat/WellFormed.ts"
import type { ContentBlock, Message } from "./Api.ts"
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

export interface WholeEncoder {
  readonly add: (event: ChatEvent) => void
  readonly result: () => typeof Message.Encoded
}

type Kind = "text" | "thinking"

/** Folds the events as they arrive; keeps one copy of the text. */
export const make = (options: EncodingOptions): WholeEncoder => {
  const content: Array<typeof ContentBlock.Encoded> = []
  let ending = stop({ _tag: "Finish", reason: "stop" })
  let open: Kind = "text"
  let said = ""
  const close = () => {
    const text = WellFormed.repair(said)
    said = ""
    if (text === "") return
    content.push(open === "text" ? { type: "text", text } : { type: "thinking", thinking: text, signature: SIGNATURE })
  }
  const say = (kind: Kind, text: string) => {
    if (text === "") return
    if (kind !== open) close()
    open = kind
    said += text
  }
  return {
    add: (event) => {
      if (event._tag === "TextDelta") say("text", event.text)
      else if (event._tag === "ThoughtDelta" && options.thoughts) say("thinking", event.text)
      else if (event._tag === "ToolCall" || event._tag === "ToolCallEnd") {
        close()
        const { id, name } = event.call
        const served = servedBlocks(options, event.call)
        if (served !== undefined) content.push(served.use, served.result)
        else content.push({ type: "tool_use", id: toolId(id), name, input: input(event.call) })
      } else if (event._tag === "Finish") {
        close()
        ending = stop(event)
      }
    },
    result: () => ({
      id: options.id,
      type: "message",
      role: "assistant",
      model: options.model,
      content,
      ...ending,
      ...unused,
      usage: usage(options),
      ...source(options.tokens()),
      ...contextManagement(options)
    })
  }
}

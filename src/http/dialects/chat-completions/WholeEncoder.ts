/**
 * Encodes events as a whole completion. Pure.
 */
import type { ChatEvent, FinishReason, ToolCall } from "../../../domain/Chat.ts"
import * as WellFormed from "../../chat/WellFormed.ts"
import type { ChatCompletion } from "./Api.ts"
import {
  callObject,
  type EncodingOptions,
  extras,
  fieldsOf,
  finishReason,
  legacyCall,
  tagger,
  usageObject
} from "./Encoding.ts"

export interface WholeEncoder {
  readonly add: (event: ChatEvent) => void
  readonly result: (totalMillis: number) => typeof ChatCompletion.Encoded
}

/** WholeEncoders the events as they arrive; keeps one copy of the text. */
export const make = (options: EncodingOptions): WholeEncoder => {
  const { reasoningField, shape } = options
  const tags = tagger()
  const calls: Array<ToolCall> = []
  let content = ""
  let thought = ""
  let reason: FinishReason = "stop"

  const called = () => {
    const [first] = calls
    if (first === undefined) return {}
    return shape.legacy
      ? { function_call: legacyCall(first) }
      : { tool_calls: calls.map((call) => callObject(call, shape)) }
  }
  const thoughts = () => {
    const text = WellFormed.repair(thought)
    return text === "" ? {} : Object.fromEntries(fieldsOf[reasoningField].map((field) => [field, text]))
  }

  return {
    add: (event) => {
      if (event._tag === "TextDelta") content += tags.close() + event.text
      else if (event._tag === "ThoughtDelta") {
        if (reasoningField === "think-tags") content += tags.thought(event.text)
        else thought += event.text
      } else if (event._tag === "ToolCall" || event._tag === "ToolCallEnd") {
        content += tags.close()
        calls.push(event.call)
      } else if (event._tag === "Finish") {
        content += tags.close()
        reason = event.reason
      }
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
            ...thoughts(),
            ...called()
          },
          logprobs: null,
          finish_reason: finishReason(reason, shape)
        }
      ],
      usage: usageObject(options.tokens()),
      ...extras(options, totalMillis)
    })
  }
}

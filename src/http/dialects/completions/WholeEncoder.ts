/**
 * Encodes events as a whole text completion. Pure.
 */
import type { ChatEvent, FinishReason } from "../../../domain/Chat.ts"
import * as WellFormed from "../../chat/WellFormed.ts"
import type { Completion } from "./Api.ts"
import { type EncodingOptions, finishReason, usageOf } from "./Encoding.ts"

export interface WholeEncoder {
  readonly add: (event: ChatEvent) => void
  readonly result: () => typeof Completion.Encoded
}

/** WholeEncoders the events as they arrive; keeps one copy of the text. */
export const make = ({ created, echo, id, model, tokens }: EncodingOptions): WholeEncoder => {
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

/**
 * Encodes events as a whole response. Pure.
 */
import type { ChatEvent } from "../../../domain/Chat.ts"
import * as Output from "./Output.ts"
import * as Resource from "./Resource.ts"
import type { Answering, EncodingOptions } from "./StreamEncoder.ts"

export interface WholeEncoder {
  readonly add: (event: ChatEvent) => void
  readonly result: () => Resource.ResponseObject
}

/** Folds the events as they arrive; keeps one copy of the text. */
export const make = (options: EncodingOptions, run: Answering): WholeEncoder => {
  const output = Output.make(options)
  let cut: Resource.Cut | undefined
  return {
    add: (event) => {
      output.add(event)
      if (event._tag === "Finish") cut = Resource.cutBy(event.reason)
    },
    result: () => {
      const changing = Resource.ended({ output: output.items(), tokens: run.tokens(), cut, now: options.now() })
      const response = { ...options.fixed, model: run.model, ...changing }
      options.ended?.(response)
      return response
    }
  }
}

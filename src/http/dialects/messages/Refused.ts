/**
 * The response to a request that the provider's content filter refused: an empty message with `stop_reason: "refusal"`,
 * as the hosted service sends it.
 */
import type { ChatRun } from "../../../chat/Chat.ts"
import { finish } from "../../../domain/Chat.ts"
import * as Turn from "../../../domain/Turn.ts"

export interface RefusedOptions {
  readonly instance: string
  readonly model: string
  readonly promptTokens: number
}

export const run = ({ instance, model, promptTokens }: RefusedOptions): ChatRun => {
  const turn = Turn.make({ instance })
  turn.emit(finish("content_filter"))
  const tokens = { prompt: promptTokens, completion: 0, reasoning: 0, isReported: false }
  return {
    servedBy: instance,
    emulated: false,
    model,
    tokens: () => tokens,
    firstTokenMillis: 0,
    turn,
    events: Turn.toStream(turn)
  }
}

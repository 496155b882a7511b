/**
 * What is written down of one chat: one record, filled where things happen.
 */
import type { ChatRequest } from "../domain/Chat.ts"
import type { Answered, ChatRecord } from "../observe/Metrics.ts"
import type { RequestContext } from "../observe/RequestContext.ts"
import * as TokenMeter from "../tokens/TokenMeter.ts"
import type { Begun } from "./Attempt.ts"

/** On its way: a chat that nothing else is said of was cancelled. */
export type Draft = { -readonly [K in keyof ChatRecord]: ChatRecord[K] }

export const begin = ({ caller, model, origin }: ChatRequest, { client, id }: RequestContext): Draft => ({
  dialect: origin.dialect,
  stream: origin.stream,
  requestId: id,
  caller,
  client,
  modelAsked: model,
  outcome: "cancelled",
  errorCode: undefined,
  instance: undefined,
  account: undefined,
  retries: 0,
  answer: undefined,
  queueMillis: undefined,
  millis: 0
})

/** What was answered until now. */
export const answered = (
  { backend, mode, model, promptTokens, totals, turn }: Begun,
  firstTokenMillis: number
): Answered => {
  const sums = totals()
  const { completion, isReported, prompt, reasoning } = TokenMeter.tokens(sums, promptTokens)
  return {
    instance: backend.id,
    model,
    mode,
    firstTokenMillis,
    promptTokens: prompt,
    completionTokens: completion,
    reasoningTokens: reasoning,
    isReported,
    toolCalls: sums.toolCalls,
    pieces: turn.count()
  }
}

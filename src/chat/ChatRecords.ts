/**
 * What is written down of one chat: one record, filled where things happen.
 */
import type { Cause } from "effect"
import type { ChatRequest } from "../domain/Chat.ts"
import type { ChatError } from "../domain/ChatError.ts"
import * as ErrorCode from "../domain/usage/ErrorCode.ts"
import type { Answered, ChatRecord } from "../observe/Metrics.ts"
import type { RequestContext } from "../observe/RequestContext.ts"
import * as TokenMeter from "../tokens/TokenMeter.ts"
import type { Begun } from "./Attempt.ts"
import * as Failures from "./Failures.ts"
import type { Phase, Wait } from "./Phase.ts"

/** On its way: a chat that nothing else is said of was cancelled. */
export type Draft = { -readonly [K in keyof ChatRecord]: ChatRecord[K] } & Wait & {
    phase: Phase
    readonly context: RequestContext
  }

export const begin = ({ caller, model, origin }: ChatRequest, context: RequestContext, id: string): Draft => ({
  id,
  endedAt: 0,
  phase: "queued",
  context,
  dialect: origin.dialect,
  stream: origin.stream,
  requestId: context.id,
  caller,
  client: context.client,
  modelAsked: model,
  outcome: "cancelled",
  errorCode: undefined,
  error: undefined,
  instance: undefined,
  account: undefined,
  retries: 0,
  answer: undefined,
  queueMillis: undefined,
  loginSince: undefined,
  loginMillis: undefined,
  millis: 0
})

/** Whether that is a failure: a chat that was stopped is cancelled, whatever else becomes of it. */
const noted = (record: Draft, code: string, error: string): boolean => {
  if (record.errorCode === ErrorCode.STOPPED) return false
  record.errorCode = code
  record.error = error
  if (code === ErrorCode.STOPPED) return false
  record.outcome = "failed"
  return true
}
export const failed = (record: Draft, error: ChatError): boolean =>
  noted(record, ErrorCode.of(error), Failures.inWords(error))
export const failedBy = (record: Draft, cause: Cause.Cause<unknown>): boolean =>
  noted(record, ErrorCode.ofCause(cause), Failures.ofCause(cause))

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

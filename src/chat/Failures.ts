/**
 * What a chat's failure means to the instance, and how the log tells of it.
 */
import { Cause, Effect, Option } from "effect"
import { type ChatError, providerOf } from "../domain/ChatError.ts"
import { redact } from "../domain/Redact.ts"
import * as ErrorCode from "../domain/usage/ErrorCode.ts"
import * as Verdict from "../domain/Verdict.ts"
import type { Lease } from "./Pool.ts"

/** For administrators, beside the instance's own last error. */
const describe = (error: ChatError): string => ("detail" in error ? `${error._tag}: ${error.detail}` : error._tag)

export const settle = (lease: Lease, error: ChatError): void => {
  const outcome = Verdict.blame(error)
  if (outcome !== undefined) lease.settle(outcome, describe(error), error._tag === "QuotaExhausted" ? error : undefined)
}

/** A field may be a word of the client's. */
const LONGEST_FIELD = 500

export const log = (error: ChatError, how: string): Effect.Effect<void> =>
  Effect.suspend(() => {
    // Who stopped it has been logged.
    if (error._tag === "ChatStopped") return Effect.void
    const { _tag, ...fields } = error
    const reason = Object.fromEntries(
      Object.entries(fields).flatMap(([name, value]) =>
        typeof value === "object" ? [] : [[name, typeof value === "string" ? value.slice(0, LONGEST_FIELD) : value]]
      )
    )
    return Effect.annotateLogs(Effect.logWarning(how), { error: _tag, ...reason })
  })

const timeouts: Readonly<Record<Extract<ChatError, { readonly _tag: "UpstreamTimeout" }>["phase"], string>> = {
  first_token: "no answer began in time",
  idle: "the answer paused for too long",
  total: "the answer took too long",
  upstream: "the upstream timed out"
}

const words = (error: ChatError): string => {
  switch (error._tag) {
    case "ChatStopped":
      return "stopped by an administrator"
    case "Overloaded":
      return error.reason === "queue_timeout" ? "no slot became free in time" : "no room in the queue, or for its body"
    case "Shed":
      return "the process had too much to do"
    case "NotLoggedIn":
      return "no account is signed in"
    case "LoginInProgress":
      return "the account was being signed in"
    case "UpstreamTimeout":
      return error.started === false ? "the instance did not get ready in time" : timeouts[error.phase]
    case "QuotaExhausted":
      return error.model === undefined ? "the account's quota is used up" : `the quota of ${error.model} is used up`
    case "Throttled":
      return `too many requests of the account for the moment, again in ${error.retryAfter} s`
    case "ContextLengthExceeded":
      return `${error.promptTokens} tokens, the model takes ${error.limit}`
    case "ModelNotFound":
      return `there is no model ${error.model.slice(0, LONGEST_FIELD)}`
    // Its detail tells of what the model wrote: of content there is nothing here.
    case "InvalidJsonOutput":
      return "the answer is not the JSON that was asked for"
    default:
      return "detail" in error ? `${providerOf(error)}: ${error.detail}` : error._tag
  }
}

/** Max characters of what is noted of a failure. */
const LONGEST = 300

/** What went wrong, for administrators. */
export const inWords = (error: ChatError): string => redact(words(error), LONGEST)

/** Whatever else ends a chat is told as the gateway's own failure. */
export const ofCause = (cause: Cause.Cause<unknown>): string => {
  const failure = Option.getOrUndefined(Cause.failureOption(cause))
  return ErrorCode.isChatError(failure) ? inWords(failure) : "internal error, see the log"
}

/**
 * The code by which clients and reports know why a chat failed. OpenAI's dialect shows the same one.
 */
import { Cause, Option } from "effect"
import { type ChatError, codePrefix } from "../ChatError.ts"

export const STOPPED = "chat_stopped"

const codes: Readonly<Record<ChatError["_tag"], string>> = {
  Overloaded: "backpressure",
  Shed: "overloaded",
  ShuttingDown: "shutting_down",
  ChatStopped: STOPPED,
  NotLoggedIn: "not_logged_in",
  LoginFailed: "login_failed",
  LoginInProgress: "login_in_progress",
  BackendUnavailable: "upstream_not_ready",
  BackendFailure: "upstream_error",
  QuotaExhausted: "insufficient_quota",
  Throttled: "rate_limit_exceeded",
  UpstreamTimeout: "upstream_timeout",
  ContentFiltered: "content_filter",
  TooManyImages: "too_many_images",
  ModelNotFound: "model_not_found",
  ToolCallBroken: "tool_call_broken",
  ToolCallNotProduced: "tool_call_not_produced",
  EmptyAnswer: "empty_answer",
  InvalidJsonOutput: "invalid_json_output",
  ContextLengthExceeded: "context_length_exceeded",
  ImagesNotSupported: "unsupported_value"
}

export const INTERNAL = "internal_error"

export const of = (error: ChatError): string =>
  error._tag === "BackendFailure" && error.code !== undefined
    ? `${codePrefix(error)}_${error.code}`
    : (codes[error._tag] ?? INTERNAL)

export const isChatError = (error: unknown): error is ChatError =>
  typeof error === "object" && error !== null && "_tag" in error && String(error._tag) in codes

/** Whatever else ends a chat is told as the gateway's own failure. */
export const ofCause = (cause: Cause.Cause<unknown>): string => {
  const failure = Option.getOrUndefined(Cause.failureOption(cause))
  return isChatError(failure) ? of(failure) : INTERNAL
}

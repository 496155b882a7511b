/**
 * What a failed chat means for its instance's health, and whether it may be retried on another one.
 */
import type { AskMode } from "./Chat.ts"
import type { ChatError } from "./ChatError.ts"
import type * as Health from "./Health.ts"

/** How a failure counts for the instance it happened on; undefined: not at all. */
export const blame = (error: ChatError): Exclude<Health.Outcome, "cancelled"> | "absent" | "exhausted" | undefined => {
  switch (error._tag) {
    case "BackendFailure":
      if (error.isFinal === true) return undefined
      return error.lost === true ? "lost" : "failed"
    case "BackendUnavailable":
      return "absent"
    case "UpstreamTimeout":
      return error.started === false ? "absent" : "failed"
    case "QuotaExhausted":
      return "exhausted"
    case "ToolCallBroken":
    case "ToolCallNotProduced":
    case "EmptyAnswer":
    case "InvalidJsonOutput":
      return "completed"
    default:
      return undefined
  }
}

/** Whether another instance may be tried. In agent mode a turn that has begun may have had side effects. */
export const mayRetry = (error: ChatError, mode: AskMode): boolean => {
  switch (error._tag) {
    case "BackendFailure":
      return error.isFinal !== true && (mode === "chat" || error.started !== true)
    case "NotLoggedIn":
    case "QuotaExhausted":
    case "Throttled":
      return mode === "chat" || error.started !== true
    case "UpstreamTimeout":
      return mode === "chat" || error.started === false
    case "BackendUnavailable":
    case "LoginFailed":
    case "LoginInProgress":
      return true
    default:
      return false
  }
}

/**
 * What a failed chat means for its instance's health, and whether it may be retried on another one, or on another host.
 */
import { Predicate } from "effect"
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

/** Whether another host, with other accounts, might have taken what failed so before an upstream was asked. */
export const isOfHost = (problem: unknown): boolean =>
  Predicate.hasProperty(problem, "_tag") && ofHost.has(problem._tag)

const ofHost: ReadonlySet<unknown> = new Set<ChatError["_tag"]>([
  "Overloaded",
  "Shed",
  "ShuttingDown",
  "BackendUnavailable",
  "NotLoggedIn",
  "LoginInProgress",
  "LoginFailed",
  "QuotaExhausted",
  "Throttled"
])

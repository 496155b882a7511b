/**
 * How far a chat is, and what it has waited for until its answer began.
 */

/** How far a chat is: it waits for a slot, for its instance, for an answer, or is answered. */
export type Phase = "queued" | "login" | "waiting" | "streaming"

/** What a chat waits for until its instance is connected and signed in. */
export interface Wait {
  /** Since when it waits: milliseconds of the monotonic clock. */
  loginSince: number | undefined
  loginMillis: number | undefined
}

/** It waits no longer. Less than a millisecond is none. */
export const ready = (wait: Wait, now: number): void => {
  if (wait.loginSince === undefined) return
  const millis = now - wait.loginSince
  wait.loginSince = undefined
  if (millis >= 1) wait.loginMillis = (wait.loginMillis ?? 0) + millis
}

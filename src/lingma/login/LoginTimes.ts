/**
 * How long the parts of a login may take, and how long an account rests after a failed one.
 */
import { Duration, Schedule } from "effect"
import type { LoginReason } from "../../domain/Login.ts"

/** Pause of an account after a failed login; shorter if Lingma did not return a login URL. */
export const restAfter = (reason: LoginReason) =>
  reason === "no_login_url" ? Duration.seconds(30) : Duration.minutes(15)
/** Time limit of a manual login. */
export const personPatience = Duration.minutes(15)
/** Max time from the end of the page until Lingma reports the login. */
export const sessionPatience = Duration.seconds(20)
/** Backoff between retries after an unexpected page. */
export const loginRetry = Schedule.exponential("2 seconds").pipe(Schedule.jittered)

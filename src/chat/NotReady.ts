/**
 * Why an instance gets no chats at the moment, in words that may be shown without a key.
 */
import * as Health from "../domain/Health.ts"
import type { BackendStatus } from "./Backend.ts"

/** `begins`: when the chats that try an instance on probation began. */
export const reason = (
  { loggedIn, state }: BackendStatus,
  health: Health.Health,
  at: number,
  begins: ReadonlyArray<number>
): string | undefined => {
  if (state !== "ready") return `its state is ${state}`
  if (loggedIn === false) return "no account is signed in"
  switch (Health.why(health, at, begins)) {
    case "ejected":
      return `left out for ${Math.ceil((health.until - at) / 1000)} s more, as its chats failed`
    case "failing":
      return health.failures === 1 ? "its last chat failed" : `its last ${health.failures} chats failed`
    case "probing":
      return "one chat tries it, after it was left out"
    case undefined:
      return undefined
  }
}

/**
 * The log lines of an instance's starts: one that fails again for the same reason is for debugging only.
 */
import { Effect } from "effect"
import type { BackendState } from "../chat/Backend.ts"

export interface StartLog {
  readonly state: (next: BackendState) => Effect.Effect<void>
  readonly ended: (reason: string) => Effect.Effect<void>
}

export const make = (): StartLog => {
  let last: string | undefined
  let isRepeated = false
  const write = (log: typeof Effect.logInfo, message: string, fields: Record<string, string>) =>
    Effect.suspend(() => Effect.annotateLogs((isRepeated ? Effect.logDebug : log)(message), fields))
  return {
    state: (next) => {
      if (next === "ready") {
        isRepeated = false
        last = undefined
      }
      return write(Effect.logInfo, "instance state", { state: next })
    },
    ended: (reason) => {
      isRepeated = reason === last
      last = reason
      return write(Effect.logError, "Lingma ended", { reason })
    }
  }
}

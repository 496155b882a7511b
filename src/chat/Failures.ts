/**
 * What a chat's failure means to the instance, and how the log tells of it.
 */
import { Effect } from "effect"
import type { ChatError } from "../domain/ChatError.ts"
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
    const { _tag, ...fields } = error
    const reason = Object.fromEntries(
      Object.entries(fields).flatMap(([name, value]) =>
        typeof value === "object" ? [] : [[name, typeof value === "string" ? value.slice(0, LONGEST_FIELD) : value]]
      )
    )
    return Effect.annotateLogs(Effect.logWarning(how), { error: _tag, ...reason })
  })

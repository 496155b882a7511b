/**
 * What becomes known of a request while it is served, for its line in the log, its span and its metric.
 */
import { Effect, FiberRef, GlobalValue } from "effect"
import type { ChatRun } from "../../chat/Chat.ts"

export interface RequestNotes {
  /** The pattern of its path; one of a closed set. */
  readonly route: string
  /** The chat that answers, once one does. */
  run: ChatRun | undefined
}

const current = GlobalValue.globalValue("lingma-gateway/http/RequestNotes", () =>
  FiberRef.unsafeMake<RequestNotes | undefined>(undefined)
)

/** For the rest of the fiber, which serves this request and no other. */
export const provide =
  (notes: RequestNotes) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.zipRight(FiberRef.set(current, notes), effect)

/** Notes which chat answers. */
export const answeredBy = (run: ChatRun): Effect.Effect<void> =>
  Effect.withFiberRuntime((fiber) => {
    const notes = fiber.getFiberRef(current)
    if (notes !== undefined) notes.run = run
    return Effect.void
  })

/** Too many, as one dialect or the other says it. */
const REJECTED = new Set([429, 529])

/** As platform says that the client has left. */
const GONE = 499

/** How the chat of a request ended, as far as it got. One that was cut short was cancelled by its client, or failed. */
export const outcomeOf = ({ run }: RequestNotes, status: number): string => {
  if (run === undefined && status === GONE) return "cancelled"
  if (run === undefined) return REJECTED.has(status) ? "rejected" : status >= 400 ? "failed" : "completed"
  const state = run.turn.state()
  if (state === "running") return status === GONE ? "cancelled" : "failed"
  return state === "finished" && (status < 400 || status === GONE) ? "completed" : "failed"
}

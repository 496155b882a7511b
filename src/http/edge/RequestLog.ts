/**
 * Data collected while a request is served, for its log line, span and metric.
 */
import { Effect, FiberRef, GlobalValue } from "effect"
import type { ChatRun } from "../../chat/Chat.ts"
import type { Caller } from "../../domain/keys/Caller.ts"

export interface RequestNotes {
  /** Route pattern; from a closed set, so it can be a metric label. */
  readonly route: string
  /** The name of the caller's key, for a chat. */
  key: string | undefined
  /** The chat, once it has been opened. */
  run: ChatRun | undefined
}

const current = GlobalValue.globalValue("lingma-gateway/http/RequestNotes", () =>
  FiberRef.unsafeMake<RequestNotes | undefined>(undefined)
)

/** Set for the rest of the fiber, which serves only this request. */
export const provide =
  (notes: RequestNotes) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.zipRight(FiberRef.set(current, notes), effect)

/** Records who asks. */
export const calledBy = ({ name }: Caller): Effect.Effect<void> =>
  Effect.withFiberRuntime((fiber) => {
    const notes = fiber.getFiberRef(current)
    if (notes !== undefined) notes.key = name
    return Effect.void
  })

/** Records the chat of the current request. */
export const answeredBy = (run: ChatRun): Effect.Effect<void> =>
  Effect.withFiberRuntime((fiber) => {
    const notes = fiber.getFiberRef(current)
    if (notes !== undefined) notes.run = run
    return Effect.void
  })

/** Statuses for too many requests: 529 is Anthropic's. */
const REJECTED = new Set([429, 529])

/** The platform's status for a client disconnect. */
const GONE = 499

/** How the chat of a request ended. An unfinished one was cancelled by the client, or failed. */
export const outcomeOf = ({ run }: RequestNotes, status: number): string => {
  if (run === undefined && status === GONE) return "cancelled"
  if (run === undefined) return REJECTED.has(status) ? "rejected" : status >= 400 ? "failed" : "completed"
  const state = run.turn.state()
  if (state === "running") return status === GONE ? "cancelled" : "failed"
  return state === "finished" && (status < 400 || status === GONE) ? "completed" : "failed"
}

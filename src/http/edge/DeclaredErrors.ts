/**
 * Failures as a route of the API declares them: one schema for all of its statuses.
 */
import { Schema } from "effect"

/** A body that cannot be read, or is not as it has to be. */
export const ofBody = [400, 413, 415] as const

/** What may end a chat before its answer begins. */
export const ofChat = [400, 404, 413, 415, 429, 502, 503, 504] as const

/** `withStatus` of a dialect, for several statuses at once. */
export const union =
  <A, I, R>(withStatus: (status: number) => Schema.Schema<A, I, R>) =>
  (...statuses: ReadonlyArray<number>): Schema.Schema<A, I, R> =>
    Schema.Union(...statuses.map(withStatus))

/**
 * Declares the error responses of a route: one schema for several statuses.
 */
import { Schema } from "effect"

/** Errors of any route that reads a JSON body. */
export const ofBody = [400, 413, 415] as const

/** Errors of a chat before its answer begins. */
export const ofChat = [400, 403, 404, 413, 415, 429, 502, 503, 504] as const

/** Combines a dialect's `withStatus` schemas for several statuses. */
export const union =
  <A, I, R>(withStatus: (status: number) => Schema.Schema<A, I, R>) =>
  (...statuses: ReadonlyArray<number>): Schema.Schema<A, I, R> =>
    Schema.Union(...statuses.map(withStatus))

/**
 * Whether the client of a request has left: its server has interrupted the request's own fiber in the client's name.
 *
 * The cause of a failure does not tell: it may hold the leaving of another client, whose work was shared.
 */
import * as HttpServerError from "@effect/platform/HttpServerError"
import { Cause, Effect, type Fiber, HashSet } from "effect"
import * as Interrupts from "../../runtime/Interrupts.ts"

export const isGone = (fiber: Fiber.RuntimeFiber<unknown, unknown>): boolean =>
  HashSet.has(Cause.interruptors(Interrupts.sentTo(fiber)), HttpServerError.clientAbortFiberId)

/** Ends a request as if its client had left: one that reads nothing might as well have. */
export const leave: Effect.Effect<never> = Effect.interruptWith(HttpServerError.clientAbortFiberId)

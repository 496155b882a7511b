/**
 * Detects a client disconnect: the server interrupts the request's fiber with the client-abort fiber id.
 *
 * The cause of a failure is no evidence: with shared work it may contain the disconnect of another client.
 */
import * as HttpServerError from "@effect/platform/HttpServerError"
import { Cause, Effect, type Fiber, HashSet } from "effect"
import * as Interrupts from "../../runtime/Interrupts.ts"

export const isGone = (fiber: Fiber.RuntimeFiber<unknown, unknown>): boolean =>
  HashSet.has(Cause.interruptors(Interrupts.sentTo(fiber)), HttpServerError.clientAbortFiberId)

/** Ends a request as if the client had disconnected; for clients that stopped reading. */
export const leave: Effect.Effect<never> = Effect.interruptWith(HttpServerError.clientAbortFiberId)

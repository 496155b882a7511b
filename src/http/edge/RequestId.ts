/**
 * Request ids: the client's `x-request-id` if valid, else a new one; on every response and log line.
 */
import { randomUUID } from "node:crypto"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import { Context, Effect, type Fiber, FiberRef, HashMap } from "effect"
import * as ClientName from "../../domain/usage/ClientName.ts"
import * as RequestContext from "../../observe/RequestContext.ts"

const DECENT = /^[A-Za-z0-9._:-]{1,128}$/

export const make = (): string => `req-${randomUUID().slice(24)}`

export const from = (given: unknown): string => (typeof given === "string" && DECENT.test(given) ? given : make())

/** The id of the current request. */
export const current: Effect.Effect<string> = Effect.map(RequestContext.current, ({ id }) => id)

/** The same, from a fiber. */
export const of = (fiber: Fiber.RuntimeFiber<unknown, unknown>): string => RequestContext.of(fiber).id

/** Sets the id for the whole request; `Edge` adds it to the response. */
export const middleware = <A, E, R>(
  app: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R | HttpServerRequest.HttpServerRequest> =>
  Effect.withFiberRuntime((fiber) => {
    const { headers } = Context.unsafeGet(fiber.currentContext, HttpServerRequest.HttpServerRequest)
    const id = from(headers["x-request-id"])
    const span = fiber.currentSpan
    if (span?._tag === "Span") span.attribute("http.request_id", id)
    // The fiber serves only this request, so the previous value is not restored.
    const annotations = HashMap.set<string, unknown>(
      fiber.getFiberRef(FiberRef.currentLogAnnotations),
      "request_id",
      id
    )
    const client = ClientName.of(headers["user-agent"])
    return RequestContext.set({ id, client, isStarted: false, isOfHost: false, tap: undefined }).pipe(
      Effect.zipRight(FiberRef.set(FiberRef.currentLogAnnotations, annotations)),
      Effect.zipRight(app)
    )
  })

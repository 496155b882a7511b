/**
 * One name per request: the client's own if it is a decent one, on every answer and every log line.
 */
import { randomBytes } from "node:crypto"
import * as HttpApp from "@effect/platform/HttpApp"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Effect, FiberRef, GlobalValue } from "effect"

const DECENT = /^[A-Za-z0-9._:-]{1,128}$/

export const make = (): string => `req-${randomBytes(6).toString("hex")}`

export const from = (given: unknown): string => (typeof given === "string" && DECENT.test(given) ? given : make())

const ref = GlobalValue.globalValue("lingma-gateway/http/RequestId", () => FiberRef.unsafeMake("none"))

/** The name of the request that is served. */
export const current: Effect.Effect<string> = FiberRef.get(ref)

/** Wraps the whole life of a request, its answer included. */
export const middleware = <A, E, R>(
  app: Effect.Effect<A, E, R>
): Effect.Effect<A, E, R | HttpServerRequest.HttpServerRequest> =>
  Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ headers }) => {
    const id = from(headers["x-request-id"])
    return HttpApp.appendPreResponseHandler((_request, response) =>
      Effect.succeed(HttpServerResponse.setHeader(response, "x-request-id", id))
    ).pipe(
      Effect.zipRight(Effect.annotateCurrentSpan("http.request_id", id)),
      Effect.zipRight(Effect.locally(app, ref, id)),
      Effect.annotateLogs("request_id", id)
    )
  })

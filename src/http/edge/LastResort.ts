/**
 * Outermost error handler: failures outside of `Edge` are answered in the dialect's shape, too.
 *
 * The platform would send an empty response with a status.
 */
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { type Cause, Context, Effect } from "effect"
import * as ClientGone from "../server/ClientGone.ts"
import * as AccessLog from "./AccessLog.ts"
import * as Dialect from "./Dialect.ts"
import { Broken } from "./EdgeError.ts"
import * as RequestId from "./RequestId.ts"

type Response = HttpServerResponse.HttpServerResponse

/** Set by the platform on a request that has been answered. */
const handled = Symbol.for("@effect/platform/HttpApp/handled")

const answer = <E>(
  dialects: Dialect.Dialects,
  cause: Cause.Cause<E>
): Effect.Effect<Response, E, HttpServerRequest.HttpServerRequest> =>
  Effect.withFiberRuntime((fiber) => {
    const request = Context.unsafeGet(fiber.currentContext, HttpServerRequest.HttpServerRequest)
    if (handled in request || ClientGone.isGone(fiber)) return Effect.failCause(cause)
    const known = RequestId.of(fiber)
    const id = known === "none" ? RequestId.make() : known
    const dialect = Dialect.of(dialects, AccessLog.pathOf(request.url), request.headers)
    const headers = {
      "x-request-id": id,
      "x-content-type-options": "nosniff",
      "cache-control": "no-store",
      ...dialect.headers?.(id)
    }
    return Effect.as(
      Effect.logError("internal error", cause),
      HttpServerResponse.setHeaders(dialect.respond(new Broken(), id), headers)
    )
  })

export const middleware =
  (dialects: Dialect.Dialects) =>
  <E, R>(app: Effect.Effect<Response, E, R>): Effect.Effect<Response, E, R | HttpServerRequest.HttpServerRequest> =>
    Effect.catchAllCause(app, (cause) => answer(dialects, cause))

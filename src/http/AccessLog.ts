/**
 * One line per request, at its true end: for a stream, when its last byte was handed over.
 */
import * as HttpServerError from "@effect/platform/HttpServerError"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import type * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Cause, Clock, Effect, Exit, LogLevel } from "effect"

const probes = new Set(["/", "/healthz", "/readyz"])

/** Without the query: keys end up there. */
export const pathOf = (url: string): string => url.replace(/[?#].*$/s, "").slice(0, 200)

const statusOf = (exit: Exit.Exit<HttpServerResponse.HttpServerResponse, unknown>): number =>
  Exit.isSuccess(exit) ? exit.value.status : HttpServerError.exitResponse(exit).status

export const middleware = <E, R>(
  app: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>
): Effect.Effect<HttpServerResponse.HttpServerResponse, E, R | HttpServerRequest.HttpServerRequest> =>
  Effect.gen(function* () {
    const { method, url } = yield* HttpServerRequest.HttpServerRequest
    const began = yield* Clock.currentTimeMillis
    return yield* Effect.onExit(
      app,
      Effect.fnUntraced(function* (exit) {
        const path = pathOf(url)
        const isBroken = Exit.isFailure(exit) && !Cause.isInterrupted(exit.cause)
        if (isBroken) yield* Effect.logError("request broken", exit.cause)
        const ms = (yield* Clock.currentTimeMillis) - began
        yield* Effect.logWithLevel(probes.has(path) ? LogLevel.Debug : LogLevel.Info, "request").pipe(
          Effect.annotateLogs({ method, path, status: statusOf(exit), ms })
        )
      })
    )
  })

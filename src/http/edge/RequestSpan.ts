/**
 * The server span of a request, up to the last byte of its response; a child of the caller's span.
 */
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import type * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as HttpTraceContext from "@effect/platform/HttpTraceContext"
import { Context, Effect, FiberRef, Option, type Scope } from "effect"
import * as Span from "../../observe/Span.ts"

const quiet = new Set(["/", "/healthz", "/readyz", "/metrics"])

/** Without headers and query, which may hold keys. */
const attributes = (method: string, route: string) => ({
  "http.request.method": method,
  "http.route": route,
  "url.scheme": "http"
})

export const middleware =
  (patternOf: (url: string) => string) =>
  <E, R>(
    app: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>
  ): Effect.Effect<HttpServerResponse.HttpServerResponse, E, R | HttpServerRequest.HttpServerRequest> =>
    Effect.withFiberRuntime((fiber) => {
      if (!fiber.getFiberRef(FiberRef.currentTracerEnabled)) return app
      const { headers, method, url } = Context.unsafeGet(fiber.currentContext, HttpServerRequest.HttpServerRequest)
      const route = patternOf(url)
      if (quiet.has(route)) return app
      const parent = Option.getOrUndefined(HttpTraceContext.fromHeaders(headers))
      return app.pipe(
        Effect.tap(({ status }) => Effect.annotateCurrentSpan("http.response.status_code", status)),
        Span.within(`${method} ${route}`, {
          kind: "server",
          ...(parent === undefined ? {} : { parent }),
          attributes: attributes(method, route)
        })
      )
    })

/** For an app that sends the response itself: a child of the app's span, if any; ends with the request's scope. */
export const scoped =
  (patternOf: (url: string) => string) =>
  <E, R>(
    app: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>
  ): Effect.Effect<HttpServerResponse.HttpServerResponse, E, R | Scope.Scope | HttpServerRequest.HttpServerRequest> =>
    Effect.gen(function* () {
      const { headers, method, url } = yield* HttpServerRequest.HttpServerRequest
      const route = patternOf(url)
      if (quiet.has(route)) return yield* app
      const outer = yield* Effect.option(Effect.currentParentSpan)
      const parent = Option.getOrUndefined(Option.orElse(outer, () => HttpTraceContext.fromHeaders(headers)))
      const span = yield* Span.scoped(`${method} ${route}`, {
        kind: "server",
        ...(parent === undefined ? {} : { parent }),
        attributes: attributes(method, route)
      })
      return yield* Span.inside(span)(
        Effect.tap(app, ({ status }) => Effect.annotateCurrentSpan("http.response.status_code", status))
      )
    })

/**
 * The span of a request, from its head to its last byte, as a child of the caller's.
 */
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import type * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as HttpTraceContext from "@effect/platform/HttpTraceContext"
import { Effect, Option } from "effect"
import * as Span from "../Span.ts"

const quiet = new Set(["/", "/healthz", "/readyz", "/metrics"])

/** No headers and no query: keys are found there. */
export const middleware =
  (patternOf: (url: string) => string) =>
  <E, R>(
    app: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>
  ): Effect.Effect<HttpServerResponse.HttpServerResponse, E, R | HttpServerRequest.HttpServerRequest> =>
    Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ headers, method, url }) => {
      const route = patternOf(url)
      if (quiet.has(route)) return app
      const parent = Option.getOrUndefined(HttpTraceContext.fromHeaders(headers))
      return app.pipe(
        Effect.tap(({ status }) => Effect.annotateCurrentSpan("http.response.status_code", status)),
        Span.within(`${method} ${route}`, {
          kind: "server",
          ...(parent === undefined ? {} : { parent }),
          attributes: { "http.request.method": method, "http.route": route, "url.scheme": "http" }
        })
      )
    })

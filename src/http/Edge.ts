/**
 * Around every route: who may knock, what is answered when nothing else did, and the headers all answers share.
 */
import * as HttpApp from "@effect/platform/HttpApp"
import * as HttpServerError from "@effect/platform/HttpServerError"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Cause, Effect } from "effect"
import { ShuttingDown } from "../domain/ChatError.ts"
import * as AccessLog from "./AccessLog.ts"
import type { Drain } from "./Drain.ts"
import * as Gate from "./Gate.ts"
import * as Errors from "./OpenAiErrors.ts"
import { oneSegment } from "./openai/Api.ts"
import { Broken, CallerRefused, type Refusal, RouteRefused, Unparsed } from "./Refusal.ts"
import * as Send from "./Send.ts"

type Request = HttpServerRequest.HttpServerRequest
type Response = HttpServerResponse.HttpServerResponse
type App<E> = Effect.Effect<Response, E, Request>

export interface EdgeOptions extends Gate.GateOptions {
  readonly drain: Pick<typeof Drain.Service, "isDraining">
  readonly methodsOf: (url: string) => ReadonlyArray<string>
}

const refuse = (refusal: Refusal): Response => Errors.respond(Errors.fromRefusal(refusal))

/** Probes are answered to the end. */
const probes = new Set(["/healthz", "/readyz"])

export const make = (options: EdgeOptions) => {
  const noRoute = ({ method, url }: Request): Response => {
    const allow = options.methodsOf(oneSegment(url))
    if (method === "OPTIONS" && allow.length > 0) {
      return HttpServerResponse.empty({ status: 204, headers: { allow: allow.join(", ") } })
    }
    return refuse(new RouteRefused({ method, path: AccessLog.pathOf(url), allow }))
  }

  const answerCause = <E>(request: Request, cause: Cause.Cause<E>): App<E> => {
    if (Cause.isInterruptedOnly(cause)) return Effect.failCause(cause)
    const error = Cause.squash(cause)
    if (error instanceof HttpServerError.RouteNotFound) return Effect.succeed(noRoute(request))
    return Effect.as(Effect.logError("request broken", cause), refuse(new Broken()))
  }

  const gate = <E>(request: Request, app: App<E>): App<E> => {
    if (!Gate.isHostAllowed(options, request)) return Effect.succeed(refuse(new CallerRefused({ reason: "host" })))
    if (request.headers["upgrade"]?.toLowerCase() === "websocket") {
      return Effect.succeed(refuse(new Unparsed({ reason: "upgrade" })))
    }
    if (Gate.isPreflight(request) && Gate.listedOrigin(options, request) !== undefined) {
      return Effect.succeed(Gate.preflight(request))
    }
    if (options.drain.isDraining() && !probes.has(AccessLog.pathOf(request.url))) {
      return Effect.succeed(Errors.respond(new ShuttingDown()))
    }
    const url = oneSegment(request.url)
    return url === request.url
      ? app
      : Effect.provideService(app, HttpServerRequest.HttpServerRequest, request.modify({ url }))
  }

  const shared = (request: Request, { headers, status }: Response): Record<string, string> => ({
    "x-content-type-options": "nosniff",
    ...(headers["cache-control"] === undefined ? { "cache-control": "no-store" } : {}),
    ...(status === 401 ? { "www-authenticate": "Bearer" } : {}),
    ...(options.drain.isDraining() ? { connection: "close" } : {}),
    ...Gate.corsHeaders(options, request)
  })

  return <E>(app: App<E>): App<E> =>
    Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) =>
      gate(request, app).pipe(
        Effect.catchAllCause((cause) => answerCause(request, cause)),
        Effect.map((response) => HttpServerResponse.setHeaders(response, shared(request, response))),
        // Registered here, when all others are: it sends.
        Effect.zipLeft(HttpApp.appendPreResponseHandler(Send.handler))
      )
    )
}

/**
 * Access log: one line per request, written when the response has been sent; for a stream, after its last byte.
 */
import * as HttpServerError from "@effect/platform/HttpServerError"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Cause, Clock, Context, Effect, Exit, type Fiber, FiberRef, LogLevel, type Scope } from "effect"
import * as MetricKeys from "../../observe/MetricKeys.ts"
import type { Metrics } from "../../observe/Metrics.ts"
import * as RequestLog from "./RequestLog.ts"

const probes = new Set([
  "/",
  "/health",
  "/healthz",
  "/readyz",
  "/metrics",
  "/api/hello",
  "/api/event_logging/batch",
  "/api/event_logging/v2/batch"
])

/** Without the query, which may hold keys. */
export const pathOf = (url: string): string => url.replace(/[?#].*$/s, "").slice(0, 200)

const statusOf = (exit: Exit.Exit<HttpServerResponse.HttpServerResponse, unknown>): number =>
  Exit.isSuccess(exit) ? exit.value.status : HttpServerError.exitResponse(exit).status

/** The methods used as metric labels; a client may send any word. */
const METHODS = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])

/** The request id of the client, as OpenAI's clients may send it. */
const clientId = (headers: Readonly<Record<string, string | undefined>>) => {
  const id = headers["x-client-request-id"] ?? ""
  return /^[\x21-\x7e]{1,512}$/.test(id) ? { client_request_id: id } : {}
}

/** Instance, model, latency and tokens of the chat. */
const chatFields = ({ run }: RequestLog.RequestNotes) => {
  if (run === undefined) return {}
  const { completion, prompt } = run.tokens()
  return {
    instance: run.servedBy,
    model: run.model,
    ttft_ms: Math.round(run.firstTokenMillis),
    prompt_tokens: prompt,
    completion_tokens: completion
  }
}

export interface AccessLogOptions {
  readonly patternOf: (url: string) => string
  readonly metrics: Pick<typeof Metrics.Service, "mark">
}

/** The record of a request, and the function that logs it. */
const begin =
  ({ metrics, patternOf }: AccessLogOptions) =>
  (fiber: Fiber.RuntimeFiber<unknown, unknown>) => {
    const { headers, method, url } = Context.unsafeGet(fiber.currentContext, HttpServerRequest.HttpServerRequest)
    const clock = Context.get(fiber.currentDefaultServices, Clock.Clock)
    const now = () => Number(clock.unsafeCurrentTimeNanos()) / 1e6
    const began = now()
    const notes: RequestLog.RequestNotes = { route: patternOf(url), key: undefined, run: undefined }
    const line = (level: LogLevel.LogLevel, path: string, status: number) =>
      Effect.logWithLevel(level, "request").pipe(
        Effect.annotateLogs({
          method,
          path,
          route: notes.route,
          status,
          ms: Math.round(now() - began),
          ...(notes.route.startsWith("/v1/") && method === "POST"
            ? { outcome: RequestLog.outcomeOf(notes, status) }
            : {}),
          ...clientId(headers),
          ...(notes.key === undefined ? {} : { key: notes.key }),
          ...chatFields(notes)
        })
      )
    const write = (exit: Exit.Exit<HttpServerResponse.HttpServerResponse, unknown>) => {
      const path = pathOf(url)
      const status = statusOf(exit)
      const verb = METHODS.has(method) ? method : "other"
      metrics.mark(MetricKeys.httpRequests, 1, { route: notes.route, method: verb, status: String(status) })
      const level = probes.has(path) ? LogLevel.Debug : LogLevel.Info
      const isBroken = Exit.isFailure(exit) && !Cause.isInterrupted(exit.cause)
      const isHeard = LogLevel.greaterThanEqual(level, fiber.getFiberRef(FiberRef.currentMinimumLogLevel))
      if (!isBroken) return isHeard ? line(level, path, status) : Effect.void
      return Effect.zipRight(Effect.logError("internal error", exit.cause), line(level, path, status))
    }
    return { notes, write }
  }

/** For a server that sends inside this effect: includes the time it takes. */
export const middleware =
  (options: AccessLogOptions) =>
  <E, R>(
    app: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>
  ): Effect.Effect<HttpServerResponse.HttpServerResponse, E, R | HttpServerRequest.HttpServerRequest> =>
    Effect.withFiberRuntime((fiber) => {
      const { notes, write } = begin(options)(fiber)
      return Effect.onExit(RequestLog.provide(notes)(app), write)
    })

/** For an app that sends the response itself: logs when the request's scope closes, which is after sending. */
export const scoped =
  (options: AccessLogOptions) =>
  <E, R>(
    app: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>
  ): Effect.Effect<HttpServerResponse.HttpServerResponse, E, R | Scope.Scope | HttpServerRequest.HttpServerRequest> =>
    Effect.withFiberRuntime((fiber) => {
      const { notes, write } = begin(options)(fiber)
      let answered: Exit.Exit<HttpServerResponse.HttpServerResponse, unknown> | undefined
      const ended = (sent: Exit.Exit<unknown, unknown>) =>
        answered === undefined || (Exit.isSuccess(answered) && Exit.isFailure(sent))
          ? Exit.as(sent, HttpServerResponse.empty())
          : answered
      return Effect.zipRight(
        Effect.addFinalizer((sent) => write(ended(sent))),
        Effect.onExit(RequestLog.provide(notes)(app), (exit) =>
          Effect.sync(() => {
            answered = exit
          })
        )
      )
    })

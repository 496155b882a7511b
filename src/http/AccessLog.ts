/**
 * One line per request, at its true end: for a stream, when its last byte was handed over.
 */
import * as HttpServerError from "@effect/platform/HttpServerError"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Cause, Effect, Exit, LogLevel, type Scope } from "effect"
import * as Metrics from "../Metrics.ts"
import * as RequestNotes from "./RequestNotes.ts"

const probes = new Set(["/", "/healthz", "/readyz", "/metrics"])

/** Without the query: keys end up there. */
export const pathOf = (url: string): string => url.replace(/[?#].*$/s, "").slice(0, 200)

const statusOf = (exit: Exit.Exit<HttpServerResponse.HttpServerResponse, unknown>): number =>
  Exit.isSuccess(exit) ? exit.value.status : HttpServerError.exitResponse(exit).status

/** Closed set: a method may be any word. */
const METHODS = new Set(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])

/** Figures of the chat that answered. */
const chatFields = ({ run }: RequestNotes.RequestNotes) => {
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

/** What is noted of a request, and its line. */
const begin = (patternOf: (url: string) => string) =>
  Effect.gen(function* () {
    const { method, url } = yield* HttpServerRequest.HttpServerRequest
    const clock = yield* Effect.clock
    const now = () => Number(clock.unsafeCurrentTimeNanos()) / 1e6
    const began = now()
    const notes: RequestNotes.RequestNotes = { route: patternOf(url), run: undefined }
    const write = Effect.fnUntraced(function* (exit: Exit.Exit<HttpServerResponse.HttpServerResponse, unknown>) {
      const path = pathOf(url)
      const status = statusOf(exit)
      const isBroken = Exit.isFailure(exit) && !Cause.isInterrupted(exit.cause)
      if (isBroken) yield* Effect.logError("request broken", exit.cause)
      const verb = METHODS.has(method) ? method : "other"
      Metrics.mark(Metrics.httpRequests, 1, { route: notes.route, method: verb, status: String(status) })
      const chat = notes.route.startsWith("/v1/") && method === "POST"
      yield* Effect.logWithLevel(probes.has(path) ? LogLevel.Debug : LogLevel.Info, "request").pipe(
        Effect.annotateLogs({
          method,
          path,
          route: notes.route,
          status,
          ms: Math.round(now() - began),
          ...(chat ? { outcome: RequestNotes.outcomeOf(notes, status) } : {}),
          ...chatFields(notes)
        })
      )
    })
    return { notes, write }
  })

/** Around the sending too. */
export const middleware =
  (patternOf: (url: string) => string) =>
  <E, R>(
    app: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>
  ): Effect.Effect<HttpServerResponse.HttpServerResponse, E, R | HttpServerRequest.HttpServerRequest> =>
    Effect.flatMap(begin(patternOf), ({ notes, write }) => Effect.onExit(RequestNotes.provide(notes)(app), write))

/** Where somebody else sends: written when the request's scope closes, which is after that. */
export const scoped =
  (patternOf: (url: string) => string) =>
  <E, R>(
    app: Effect.Effect<HttpServerResponse.HttpServerResponse, E, R>
  ): Effect.Effect<HttpServerResponse.HttpServerResponse, E, R | Scope.Scope | HttpServerRequest.HttpServerRequest> =>
    Effect.flatMap(begin(patternOf), ({ notes, write }) => {
      let answered: Exit.Exit<HttpServerResponse.HttpServerResponse, unknown> | undefined
      const ended = (sent: Exit.Exit<unknown, unknown>) =>
        answered === undefined || (Exit.isSuccess(answered) && Exit.isFailure(sent))
          ? Exit.as(sent, HttpServerResponse.empty())
          : answered
      return Effect.zipRight(
        Effect.addFinalizer((sent) => write(ended(sent))),
        Effect.onExit(RequestNotes.provide(notes)(app), (exit) =>
          Effect.sync(() => {
            answered = exit
          })
        )
      )
    })

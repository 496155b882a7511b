/**
 * Errors in Anthropic's shape.
 *
 * 529 is used for too many concurrent requests only. Whatever needs an operator or some time is a 503, which clients
 * retry less often.
 */
import * as HttpApiSchema from "@effect/platform/HttpApiSchema"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Data, Match, Schema } from "effect"
import { type ChatError, codePrefix, providerOf } from "../../../domain/ChatError.ts"
import type { ParamRefused } from "../../chat/FieldSupport.ts"
import type { ImageRefused } from "../../chat/Images.ts"
import type { Issue, Kind, Rule } from "../../chat/SchemaIssue.ts"
import type { DocumentRefused } from "../../chat/sources/Documents.ts"
import * as DeclaredErrors from "../../edge/DeclaredErrors.ts"
import { isRefusal, keyText, limitText as limitReached, type Refusal } from "../../edge/EdgeError.ts"
import * as Decompression from "../../server/Decompression.ts"
import { callerRefused, secondsUntil } from "../openai/OpenAiErrors.ts"
import * as Places from "./request/Places.ts"

const Type = Schema.Literal(
  "invalid_request_error",
  "authentication_error",
  "permission_error",
  "not_found_error",
  "request_too_large",
  "rate_limit_error",
  "api_error",
  "timeout_error",
  "overloaded_error"
)

export const ErrorBody = Schema.Struct({
  type: Schema.Literal("error"),
  error: Schema.Struct({ type: Type, message: Schema.String }),
  request_id: Schema.NullOr(Schema.String)
}).annotations({ identifier: "AnthropicError" })

/** A failure with its final text; the request id is added when it is sent. */
export class Failure extends Data.TaggedError("AnthropicFailure")<{
  readonly status: number
  readonly type: typeof Type.Type
  readonly message: string
  readonly headers: Readonly<Record<string, string>>
  readonly requestId?: string
}> {}

const bodyOf = ({ message, type }: Failure, requestId: string | undefined): typeof ErrorBody.Type => ({
  type: "error",
  error: { type, message },
  request_id: requestId ?? null
})

/** The declared error of one status. All bodies have the same shape, so the status is part of the type. */
export const withStatus = (status: number) =>
  Schema.transform(
    ErrorBody,
    Schema.declare((input): input is Failure => input instanceof Failure && input.status === status),
    {
      strict: true,
      decode: ({ error }) => new Failure({ status, ...error, headers: {} }),
      encode: (failure) => bodyOf(failure, failure.requestId)
    }
  ).annotations(HttpApiSchema.annotations({ status }))

export const withStatuses = DeclaredErrors.union(withStatus)

export const failure = (
  status: number,
  type: Failure["type"],
  message: string,
  headers: Failure["headers"] = {}
): Failure => new Failure({ status, type, message, headers })

export const badRequest = (message: string): Failure => failure(400, "invalid_request_error", message)

export const fromImage = ({ message, param }: ImageRefused | DocumentRefused): Failure =>
  badRequest(`${param}: ${message}`)

export const fromParam = ({ param }: ParamRefused): Failure =>
  badRequest(`${param}: it has no effect here, and fields without one are refused.`)

export const named = ({ headers, message, status, type }: Failure, requestId: string): Failure =>
  new Failure({ status, type, message, headers, requestId })

const retryAfter = (seconds: number): Failure["headers"] => ({
  "retry-after": String(seconds),
  "retry-after-ms": String(seconds * 1000)
})
const noRetry = { "x-should-retry": "false" }

/** The same request would be refused again. */
const final = ({ headers, message, status, type }: Failure): Failure =>
  failure(status, type, message, { ...headers, ...noRetry })

const unavailable = (message: string, headers: Failure["headers"]) => failure(503, "api_error", message, headers)

// A plausible model name is repeated, to help with typos; anything else is not sent back.
const PLAIN = /^[\w .:/@+-]{1,128}$/

export const modelNotFound = (model: string, near: ReadonlyArray<string> = []): Failure => {
  const name = PLAIN.test(model) ? `model: ${model}` : "model"
  const hint = near.length === 0 ? "" : ` (did you mean ${near.map((other) => `'${other}'`).join(" or ")}?)`
  return failure(404, "not_found_error", `${name}${hint}`)
}

/** Exhaustive: a new `ChatError` does not compile until it has a text here. */
export const fromChatError = Match.type<ChatError>().pipe(
  Match.tagsExhaustive({
    Overloaded: (error) =>
      failure(
        529,
        "overloaded_error",
        error.reason === "bodies"
          ? "Request bodies take too much memory at the moment, please retry later"
          : "Too many in-flight requests, please retry later",
        retryAfter(error.retryAfter)
      ),
    QuotaExhausted: (error) =>
      failure(429, "rate_limit_error", `The quota of this ${providerOf(error)} account is used up`, {
        ...retryAfter(secondsUntil(error.until)),
        ...noRetry
      }),
    Throttled: (error) =>
      failure(
        429,
        "rate_limit_error",
        `${providerOf(error)} takes no more requests of this account for the moment. Please try again in ${error.retryAfter}s.`,
        retryAfter(error.retryAfter)
      ),
    // Before any answer, `Exchange` turns this into a message with `stop_reason: refusal`.
    ContentFiltered: (error) => final(badRequest(`The content filter of ${providerOf(error)} refused this request.`)),
    TooManyImages: (error) =>
      final(badRequest(`messages: There are more images in this request than ${providerOf(error)} takes.`)),
    ShuttingDown: () => unavailable("The gateway is shutting down", { ...retryAfter(1), connection: "close" }),
    ChatStopped: () => final(failure(403, "permission_error", "This request was stopped by an administrator")),
    NotLoggedIn: (error) =>
      unavailable(`${providerOf(error)} not logged in`, {
        ...retryAfter(error.retriable ? 5 : 60),
        ...(error.retriable ? {} : noRetry)
      }),
    LoginInProgress: (error) => unavailable(`${providerOf(error)} is being signed in`, retryAfter(5)),
    LoginFailed: (error) => unavailable(`${providerOf(error)} auto login failed`, retryAfter(30)),
    Shed: ({ retryAfter: seconds }) =>
      unavailable("The gateway is overloaded, please retry later", retryAfter(seconds)),
    BackendUnavailable: (error) => unavailable(`${providerOf(error)} is not ready`, retryAfter(2)),
    BackendFailure: (error) =>
      failure(
        502,
        "api_error",
        `upstream ${providerOf(error).toLowerCase()} error${error.code === undefined ? "" : ` (${codePrefix(error)}_${error.code})`}`,
        error.isFinal === true ? noRetry : {}
      ),
    UpstreamTimeout: (error) => failure(504, "timeout_error", `${providerOf(error)} gave no answer in time`),
    ModelNotFound: (error) => modelNotFound(error.model, error.near),
    ToolCallBroken: () => failure(502, "api_error", "The model broke off in a tool call"),
    ToolCallNotProduced: () => failure(502, "api_error", "The model called no tool, although it had to"),
    EmptyAnswer: () => failure(502, "api_error", "The model gave an empty answer"),
    InvalidJsonOutput: () => failure(502, "api_error", "The model's answer does not fit the output format"),
    ImagesNotSupported: ({ model, param = "model" }) =>
      badRequest(`${param}: '${model}' does not take images. Choose one that does, or leave the images out.`),
    // Claude Code recognizes this text and compacts the conversation.
    ContextLengthExceeded: ({ limit, promptTokens }) =>
      final(badRequest(`prompt is too long: ${promptTokens} tokens > ${limit} maximum`))
  })
)

const NOT_JSON = "The request body is not valid JSON"

const bodyRefused = {
  too_large: failure(413, "request_too_large", "Request exceeds the maximum size", { connection: "close" }),
  media_type: failure(415, "invalid_request_error", "The request body must be application/json"),
  encoding: failure(
    415,
    "invalid_request_error",
    `The content-encoding of the request body is none of ${Decompression.encodings.join(", ")}`,
    { "accept-encoding": Decompression.encodings.join(", ") }
  ),
  malformed: badRequest(NOT_JSON),
  too_many_values: badRequest("The request body holds too many values"),
  too_many_pieces: badRequest("The request body came in too many small pieces")
}

const unparsed = {
  malformed: badRequest("The request could not be read as HTTP"),
  timeout: failure(408, "timeout_error", "The request did not arrive in time"),
  headers_too_large: failure(431, "invalid_request_error", "The request headers are too large"),
  url_too_long: failure(414, "invalid_request_error", "The request URL is too long"),
  expectation: failure(417, "invalid_request_error", "Nothing but 100-continue can be expected"),
  upgrade: badRequest("Upgrades are not supported"),
  no_websocket: badRequest("Upgrades are not supported")
}

const hint = (meant: string | undefined) =>
  meant === undefined ? "" : `. It is at ${meant.slice(0, 200)}: check the base URL.`

export const fromRefusal = Match.type<Refusal>().pipe(
  Match.tagsExhaustive({
    RouteRefused: ({ allow, meant, method, path }) =>
      allow.length === 0
        ? failure(404, "not_found_error", `Not found: ${method} ${path.slice(0, 200)}${hint(meant)}`)
        : failure(405, "invalid_request_error", `Method Not Allowed: ${method} ${path}`, { allow: allow.join(", ") }),
    KeyRefused: ({ reason }) =>
      reason === "missing"
        ? failure(401, "authentication_error", "Send an API key as x-api-key or as Authorization: Bearer")
        : failure(401, "authentication_error", reason === "wrong" ? "invalid x-api-key" : keyText[reason]),
    LimitReached: (reached) => failure(429, "rate_limit_error", limitReached(reached), retryAfter(reached.retryAfter)),
    ModelNotAllowed: ({ model }) =>
      failure(
        403,
        "permission_error",
        `This API key may not use ${PLAIN.test(model) ? `model: ${model}` : "this model"}`
      ),
    CallerRefused: ({ reason }) => failure(403, "permission_error", callerRefused[reason]),
    BodyRefused: ({ reason }) => bodyRefused[reason],
    Broken: () => failure(500, "api_error", "Internal error"),
    Unparsed: ({ reason }) => unparsed[reason]
  })
)

const article = (kind: Kind) => (/^[aeio]/.test(kind) ? `an ${kind}` : kind === "null" ? "null" : `a ${kind}`)

const limitText: Record<Rule, (limit: number | string) => string> = {
  minimum: (limit) => `must be at least ${limit}`,
  maximum: (limit) => `must be at most ${limit}`,
  minLength: (limit) => `must have at least ${limit} character${limit === 1 ? "" : "s"}`,
  maxLength: (limit) => `must have at most ${limit} characters`,
  minItems: (limit) => `must hold at least ${limit} item${limit === 1 ? "" : "s"}`,
  maxProperties: (limit) => `must have at most ${limit} keys`,
  maxNameLength: (limit) => `must have keys of at most ${limit} characters`,
  maxItems: (limit) => `must hold at most ${limit} items`,
  pattern: (limit) => `must match the pattern '${limit}'`
}

const complaint = (issue: Issue): string => {
  switch (issue._tag) {
    case "Missing":
      return "Field required"
    case "WrongKind":
      return issue.expected.length === 0
        ? "This value is not taken here"
        : `Input should be ${issue.expected.map(article).join(" or ")}, not ${article(issue.actual)}`
    case "NotAmong":
      return `Input should be ${issue.supported.map((name) => `'${name}'`).join(" or ")}`
    case "Limit":
      return limitText[issue.rule](issue.limit)
  }
}

/** The error for a body that does not match the schema. */
export const fromIssue = (issue: Issue, body: unknown): Failure => {
  const where = Places.inBody(issue.path, body)
  return where === "" && issue._tag === "WrongKind" ? badRequest(NOT_JSON) : badRequest(`${where}: ${complaint(issue)}`)
}

export type Problem = Failure | Refusal | ChatError

const isFailure = (problem: Problem): problem is Failure => problem._tag === "AnthropicFailure"

const toFailure = (problem: Problem): Failure =>
  isFailure(problem) ? problem : isRefusal(problem) ? fromRefusal(problem) : fromChatError(problem)

export const respond = (problem: Problem, requestId: string): HttpServerResponse.HttpServerResponse => {
  const failure = toFailure(problem)
  const { headers, status } = failure
  return HttpServerResponse.unsafeJson(bodyOf(failure, requestId), { status, headers })
}

/** The last event of a stream that breaks after its first byte. */
export const frame = (problem: Problem, requestId: string): string =>
  `event: error\ndata: ${JSON.stringify(bodyOf(toFailure(problem), requestId))}\n\n`

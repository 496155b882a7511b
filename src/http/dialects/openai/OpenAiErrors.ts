/**
 * Errors in OpenAI's shape, also for paths without a dialect.
 */
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Match } from "effect"
import { type ChatError, codePrefix, providerOf } from "../../../domain/ChatError.ts"
import type { ParamRefused } from "../../chat/FieldSupport.ts"
import type { ImageRefused } from "../../chat/Images.ts"
import { isRefusal, keyText, limitText, type Refusal } from "../../edge/EdgeError.ts"
import * as Decompression from "../../server/Decompression.ts"
import { badRequest, Failure, failure, NO_MESSAGES, NOT_JSON, unsupported } from "./OpenAiFailure.ts"

export { ErrorBody, Failure, unsupported, withStatus, withStatuses } from "./OpenAiFailure.ts"
export { fromIssue } from "./OpenAiIssues.ts"

export const fromImage = ({ message, param }: ImageRefused): Failure => unsupported(param, message)

export const fromParam = ({ known, param }: ParamRefused): Failure =>
  known
    ? badRequest(`'${param}' has no effect here, and fields without one are refused.`, param, "unsupported_parameter")
    : badRequest(`Unknown parameter: '${param}'.`, param, "unknown_parameter")

/** Fields that are valid alone but not together. */
export const invalid = (param: string, message: string, code = "invalid_value"): Failure =>
  badRequest(message, param, code)

export const choiceWithoutTools = (choice: string, tools: string): Failure =>
  invalid(choice, `'${choice}' is only allowed when '${tools}' are specified.`)

export const notParameters = (param: string, why = 'its type must be "object"'): Failure =>
  invalid(param, `Invalid schema for '${param}': ${why}.`, "invalid_function_parameters")

export const notSchema = (param: string, why: string): Failure =>
  invalid(param, `Invalid schema for '${param}': ${why}.`, "invalid_json_schema")

export const emptyMessages = badRequest(NO_MESSAGES, "messages", "invalid_value")

export const streamOptionsAlone = badRequest(
  "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
  "stream_options",
  "invalid_value"
)

const retryAfter = (seconds: number): Failure["headers"] => ({
  "retry-after": String(seconds),
  "retry-after-ms": String(seconds * 1000)
})
const noRetry = { "x-should-retry": "false" }

/** Tells OpenAI's SDKs not to retry: the same request would be refused again. */
const final = (failure: Failure): Failure => new Failure({ ...failure, headers: { ...failure.headers, ...noRetry } })

/** Seconds until the quota returns; 60 if unknown. */
export const secondsUntil = (until: number | undefined): number =>
  until === undefined ? 60 : Math.max(1, Math.ceil((until - Date.now()) / 1000))

const unavailable = (message: string, code: string, headers: Failure["headers"]) =>
  failure(503, message, { type: "service_unavailable", code }, headers)

// A plausible model name is repeated to help with typos; anything else is not echoed.
const PLAIN = /^[\w .:/@+-]{1,128}$/

const nameOf = (model: string) => (PLAIN.test(model) ? `model '${model}'` : "model")

const notFound = (model: string, near: ReadonlyArray<string>) => {
  const hint = near.length === 0 ? "" : ` Did you mean ${near.map((other) => `'${other}'`).join(" or ")}?`
  return failure(404, `The ${nameOf(model)} does not exist.${hint}`, { param: "model", code: "model_not_found" })
}

/** Exhaustive: a new `ChatError` does not compile until it has a message here. */
export const fromChatError = Match.type<ChatError>().pipe(
  Match.tagsExhaustive({
    Overloaded: (error) =>
      failure(
        429,
        error.reason === "bodies"
          ? "Request bodies take too much memory at the moment, please retry later"
          : "Too many in-flight requests, please retry later",
        { type: "rate_limit_error", code: "backpressure" },
        retryAfter(error.retryAfter)
      ),
    QuotaExhausted: (error) =>
      failure(
        429,
        `The quota of this ${providerOf(error)} account is used up`,
        { type: "insufficient_quota", code: "insufficient_quota" },
        { ...retryAfter(secondsUntil(error.until)), ...noRetry }
      ),
    Throttled: (error) =>
      failure(
        429,
        `${providerOf(error)} takes no more requests of this account for the moment. Please try again in ${error.retryAfter}s.`,
        { type: "rate_limit_error", code: "rate_limit_exceeded" },
        retryAfter(error.retryAfter)
      ),
    ContentFiltered: (error) =>
      final(
        badRequest(`The content filter of ${providerOf(error)} refused this request.`, "messages", "content_filter")
      ),
    TooManyImages: (error) =>
      final(
        badRequest(
          `There are more images in this request than ${providerOf(error)} takes.`,
          "messages",
          "too_many_images"
        )
      ),
    ShuttingDown: () =>
      unavailable("The gateway is shutting down", "shutting_down", { ...retryAfter(1), connection: "close" }),
    // Not to be tried again, as clients do with statuses of servers.
    ChatStopped: () =>
      final(
        failure(403, "This request was stopped by an administrator", { type: "permission_error", code: "chat_stopped" })
      ),
    NotLoggedIn: (error) =>
      unavailable(`${providerOf(error)} not logged in`, "not_logged_in", {
        ...retryAfter(error.retriable ? 5 : 60),
        ...(error.retriable ? {} : noRetry)
      }),
    LoginInProgress: (error) =>
      unavailable(`${providerOf(error)} is being signed in`, "login_in_progress", retryAfter(5)),
    LoginFailed: (error) => unavailable(`${providerOf(error)} auto login failed`, "login_failed", retryAfter(30)),
    Shed: ({ retryAfter: seconds }) =>
      unavailable("The gateway is overloaded, please retry later", "overloaded", retryAfter(seconds)),
    BackendUnavailable: (error) =>
      unavailable(`${providerOf(error)} is not ready`, "upstream_not_ready", retryAfter(2)),
    BackendFailure: (error) =>
      failure(
        502,
        `upstream ${providerOf(error).toLowerCase()} error`,
        {
          type: "upstream_error",
          code: error.code === undefined ? "upstream_error" : `${codePrefix(error)}_${error.code}`
        },
        error.isFinal === true ? noRetry : {}
      ),
    UpstreamTimeout: (error) =>
      failure(504, `${providerOf(error)} gave no answer in time`, { type: "timeout_error", code: "upstream_timeout" }),
    ModelNotFound: (error) => notFound(error.model, error.near),
    ToolCallBroken: () =>
      failure(502, "The model broke off in a tool call", { type: "upstream_error", code: "tool_call_broken" }),
    ToolCallNotProduced: () =>
      failure(502, "The model called no tool, although it had to", {
        type: "upstream_error",
        code: "tool_call_not_produced"
      }),
    EmptyAnswer: () => failure(502, "The model gave an empty answer", { type: "upstream_error", code: "empty_answer" }),
    InvalidJsonOutput: () =>
      failure(502, "The model's answer does not fit the response format", {
        type: "upstream_error",
        code: "invalid_json_output"
      }),
    ImagesNotSupported: ({ model }) =>
      unsupported("model", `The model '${model}' does not take images. Choose one that does, or leave the images out.`),
    ContextLengthExceeded: ({ limit, promptTokens }) =>
      final(
        badRequest(
          `This model's maximum context length is ${limit} tokens. However, your messages resulted in ${promptTokens} tokens. Please reduce the length of the messages.`,
          "messages",
          "context_length_exceeded"
        )
      )
  })
)

export const instanceNotFound = (name: string): Failure =>
  failure(404, PLAIN.test(name) ? `instance not found: ${name}` : "instance not found", {
    param: "instance",
    code: "instance_not_found"
  })

const ofKeys = {
  invalid: [400, "invalid_value"],
  exists: [409, "key_exists"],
  owned: [409, "key_named_elsewhere"],
  not_found: [404, "key_not_found"]
} as const

/** What an administrator wanted of a key, and cannot be. */
export const keyProblem = (reason: keyof typeof ofKeys, param: string, message: string): Failure => {
  const [status, code] = ofKeys[reason]
  return failure(status, message, { param, code })
}

export const noDatabase: Failure = unavailable(
  "The database of the keys cannot be used at the moment",
  "database_unavailable",
  retryAfter(5)
)

export const loginNotBegun: Failure = failure(502, "generate login url failed", {
  type: "upstream_error",
  code: "login_failed"
})

export const loginNotTaken = (provider: string, detail: string): Failure =>
  failure(502, `${provider} login failed: ${detail}`, { type: "upstream_error", code: "login_failed" })

export const modelNotFound = (model: string): Failure => notFound(model, [])

export const ollamaOff: Failure = failure(
  404,
  "Unknown request URL: OLLAMA_DISCOVERY=true lets this gateway answer clients that look for an Ollama server",
  { code: "unknown_url" }
)

const NO_KEY =
  "You didn't provide an API key. Send it in the Authorization header, as in 'Authorization: Bearer YOUR_KEY'."

const bodyRefused = {
  too_large: failure(413, "The request body is too large", { code: "request_too_large" }, { connection: "close" }),
  media_type: failure(415, "The request body must be application/json", { code: "unsupported_media_type" }),
  encoding: failure(
    415,
    `The content-encoding of the request body is none of ${Decompression.encodings.join(", ")}`,
    { code: "unsupported_media_type" },
    { "accept-encoding": Decompression.encodings.join(", ") }
  ),
  malformed: badRequest(NOT_JSON, null, null),
  too_many_values: badRequest("The JSON body holds too many values", null, "request_too_complex"),
  too_many_pieces: badRequest("The request body came in too many small pieces", null, "request_too_fragmented")
}

const unparsed = {
  malformed: badRequest("The request could not be read as HTTP", null, null),
  timeout: failure(408, "The request did not arrive in time", { type: "timeout_error", code: "request_timeout" }),
  headers_too_large: failure(431, "The request headers are too large", { code: "request_headers_too_large" }),
  url_too_long: failure(414, "The request URL is too long", { code: "request_url_too_long" }),
  expectation: failure(417, "Nothing but 100-continue can be expected", { code: "expectation_not_supported" }),
  upgrade: badRequest("Upgrades are not supported", null, "upgrade_not_supported"),
  // Codex tries a WebSocket first, and falls back to HTTP only at this status.
  no_websocket: failure(
    426,
    "Responses are served over HTTP only: POST /v1/responses",
    { code: "websocket_not_supported" },
    { upgrade: "HTTP/1.1" }
  )
}

/** Names the setting that allows the host, for the operator. */
export const callerRefused = {
  host: "This host may not call this server: name it in GATEWAY_ALLOWED_HOSTS, or set API_KEYS",
  origin: "This origin may not call this server: name it in GATEWAY_CORS_ORIGINS"
}

const hint = (meant: string | undefined) =>
  meant === undefined ? "" : `. It is at ${meant.slice(0, 200)}: check the base URL.`

export const fromRefusal = Match.type<Refusal>().pipe(
  Match.tagsExhaustive({
    RouteRefused: ({ allow, meant, method, path }) =>
      allow.length === 0
        ? failure(404, `Unknown request URL: ${method} ${path.slice(0, 200)}${hint(meant)}`, { code: "unknown_url" })
        : failure(
            405,
            `Not allowed to ${method} on ${path}.`,
            { code: "method_not_supported" },
            { allow: allow.join(", ") }
          ),
    KeyRefused: ({ reason }) =>
      reason === "missing"
        ? failure(401, NO_KEY, {})
        : failure(401, reason === "wrong" ? "Incorrect API key provided." : keyText[reason], {
            code: "invalid_api_key"
          }),
    LimitReached: (reached) =>
      failure(
        429,
        limitText(reached),
        { type: "rate_limit_error", code: "rate_limit_exceeded" },
        retryAfter(reached.retryAfter)
      ),
    ModelNotAllowed: ({ model }) =>
      failure(403, `This API key may not use ${nameOf(model)}.`, {
        type: "permission_error",
        param: "model",
        code: "model_not_allowed"
      }),
    CallerRefused: ({ reason }) =>
      failure(403, callerRefused[reason], {
        type: "permission_error",
        code: `${reason}_not_allowed`
      }),
    BodyRefused: ({ reason }) => bodyRefused[reason],
    Broken: () => failure(500, "Internal error", { type: "server_error", code: "internal_error" }),
    Unparsed: ({ reason }) => unparsed[reason]
  })
)

export const fromProblem = (problem: Refusal | ChatError): Failure =>
  isRefusal(problem) ? fromRefusal(problem) : fromChatError(problem)

export const respond = (error: Failure | ChatError): HttpServerResponse.HttpServerResponse => {
  const { body, headers, status } = error._tag === "OpenAiFailure" ? error : fromChatError(error)
  return HttpServerResponse.unsafeJson(body, { status, headers })
}

/** Last event of a stream that breaks after its first byte; no `[DONE]` follows. */
export const frame = ({ body }: Failure): string => `data: ${JSON.stringify(body)}\n\n`

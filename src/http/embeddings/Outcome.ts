/**
 * What a client is told of an answer of the upstream: the answer itself, or its failure in OpenAI's shape. Pure.
 *
 * What is wrong with the request is told in the upstream's words; everything else in our own, since it is the
 * operator's matter: the upstream's 401 says that the gateway's key is wrong, not the client's.
 */
import { Either } from "effect"
import * as Redact from "../../domain/Redact.ts"
import * as Errors from "../dialects/openai/OpenAiErrors.ts"
import type { Answer, UpstreamBroken } from "./Upstream.ts"

/** An error body that is longer is no error body. */
const MAX_ERROR_BODY = 64 * 1024
const PLAIN = /^[\w.[\]-]{1,64}$/

interface Told {
  readonly message: string
  readonly param: string | null
  readonly code: string | null
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const plain = (value: unknown) => (typeof value === "string" && PLAIN.test(value) ? value : null)

/** `{"error":{"message":…}}`, or `error`, `message` or `detail` as a text, as other servers write it. */
const toldBy = ({ bytes, isJson }: Answer, secret: string | undefined): Told | undefined => {
  if (!isJson || bytes.length > MAX_ERROR_BODY) return undefined
  let body: unknown
  try {
    body = JSON.parse(new TextDecoder().decode(bytes))
  } catch {
    return undefined
  }
  if (!isRecord(body)) return undefined
  const error = isRecord(body["error"])
    ? body["error"]
    : { message: body["error"] ?? body["message"] ?? body["detail"] }
  const { code, message, param } = error as Readonly<Record<string, unknown>>
  if (typeof message !== "string" || message === "") return undefined
  const shown = secret === undefined ? message : message.replaceAll(secret, "…")
  return { message: Redact.redact(shown), param: plain(param), code: plain(code) }
}

type Headers = Readonly<Record<string, string>>

const failure = (
  status: number,
  message: string,
  {
    code = null,
    param = null,
    type = "upstream_error"
  }: { code?: string | null; param?: string | null; type?: string },
  headers: Headers = {}
) => new Errors.Failure({ status, body: { error: { message, type, param, code } }, headers })

const retry = (seconds = 1): Headers => ({ "retry-after": String(seconds), "retry-after-ms": String(seconds * 1000) })
const noRetry = { "x-should-retry": "false" }

export const notSupported = failure(
  501,
  "Embeddings are not supported by this gateway: EMBEDDINGS_URL names an API that serves them",
  { type: "not_supported", code: "not_supported" },
  noRetry
)

const broken = failure(502, "The embeddings API gave no usable answer", { code: "upstream_error" })
const late = failure(504, "The embeddings API gave no answer in time", {
  type: "timeout_error",
  code: "upstream_timeout"
})

/** Undefined: memory for its answer was refused, which is told as for any body. */
export const fromBroken = ({ kind }: UpstreamBroken): Errors.Failure | undefined =>
  kind === "not_reserved"
    ? undefined
    : kind === "timeout"
      ? late
      : kind === "too_large"
        ? failure(
            502,
            "The answer of the embeddings API is too large: send fewer inputs",
            { code: "answer_too_large" },
            noRetry
          )
        : failure(502, "The embeddings API could not be reached", { code: "upstream_unreachable" })

/** The bytes to pass on. `secret`: the key, which is shown to nobody even if the upstream repeats it. */
export const fromAnswer = (answer: Answer, secret: string | undefined): Either.Either<Uint8Array, Errors.Failure> => {
  const { isJson, retryAfter, status } = answer
  if (status === 200) return isJson ? Either.right(answer.bytes) : Either.left(broken)
  const told = toldBy(answer, secret)
  const type = "invalid_request_error"
  if (status === 400 || status === 422) {
    return Either.left(failure(400, told?.message ?? "The embeddings API refused the request", { ...told, type }))
  }
  // Without words of its own it is not the model that was not found, but the path: EMBEDDINGS_URL is wrong.
  if (status === 404 && told !== undefined) {
    return Either.left(failure(404, told.message, { param: "model", code: "model_not_found", type }))
  }
  if (status === 413) {
    return Either.left(failure(413, told?.message ?? "The input is too large", { code: "request_too_large", type }))
  }
  if (status === 429) {
    const isSpent = told?.code === "insufficient_quota"
    return Either.left(
      isSpent
        ? failure(
            429,
            "The quota of the embeddings API is used up",
            { type: told.code ?? "", code: told.code },
            {
              ...retry(retryAfter ?? 60),
              ...noRetry
            }
          )
        : failure(
            429,
            "The embeddings API takes no more requests for the moment",
            {
              type: "rate_limit_error",
              code: "rate_limit_exceeded"
            },
            retry(retryAfter)
          )
    )
  }
  if (status === 401 || status === 403) {
    return Either.left(
      failure(502, "The embeddings API refused the gateway's key", { code: "upstream_unauthorized" }, noRetry)
    )
  }
  if (status === 408 || status === 504) return Either.left(late)
  if (status === 503) {
    return Either.left(
      failure(
        503,
        "The embeddings API is not available",
        { type: "service_unavailable", code: "upstream_not_ready" },
        retry(retryAfter)
      )
    )
  }
  return Either.left(broken)
}

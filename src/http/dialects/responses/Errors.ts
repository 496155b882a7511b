/**
 * Errors of `/v1/responses`: in OpenAI's shape before the response has begun, and in the response object after that.
 */
import type * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import type { ChatError } from "../../../domain/ChatError.ts"
import { format, type Path } from "../../chat/SchemaIssue.ts"
import type { Refusal } from "../../edge/EdgeError.ts"
import * as OpenAi from "../openai/OpenAiErrors.ts"

export type Failure = OpenAi.Failure
export {
  fromImage,
  fromIssue,
  fromParam,
  streamOptionsAlone,
  unsupported,
  withStatus,
  withStatuses
} from "../openai/OpenAiErrors.ts"

export const noInput = OpenAi.invalid("input", "Missing required parameter: 'input'.", "missing_required_parameter")

export const emptyInput = OpenAi.invalid("input", "input is empty")

/** The same error if there never was such a response, it was deleted, or it belongs to another caller. */
const notFound = (param: string, code: string, message: string): Failure =>
  new OpenAi.Failure({
    status: 404,
    body: { error: { message, type: "invalid_request_error", param, code } },
    headers: {}
  })

export const previousNotFound = notFound(
  "previous_response_id",
  "previous_response_not_found",
  "The previous response is not held here: send its input and output again."
)

export const notHeld = notFound("response_id", "response_not_found", "No such response is held here.")

export const conversationNotHeld = (param: string): Failure =>
  notFound(param, "conversation_not_found", "No such conversation is held here.")

export const notKept = OpenAi.invalid(
  "items",
  "The conversation cannot be kept here: it is too large, or RESPONSES_STORE is 0."
)

export const unknownItem = (path: Path): Failure => {
  const param = format([...path, "type"])
  return OpenAi.unsupported(param, `Items of this type are not known here: '${param}'.`)
}

export const wrongLimit = (most: number): Failure =>
  OpenAi.invalid("limit", `Invalid 'limit': expected an integer from 1 to ${most}.`)

export const conversationBeside = OpenAi.invalid(
  "previous_response_id",
  "'previous_response_id' is not allowed beside 'conversation'."
)

export const itemNotHeld = (param: string): Failure =>
  notFound(param, "item_not_found", "No such item is held here: send it whole, as with 'store': false.")

export const strayResult = (path: Path): Failure =>
  OpenAi.invalid(format(path), "No tool call was found for this output: the conversation has none of its 'call_id'.")

export const missingCallId = (path: Path): Failure => OpenAi.fromIssue({ _tag: "Missing", path: [...path, "call_id"] })

export const foreignCompaction = (param: string): Failure =>
  OpenAi.invalid(param, "This summary was not made here, and cannot be read: send the conversation itself.")

const fromProblem = (error: ChatError | Refusal): Failure => {
  const failure = OpenAi.fromProblem(error)
  if (error._tag !== "ContextLengthExceeded") return failure
  return new OpenAi.Failure({ ...failure, body: { error: { ...failure.body.error, param: "input" } } })
}

export const respond = (error: Failure | ChatError | Refusal): HttpServerResponse.HttpServerResponse =>
  OpenAi.respond(error._tag === "OpenAiFailure" ? error : fromProblem(error))

export interface ResponseError {
  readonly code: string
  readonly message: string
}

/** Agents recognize `rate_limit_exceeded` with "try again in", `insufficient_quota` and `context_length_exceeded`. */
export const inResponse = (error: ChatError | Refusal): ResponseError => {
  const { code, message, type } = fromProblem(error).body.error
  return error._tag === "Overloaded"
    ? { code: "rate_limit_exceeded", message: `${message}. Please try again in ${error.retryAfter}s.` }
    : { code: code ?? type, message }
}

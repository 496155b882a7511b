/**
 * An error response in OpenAI's shape.
 */
import * as HttpApiSchema from "@effect/platform/HttpApiSchema"
import { Data, Schema } from "effect"
import * as DeclaredErrors from "../../edge/DeclaredErrors.ts"

export const ErrorBody = Schema.Struct({
  error: Schema.Struct({
    message: Schema.String,
    type: Schema.String,
    param: Schema.NullOr(Schema.String),
    code: Schema.NullOr(Schema.String)
  })
}).annotations({ identifier: "Error" })
export type ErrorBody = typeof ErrorBody.Type

/** An error with its final message. */
export class Failure extends Data.TaggedError("OpenAiFailure")<{
  readonly status: number
  readonly body: ErrorBody
  readonly headers: Readonly<Record<string, string>>
}> {}

/** The error schema of one status. All bodies have one shape, so the status is matched by content. */
export const withStatus = (status: number) =>
  Schema.transform(
    ErrorBody,
    Schema.declare((input): input is Failure => input instanceof Failure && input.status === status),
    { strict: true, decode: (body) => new Failure({ status, body, headers: {} }), encode: ({ body }) => body }
  ).annotations(HttpApiSchema.annotations({ status }))

export const withStatuses = DeclaredErrors.union(withStatus)

type Detail = Partial<Omit<ErrorBody["error"], "message">>

export const failure = (status: number, message: string, detail: Detail, headers: Failure["headers"] = {}): Failure =>
  new Failure({
    status,
    body: { error: { message, type: "invalid_request_error", param: null, code: null, ...detail } },
    headers
  })

export const badRequest = (message: string, param: string | null, code: string | null) =>
  failure(400, message, { param, code })

export const unsupported = (param: string, message: string): Failure => badRequest(message, param, "unsupported_value")

export const NOT_JSON = "We could not parse the JSON body of your request."
export const NO_MESSAGES = "messages is empty"

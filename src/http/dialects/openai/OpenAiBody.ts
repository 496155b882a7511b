/**
 * The body of a request in a dialect of OpenAI's: read, decoded and heeded, and each refusal in their words.
 */
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"

import { Effect, Either, type Schema } from "effect"
import type { Bodies } from "../../chat/Bodies.ts"
import * as Decode from "../../chat/Decode.ts"
import * as FieldSupport from "../../chat/FieldSupport.ts"
import * as SchemaIssue from "../../chat/SchemaIssue.ts"
import * as Errors from "./OpenAiErrors.ts"

/** One for each dialect; `strict` refuses what would be ignored. */
export const reader = <A, I>(schema: Schema.Schema<A, I>, dialect: Parameters<typeof FieldSupport.heed>[0]) => {
  const decode = Decode.reader(schema)
  return Effect.fnUntraced(function* (bodies: typeof Bodies.Service, strict: boolean) {
    const request = yield* HttpServerRequest.HttpServerRequest
    const body = yield* Effect.mapError(bodies.json(request), (error) =>
      error._tag === "BodyRefused" ? Errors.fromRefusal(error) : error
    )
    const payload = yield* Either.mapLeft(decode(body), ({ issue }) => Errors.fromIssue(SchemaIssue.explain(issue)))
    const ignored = yield* Effect.mapError(FieldSupport.heed(dialect, body, strict), Errors.fromParam)
    return { payload, headers: request.headers, ignored }
  })
}

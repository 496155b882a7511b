/**
 * The body of a request in a dialect of OpenAI's: read, decoded and heeded, and each refusal in their words.
 */
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"

import { Effect, Either, type Schema } from "effect"
import type { Bodies } from "./Bodies.ts"

import * as Capabilities from "./Capabilities.ts"
import * as Decode from "./Decode.ts"
import * as Issues from "./Issues.ts"
import * as Errors from "./OpenAiErrors.ts"

/** One for each dialect; `strict` refuses what would be ignored. */
export const reader = <A, I>(schema: Schema.Schema<A, I>, dialect: Parameters<typeof Capabilities.heed>[0]) => {
  const decode = Decode.reader(schema)
  return Effect.fnUntraced(function* (bodies: typeof Bodies.Service, strict: boolean) {
    const request = yield* HttpServerRequest.HttpServerRequest
    const body = yield* Effect.mapError(bodies.json(request), (error) =>
      error._tag === "BodyRefused" ? Errors.fromRefusal(error) : error
    )
    const payload = yield* Either.mapLeft(decode(body), ({ issue }) => Errors.fromIssue(Issues.explain(issue)))
    const ignored = yield* Effect.mapError(Capabilities.heed(dialect, body, strict), Errors.fromParam)
    return { payload, headers: request.headers, ignored }
  })
}

/**
 * Whether what a client sends as a tool's parameters is a schema of an object at all.
 */
import { Either } from "effect"
import type { JsonSchema } from "../Chat.ts"
import * as JsonSchemas from "../JsonSchemas.ts"

const allowsObject = (type: unknown): boolean =>
  type === undefined || type === "object" || (Array.isArray(type) && type.includes("object"))

/** Left: why it is none, fit for a client. */
export const check = (schema: JsonSchema): Either.Either<void, string> =>
  Either.flatMap(JsonSchemas.validator(schema, { coerce: true, prune: true }), () =>
    allowsObject(schema["type"]) ? Either.void : Either.left('its type must be "object"')
  )

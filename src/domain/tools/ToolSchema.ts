/**
 * Whether what a client sends as the parameters of its tools are schemas of objects at all.
 */
import { Either } from "effect"
import type { JsonSchema } from "../Chat.ts"
import * as JsonSchemas from "../JsonSchemas.ts"

const allowsObject = (type: unknown): boolean =>
  type === undefined || type === "object" || (Array.isArray(type) && type.includes("object"))

/** Left: why it is none, fit for a client. */
export const check = (schema: JsonSchema): Either.Either<void, string> =>
  Either.flatMap(JsonSchemas.check(schema), () =>
    allowsObject(schema["type"]) ? Either.void : Either.left('its type must be "object"')
  )

export interface Wrong {
  /** Which of the schemas. */
  readonly at: number
  readonly why: string
}

/** Members of all schemas of one request: looking through more would hold up everybody else. */
const MAX_MEMBERS = 20_000

const members = (schema: JsonSchema, limit: number): number => {
  let count = 0
  const open: Array<unknown> = [schema]
  while (open.length > 0 && count < limit) {
    const one = open.pop()
    count++
    if (typeof one === "object" && one !== null) for (const inner of Object.values(one)) open.push(inner)
  }
  return count
}

/** The first of a request's schemas that is none, or that is one too much. */
export const checkAll = (schemas: ReadonlyArray<JsonSchema>): Either.Either<void, Wrong> => {
  let left = MAX_MEMBERS
  for (const [at, schema] of schemas.entries()) {
    left -= members(schema, left)
    const result = left > 0 ? check(schema) : Either.left("the schemas of all tools together are too large")
    if (Either.isLeft(result)) return Either.left({ at, why: result.left })
  }
  return Either.void
}

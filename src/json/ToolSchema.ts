/**
 * Checks that the `parameters` of a client's tools are valid object schemas of bounded size.
 */
import { Either } from "effect"
import type { JsonSchema } from "../domain/Chat.ts"
import { patternLimits } from "./JsonSchemaCopy.ts"
import * as JsonSchemas from "./JsonSchemas.ts"

const allowsObject = (type: unknown): boolean =>
  type === undefined || type === "object" || (Array.isArray(type) && type.includes("object"))

/** Left: why it is invalid, safe to show to the client. */
export const check = (schema: JsonSchema): Either.Either<void, string> =>
  Either.flatMap(JsonSchemas.check(schema), () =>
    allowsObject(schema["type"]) ? Either.void : Either.left('its type must be "object"')
  )

export interface Wrong {
  /** Index of the schema. */
  readonly at: number
  readonly why: string
}

/** Max JSON values in all schemas of one request; checking more would block the event loop too long. */
const MAX_VALUES = 20_000
/** Max characters of their names and strings; more than a prompt can hold. */
const MAX_TEXT = 2 << 20

/** Tracks how much of the limits the schemas of one request have used. */
const ledger = () => {
  const patterns = new Set<string>()
  let values = 0
  let text = 0
  let patternText = 0
  const pattern = (source: string) => {
    if (patterns.has(source)) return
    patterns.add(source)
    patternText += source.length
  }
  const isOver = () => values > MAX_VALUES || text > MAX_TEXT
  const isOverPatterns = () => patterns.size > patternLimits.count || patternText > patternLimits.text

  /** Left: the exceeded limit. */
  return (schema: JsonSchema): Either.Either<void, string> => {
    const open: Array<unknown> = [schema]
    while (open.length > 0 && !isOver() && !isOverPatterns()) {
      const one = open.pop()
      values++
      if (typeof one === "string") text += one.length
      if (typeof one !== "object" || one === null) continue
      for (const [key, inner] of Object.entries(one)) {
        text += key.length
        if (key === "pattern" && typeof inner === "string") pattern(inner)
        if (key === "patternProperties" && typeof inner === "object" && inner !== null)
          for (const source of Object.keys(inner)) pattern(source)
        open.push(inner)
      }
    }
    if (isOverPatterns()) return Either.left("the patterns of all schemas together are too many or too long")
    return isOver() ? Either.left("the schemas of all tools together are too large") : Either.void
  }
}

/** The first schema of a request that is invalid or exceeds the limits; `format`: the schema of its answer. */
export const checkAll = (schemas: ReadonlyArray<JsonSchema>, format?: JsonSchema): Either.Either<void, Wrong> => {
  const take = ledger()
  const beside = format === undefined ? Either.void : take(format)
  for (const [at, schema] of schemas.entries()) {
    const result = Either.flatMap(beside, () => Either.flatMap(take(schema), () => check(schema)))
    if (Either.isLeft(result)) return Either.left({ at, why: result.left })
  }
  return Either.void
}

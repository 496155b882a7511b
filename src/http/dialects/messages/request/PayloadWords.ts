/**
 * Shared by the schemas of a Messages request.
 */
import { Schema } from "effect"
import { Word } from "../../../chat/TextLimits.ts"

/** Optional fields may be `null`. */
export const opt = <A, I>(schema: Schema.Schema<A, I>) => Schema.optional(Schema.NullOr(schema))
export const amount = Schema.Int.pipe(Schema.between(0, Number.MAX_SAFE_INTEGER))
export const some = Schema.Int.pipe(Schema.between(1, Number.MAX_SAFE_INTEGER))
export const Loose = Schema.Record({ key: Schema.String, value: Schema.Unknown })

/** Any object whose type is not one of these. */
export const other = (...known: ReadonlyArray<string>) =>
  Schema.transform(
    Schema.Struct({ type: Word.pipe(Schema.filter((type) => !known.includes(type), { jsonSchema: {} })) }),
    Schema.Struct({ type: Schema.Literal("other"), kind: Schema.String }),
    {
      strict: true,
      decode: ({ type }) => ({ type: "other" as const, kind: type }),
      encode: ({ kind }) => ({ type: kind })
    }
  )

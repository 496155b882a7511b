/**
 * Decodes client JSON with a schema, safely for any JSON.
 *
 * Effect discriminates unions by `String(field)`, which throws for an object whose own `toString` is not a function;
 * JSON may contain such objects.
 */
import type { Either, ParseResult } from "effect"
import { Schema } from "effect"

/** A copy without the properties that `String` would call. */
const plain = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value), (name, inner) => (name === "toString" || name === "valueOf" ? undefined : inner))

/** `Schema.decodeUnknownEither` for untrusted JSON. */
export const reader = <A, I>(schema: Schema.Schema<A, I>) => {
  const decode = Schema.decodeUnknownEither(schema)
  return (value: unknown): Either.Either<A, ParseResult.ParseError> => {
    try {
      return decode(value)
    } catch (error) {
      if (!(error instanceof TypeError)) throw error
      // Without these names the value still does not match, and the issue names its path.
      return decode(plain(value))
    }
  }
}

/**
 * Reads what a client sent by a schema.
 *
 * Effect tells the members of a union apart by `String` of a field, which throws for an object whose own `toString` is
 * no function; JSON may hold such objects.
 */
import type { Either, ParseResult } from "effect"
import { Schema } from "effect"

/** The same without the names that `String` would call. */
const plain = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value), (name, inner) => (name === "toString" || name === "valueOf" ? undefined : inner))

/** As `Schema.decodeUnknownEither`, for JSON of strangers. */
export const reader = <A, I>(schema: Schema.Schema<A, I>) => {
  const decode = Schema.decodeUnknownEither(schema)
  return (value: unknown): Either.Either<A, ParseResult.ParseError> => {
    try {
      return decode(value)
    } catch (error) {
      if (!(error instanceof TypeError)) throw error
      // What it broke on fits no better without the name, and is told by its place.
      return decode(plain(value))
    }
  }
}

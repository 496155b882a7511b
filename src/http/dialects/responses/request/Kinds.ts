/**
 * Decodes unions by their `type`, with one schema per known kind.
 */
import { Either, type Schema } from "effect"
import * as Decode from "../../../chat/Decode.ts"
import * as FieldSupport from "../../../chat/FieldSupport.ts"
import * as SchemaIssue from "../../../chat/SchemaIssue.ts"
import * as Errors from "../../openai/OpenAiErrors.ts"
import type { Loose } from "./Loose.ts"

export type Checked<A> = Either.Either<A, Errors.Failure>

type Table = Readonly<Record<string, Schema.Schema.AnyNoContext>>

/** Called with the name of what is left out, as by `FieldSupport.within`. */
export type Skip = (what: string) => void

/** Decodes a value by its kind; undefined for an unknown kind, which is reported to `skip`. */
export const reader =
  <T extends Table>(place: string, table: T) =>
  (
    value: Loose,
    kind: string,
    path: SchemaIssue.Path,
    skip: Skip
  ): Checked<Schema.Schema.Type<T[keyof T]> | undefined> => {
    const schema = Object.hasOwn(table, kind) ? table[kind] : undefined
    if (schema === undefined) {
      skip(FieldSupport.within(place, kind))
      return Either.right(undefined)
    }
    return Either.mapLeft(Decode.reader(schema)(value), ({ issue }) =>
      Errors.fromIssue(SchemaIssue.explain(issue, path))
    )
  }

/** The kind, if it is a plain identifier. */
export const nameOf = (value: Loose): string => {
  const kind = kindOf(value, "")
  return /^[\w.-]{1,64}$/.test(kind) ? kind : "unnamed"
}

/** The `type` field; `otherwise` if it is missing or not a string. */
export const kindOf = (value: Loose, otherwise: string): string => {
  const kind = value["type"]
  return typeof kind === "string" ? kind : otherwise
}

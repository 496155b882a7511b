/**
 * Things that come in kinds, read by the table of those that are known.
 */
import { Either, type Schema } from "effect"
import * as Decode from "../../../chat/Decode.ts"
import * as FieldSupport from "../../../chat/FieldSupport.ts"
import * as SchemaIssue from "../../../chat/SchemaIssue.ts"
import * as Errors from "../../openai/OpenAiErrors.ts"
import type { Loose } from "./Loose.ts"

export type Checked<A> = Either.Either<A, Errors.Failure>

type Table = Readonly<Record<string, Schema.Schema.AnyNoContext>>

/** Told of what is left out, as `FieldSupport.within` names it. */
export type Skip = (what: string) => void

/** Reads by `kind`; nothing when it is not in the table, which `skip` is told of by its place. */
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

/** Its kind, where that looks like one. */
export const nameOf = (value: Loose): string => {
  const kind = kindOf(value, "")
  return /^[\w.-]{1,64}$/.test(kind) ? kind : "unnamed"
}

/** What a thing says it is; `otherwise` when it says nothing, or nothing readable. */
export const kindOf = (value: Loose, otherwise: string): string => {
  const kind = value["type"]
  return typeof kind === "string" ? kind : otherwise
}

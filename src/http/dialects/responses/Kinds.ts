/**
 * Things that come in kinds, read by the table of those that are known.
 */
import { Either, type Schema } from "effect"
import * as Decode from "../../chat/Decode.ts"
import * as SchemaIssue from "../../chat/SchemaIssue.ts"
import * as Errors from "../openai/OpenAiErrors.ts"
import type { Loose } from "./Payload.ts"

export type Checked<A> = Either.Either<A, Errors.Failure>

type Table = Readonly<Record<string, Schema.Schema.AnyNoContext>>

/** Reads by `kind`; nothing when it is not in the table, which `skip` is told of. */
export const reader =
  <T extends Table>(what: string, table: T) =>
  (
    value: Loose,
    kind: string,
    path: SchemaIssue.Path,
    skip: (what: string) => void
  ): Checked<Schema.Schema.Type<T[keyof T]> | undefined> => {
    const schema = Object.hasOwn(table, kind) ? table[kind] : undefined
    if (schema === undefined) {
      skip(`${what} ${/^[\w.-]{1,64}$/.test(kind) ? kind : "(unnamed)"}`)
      return Either.right(undefined)
    }
    return Either.mapLeft(Decode.reader(schema)(value), ({ issue }) =>
      Errors.fromIssue(SchemaIssue.explain(issue, path))
    )
  }

/** What a thing says it is; `otherwise` when it says nothing, or nothing readable. */
export const kindOf = (value: Loose, otherwise: string): string => {
  const kind = value["type"]
  return typeof kind === "string" ? kind : otherwise
}

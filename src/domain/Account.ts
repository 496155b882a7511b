/**
 * The accounts of the instances, parsed from `LINGMA_ACCOUNTS`.
 */
import { Array as Arr, Either, Redacted, Schema } from "effect"

export interface Account {
  readonly username: string
  readonly password: Redacted.Redacted
}

type Entry = { readonly username: string; readonly password: string }

const Entries = Schema.parseJson(Schema.Array(Schema.Struct({ username: Schema.String, password: Schema.String })))

const fromJson = (text: string): Either.Either<ReadonlyArray<Entry>, string> =>
  Either.mapLeft(
    Schema.decodeUnknownEither(Entries)(text),
    () => 'must be a JSON list of {"username","password"}, or u1:p1,u2:p2'
  )

// Split at the first colon, so a password may contain colons; one with a comma needs the JSON form.
const fromCsv = (text: string): Either.Either<ReadonlyArray<Entry>, string> =>
  Either.all(
    text.split(",").map((entry, i): Either.Either<Entry, string> => {
      const at = entry.indexOf(":")
      if (at < 0)
        return Either.left(`must be u1:p1,u2:p2, but entry ${i + 1} has no colon (a password with a comma needs JSON)`)
      return Either.right({ username: entry.slice(0, at), password: entry.slice(at + 1).trim() })
    })
  )

/** Left holds the broken rule, never a value. */
export const parse = (text: string): Either.Either<Arr.NonEmptyArray<Account>, string> => {
  const written = text.trim()
  const isJson = written.startsWith("[") || written.startsWith("{")
  return Either.flatMap(isJson ? fromJson(written) : fromCsv(written), (entries) => {
    const accounts = entries.map(({ password, username }) => ({ username: username.trim(), password }))
    const empty = accounts.findIndex(({ password, username }) => username === "" || password === "")
    if (empty >= 0) return Either.left(`must not hold an empty username or password, as entry ${empty + 1} does`)
    const names = accounts.map(({ username }) => username)
    const twice = names.findIndex((name, i) => names.indexOf(name) < i)
    if (twice >= 0) return Either.left(`must not name an account twice, as entry ${twice + 1} does`)
    const redacted = accounts.map(({ password, username }) => ({ username, password: Redacted.make(password) }))
    return Arr.isNonEmptyArray(redacted) ? Either.right(redacted) : Either.left("must name at least one account")
  })
}

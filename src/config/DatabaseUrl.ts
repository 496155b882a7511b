/**
 * Where the gateway keeps its data, as `DATABASE_URL` names it.
 */
import { Either, Redacted } from "effect"
import { expandHome } from "./SettingRules.ts"

export type DatabaseUrl =
  /** A file beside Lingma's directory, or memory where that file cannot be used. */
  | { readonly _tag: "Default" }
  | { readonly _tag: "Sqlite"; readonly path: string }
  /** The URL holds a password. */
  | { readonly _tag: "Postgres"; readonly url: Redacted.Redacted }
  /** Nothing outlives the process. */
  | { readonly _tag: "Memory" }

const RULE = "must be sqlite:<path>, postgres://user:password@host:port/name, or none"

/** Empty stands for the default. */
export const parse = (text: string): Either.Either<DatabaseUrl, string> => {
  if (text === "") return Either.right({ _tag: "Default" })
  if (/^none$/i.test(text)) return Either.right({ _tag: "Memory" })
  const path = /^(?:sqlite|file):(?:\/\/(?=\/))?(.+)$/i.exec(text)?.[1]
  if (path !== undefined)
    return path.startsWith("//") || path.includes("\0")
      ? Either.left(RULE)
      : Either.right({ _tag: "Sqlite", path: expandHome(path) })
  return /^postgres(?:ql)?:\/\/./i.test(text) && URL.canParse(text)
    ? Either.right({ _tag: "Postgres", url: Redacted.make(text) })
    : Either.left(RULE)
}

/**
 * Declares one setting: environment variable, default, description and parser.
 */
import { Config, ConfigError, Either } from "effect"
import type * as Rule from "./SettingRules.ts"

export interface Setting {
  readonly name: string
  /** Text as in `.env`; empty if there is no default. */
  readonly default: string
  readonly note: string
  readonly secret: boolean
}

export interface Declared<A> extends Setting {
  readonly config: Config.Config<A>
}

export const setting = <A>(
  name: string,
  fallback: string,
  note: string,
  parse: Rule.Parse<A>,
  options?: { readonly secret?: boolean; readonly emptyIs?: "unset" | "wrong" }
): Declared<A> => {
  const wrong = (rule: string) => ConfigError.InvalidData([], `${name} ${rule}`)
  const config = Config.string(name).pipe(
    Config.withDefault(fallback),
    Config.mapOrFail((raw) => {
      const text = raw.trim()
      if (text === "" && raw !== fallback && options?.emptyIs === "wrong")
        return Either.left(wrong("must not be empty"))
      return Either.mapLeft(parse(text === "" ? fallback : text), wrong)
    })
  )
  return { name, default: fallback, note, secret: options?.secret ?? false, config }
}

type Table = Readonly<Record<string, Declared<unknown>>>
type Values<T extends Table> = { readonly [K in keyof T]: T[K] extends Declared<infer A> ? A : never }
type Configs<T extends Table> = { readonly [K in keyof T]: Config.Config<Values<T>[K]> }

/**
 * Reads a whole table and reports every invalid setting, not just the first. The type is written out: what a compiler
 * would write for it into the package names a parameter of Effect's own.
 */
export const all = <const T extends Table>(table: T): Config.Config<Values<T>> => {
  const entries = Object.entries(table).map(([key, { config }]) => [key, config])
  return Config.all(Object.fromEntries(entries) as Configs<T>) as Config.Config<Values<T>>
}

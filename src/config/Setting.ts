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
  /** Whether a change is in effect at once (`live`), or at the next start. */
  readonly reload: "live" | "restart"
}

export interface Declared<A> extends Setting {
  readonly config: Config.Config<A>
}

interface Options {
  readonly secret?: boolean
  readonly emptyIs?: "unset" | "wrong"
}

/** A setting that is read at the start. */
export const setting = <A>(
  name: string,
  fallback: string,
  note: string,
  parse: Rule.Parse<A>,
  options?: Options
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
  return { name, default: fallback, note, secret: options?.secret ?? false, reload: "restart", config }
}

/** A setting whose change is in effect while the gateway runs; what reads it, reads `LiveSettings`. */
export const live = <A>(
  name: string,
  fallback: string,
  note: string,
  parse: Rule.Parse<A>,
  options?: Options
): Declared<A> => ({ ...setting(name, fallback, note, parse, options), reload: "live" })

type Table = Readonly<Record<string, Declared<unknown>>>
type Configs<T extends Table> = { readonly [K in keyof T]: T[K] extends Declared<infer A> ? Config.Config<A> : never }

/** Reads a whole table and reports every invalid setting, not just the first. */
export const all = <const T extends Table>(table: T) =>
  Config.all(Object.fromEntries(Object.entries(table).map(([key, { config }]) => [key, config])) as Configs<T>)

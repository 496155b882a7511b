/**
 * What the `keys` commands are given: texts, read by the rules for keys.
 */
import * as Options from "@effect/cli/Options"
import { Either, Option } from "effect"
import * as Key from "../../../team/keys/Key.ts"

const text = (name: string, note: string) => Options.text(name).pipe(Options.withDescription(note), Options.optional)

export const grants = {
  tokensPerDay: text("tokens-per-day", "most tokens a day, or none"),
  requestsPerMinute: text("requests-per-minute", "most chats a minute, or none"),
  maxInFlight: text("max-in-flight", "most chats at once, or none"),
  weight: text("weight", "share beside other keys while not all can be served at once; default 1"),
  models: text("models", "patterns of models such as 'qwen*,auto', or all"),
  expires: text("expires", "a date such as 2027-01-31 or 2027-01-31T18:00:00Z, or never"),
  admin: Options.boolean("admin", { negationNames: ["no-admin"] }).pipe(
    Options.withDescription("may call /internal/*; --no-admin takes that back"),
    Options.optional
  )
}

export type Given = { readonly [K in Exclude<keyof typeof grants, "admin">]: Option.Option<string> } & {
  readonly admin: Option.Option<boolean>
}

const invalid = (field: string, rule: string) =>
  Either.left(new Key.KeyProblem({ reason: "invalid", field, message: `--${field} ${rule}` }))

type Changes = { -readonly [K in keyof Key.Grants]?: Key.Grants[K] }

const counts = [
  ["tokensPerDay", "tokens-per-day"],
  ["requestsPerMinute", "requests-per-minute"],
  ["maxInFlight", "max-in-flight"]
] as const

/** Those that were given. */
export const changesOf = (given: Given): Either.Either<Changes, Key.KeyProblem> => {
  const changes: Changes = {}
  for (const [field, name] of counts) {
    const value = Option.getOrUndefined(given[field])
    if (value === undefined) continue
    if (value !== "none" && !/^\d{1,15}$/.test(value)) return invalid(name, "must be an integer, or none")
    changes[field] = value === "none" ? undefined : Number(value)
  }
  const { admin, expires, models, weight } = given
  if (Option.isSome(weight)) {
    if (!/^\d+(\.\d+)?$/.test(weight.value)) return invalid("weight", "must be a number")
    changes.weight = Number(weight.value)
  }
  if (Option.isSome(models)) changes.models = models.value === "all" ? [] : Key.parseModels(models.value)
  if (Option.isSome(expires)) {
    const millis = expires.value === "never" ? undefined : Key.parseDate(expires.value)
    if (millis === undefined && expires.value !== "never") return invalid("expires", `${Key.WRONG_DATE}, or never`)
    changes.expiresAt = millis
  }
  if (Option.isSome(admin)) changes.isAdmin = admin.value
  return Either.right(changes)
}

export const grace = Options.text("grace").pipe(
  Options.withDescription("how long the key before it goes on, such as 7d or 12h; default: not at all"),
  Options.withDefault("0")
)

const units: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 }
const LONGEST_GRACE = 366 * 86_400_000

/** In milliseconds. */
export const graceOf = (text: string): Either.Either<number, Key.KeyProblem> => {
  if (text === "0") return Either.right(0)
  const [, count, unit] = /^(\d{1,9})([smhdw])$/.exec(text) ?? []
  const millis = Number(count) * (units[unit ?? ""] ?? Number.NaN)
  return millis <= LONGEST_GRACE
    ? Either.right(millis)
    : invalid("grace", "must be a time such as 7d or 12h, at most 366d")
}

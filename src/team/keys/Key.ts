/**
 * A named key as the gateway knows it, never the key itself; and the rules for what an operator may write of one.
 */
import { randomInt } from "node:crypto"
import { Array as Arr, Data, Either, Redacted } from "effect"
import type { Caller } from "../../domain/keys/Caller.ts"

/** What an operator grants a key; undefined is no limit of its own. */
export interface Grants {
  readonly tokensPerDay: number | undefined
  readonly requestsPerMinute: number | undefined
  /** Most of its chats at once. */
  readonly maxInFlight: number | undefined
  /** Its share beside others while not all can be served at once. */
  readonly weight: number
  /** Patterns of names of models, `*` for any text; empty is all of them. */
  readonly models: ReadonlyArray<string>
  /** Milliseconds since 1970. */
  readonly expiresAt: number | undefined
  /** It may call `/internal/*`. */
  readonly isAdmin: boolean
}

export interface Key extends Grants, Omit<Caller, keyof Grants> {
  readonly lastFour: string
  readonly createdAt: number
  readonly lastUsedAt: number | undefined
  /** Who names it: only keys of the database can be changed by commands. */
  readonly source: "database" | "file" | "settings"
}

/** A key with a digest by which it is found. */
export interface Known {
  readonly key: Key
  /** SHA-256, in hex. */
  readonly digest: string
  /** The end of a digest that was replaced. */
  readonly until?: number | undefined
}

export const noLimits: Grants = {
  tokensPerDay: undefined,
  requestsPerMinute: undefined,
  maxInFlight: undefined,
  weight: 1,
  models: [],
  expiresAt: undefined,
  isAdmin: false
}

/** What was wanted cannot be; the message says why, and how it can. */
export class KeyProblem extends Data.TaggedError("KeyProblem")<{
  readonly reason: "invalid" | "exists" | "not_found" | "owned"
  /** As in the API and in KEYS_FILE. */
  readonly field: string
  readonly message: string
}> {}

/** Names of the fields as they are written in the API and in KEYS_FILE. */
export const fields = {
  tokensPerDay: "tokens_per_day",
  requestsPerMinute: "requests_per_minute",
  maxInFlight: "max_in_flight",
  weight: "weight",
  models: "models",
  expiresAt: "expires",
  isAdmin: "admin"
} as const satisfies Record<keyof Grants, string>

const MOST = { tokensPerDay: 1e12, requestsPerMinute: 1e6, maxInFlight: 1e5 } as const
const LEAST_WEIGHT = 0.01
const MOST_WEIGHT = 1000
const MOST_PATTERNS = 100
const LONGEST_PATTERN = 128

const invalid = (field: string, message: string) => Either.left(new KeyProblem({ reason: "invalid", field, message }))

/** `key-1` and so on are those of API_KEYS. */
export const checkName = (name: string): Either.Either<string, KeyProblem> => {
  if (!/^[A-Za-z0-9][\w.@-]{0,63}$/.test(name))
    return invalid("name", "name must have 1 to 64 letters, digits or . _ @ -, and must begin with a letter or a digit")
  return /^key-\d+$/i.test(name)
    ? invalid("name", "name must be another: key-1 and so on are the keys of API_KEYS")
    : Either.right(name)
}

/** Patterns with commas between; an empty text is all models. */
export const parseModels = (text: string): ReadonlyArray<string> =>
  text.split(",").flatMap((part) => (part.trim() === "" ? [] : [part.trim()]))

/** A date is its whole day in UTC; a date with a time is that moment. */
export const parseDate = (text: string): number | undefined => {
  const isDay = /^\d{4}-\d\d-\d\d$/.test(text)
  if (!isDay && !/^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)$/.test(text)) return undefined
  const millis = Date.parse(isDay ? `${text}T23:59:59.999Z` : text)
  return Number.isNaN(millis) ? undefined : millis
}

export const WRONG_DATE = "must be a date such as 2027-01-31 or 2027-01-31T18:00:00Z"

/** `now`: what a key is granted must lie in the future; undefined where that does not matter. */
export const check = (grants: Grants, now?: number): Either.Either<Grants, KeyProblem> => {
  for (const name of ["tokensPerDay", "requestsPerMinute", "maxInFlight"] as const) {
    const value = grants[name]
    if (value !== undefined && !(Number.isInteger(value) && value >= 1 && value <= MOST[name]))
      return invalid(fields[name], `${fields[name]} must be an integer from 1 to ${MOST[name]}`)
  }
  if (!(grants.weight >= LEAST_WEIGHT && grants.weight <= MOST_WEIGHT))
    return invalid("weight", `weight must be a number from ${LEAST_WEIGHT} to ${MOST_WEIGHT}`)
  const isPattern = (text: string) =>
    text.trim() === text && text !== "" && text.length <= LONGEST_PATTERN && !/[,\p{Cc}]/u.test(text)
  if (grants.models.length > MOST_PATTERNS || !grants.models.every(isPattern))
    return invalid("models", `models must be at most ${MOST_PATTERNS} patterns such as qwen*,auto`)
  if (grants.expiresAt !== undefined && now !== undefined && grants.expiresAt <= now)
    return invalid("expires", "expires must lie in the future")
  return Either.right(grants)
}

export const isExpired = ({ expiresAt }: Pick<Key, "expiresAt">, now: number): boolean =>
  expiresAt !== undefined && now >= expiresAt

/** Whether a chat of the key has to be counted against anything. */
export const isLimited = ({ maxInFlight, requestsPerMinute, tokensPerDay }: Grants): boolean =>
  requestsPerMinute !== undefined || tokensPerDay !== undefined || maxInFlight !== undefined

const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
const letters = (length: number) => Arr.makeBy(length, () => ALPHABET[randomInt(ALPHABET.length)]).join("")

const PREFIX = "sk-lgw-"
const LETTERS = 40

/** A key as a client sends it: about 238 bits. */
export const makeSecret = (): Redacted.Redacted => Redacted.make(`${PREFIX}${letters(LETTERS)}`)

export const makeId = (): string => `key_${letters(16)}`

/** What people tell keys apart by; of a short key nothing is shown. */
export const lastFourOf = (secret: string): string => (secret.length >= 16 ? secret.slice(-4) : "")

/**
 * Parsers for the text of a setting: each gives a value, or the rule that was violated.
 */
import { homedir } from "node:os"
import { Duration, Either, Option, Redacted } from "effect"
import * as Account from "../domain/Account.ts"
import * as StateDirectory from "./StateDirectory.ts"

export type Parse<A> = (text: string) => Either.Either<A, string>

export const text: Parse<string> = Either.right
export const optional: Parse<Option.Option<string>> = (raw) =>
  Either.right(raw === "" ? Option.none() : Option.some(raw))
export const secret: Parse<Option.Option<Redacted.Redacted>> = (raw) =>
  Either.right(raw === "" ? Option.none() : Option.some(Redacted.make(raw)))

/** `~` and `~/…` as a shell expands them; here nobody else does. */
export const expandHome = (path: string): string => path.replace(/^~(?=$|[\\/])/, homedir)

/** Whatever names a file or a directory is parsed by one of these. */
export const path: Parse<string> = (raw) => Either.right(expandHome(raw))
/** Empty stands for the one in the state directory. */
export const workDir: Parse<string> = (raw) =>
  Either.right(raw === "" ? StateDirectory.find().workDir : expandHome(raw))
export const optionalPath: Parse<Option.Option<string>> = (raw) => Either.map(optional(raw), Option.map(expandHome))

export const number =
  (min: number, max: number, kind: "an integer" | "a number"): Parse<number> =>
  (raw) => {
    const value = /^-?\d+(\.\d+)?$/.test(raw) ? Number(raw) : Number.NaN
    const good = value >= min && value <= max && (kind === "a number" || Number.isInteger(value))
    return good ? Either.right(value) : Either.left(`must be ${kind} from ${min} to ${max}`)
  }
export const integer = (min: number, max: number) => number(min, max, "an integer")
export const seconds =
  (min: number, max: number): Parse<Duration.Duration> =>
  (raw) =>
    Either.mapBoth(number(min, max, "a number")(raw), {
      onLeft: (rule) => `${rule} (seconds)`,
      onRight: Duration.seconds
    })

export const flag: Parse<boolean> = (raw) =>
  /^(true|1|yes|on)$/i.test(raw)
    ? Either.right(true)
    : /^(false|0|no|off)$/i.test(raw)
      ? Either.right(false)
      : Either.left("must be true or false")

export const oneOf =
  <const A extends string>(...words: ReadonlyArray<A>): Parse<A> =>
  (raw) => {
    const word = words.find((candidate) => candidate === raw.toLowerCase())
    return word === undefined
      ? Either.left(`must be one of ${words.filter((known) => known !== "").join(", ")}`)
      : Either.right(word)
  }

export const list: Parse<ReadonlyArray<string>> = (raw) => {
  if (raw === "") return Either.right([])
  const items = raw.split(",").map((item) => item.trim())
  return items.includes("") ? Either.left("must be a comma separated list without empty items") : Either.right(items)
}
export const keys: Parse<ReadonlyArray<Redacted.Redacted>> = (raw) =>
  Either.flatMap(list(raw), (items) =>
    new Set(items).size < items.length
      ? Either.left("must not hold a key twice")
      : Either.right(items.map((item) => Redacted.make(item)))
  )

export const accounts: Parse<ReadonlyArray<Account.Account>> = (raw) =>
  raw === "" ? Either.right([]) : Account.parse(raw)

export type Attach = "no" | "auto" | ReadonlyArray<string>
export const attach: Parse<Attach> = (raw) => {
  if (raw === "") return Either.right("no")
  if (raw.toLowerCase() === "auto") return Either.right("auto")
  return Either.filterOrLeft(
    list(raw),
    (urls) => urls.every((url) => URL.canParse(url) && /^wss?:$/.test(new URL(url).protocol)),
    () => "must be auto, or a comma separated list of addresses such as ws://127.0.0.1:36510/"
  )
}

export const count: Parse<Option.Option<number>> = (raw) =>
  raw === "" ? Either.right(Option.none()) : Either.map(integer(1, 64)(raw), Option.some)

export const timeZone: Parse<string> = (raw) => {
  try {
    return Either.right(new Intl.DateTimeFormat("en", { timeZone: raw }).resolvedOptions().timeZone)
  } catch {
    return Either.left("must be a time zone such as UTC or Asia/Shanghai")
  }
}

/** No underscore: the ids that hold it are taken apart by that. */
export const hostId: Parse<Option.Option<string>> = (raw) =>
  Either.filterOrLeft(
    optional(raw),
    Option.match({ onNone: () => true, onSome: (id) => /^[a-z0-9-]{1,16}$/.test(id) }),
    () => "must be 1 to 16 of a-z, 0-9 and -"
  )

export const environmentNames: Parse<ReadonlyArray<string>> = (raw) =>
  Either.filterOrLeft(
    list(raw),
    (names) => names.every((name) => /^[A-Za-z_][A-Za-z0-9_]*$/.test(name)),
    () => "must be a comma separated list of variable names"
  )

const isWeb = (scheme: string): boolean => /^https?$/i.test(scheme)

/**
 * Includes origins of browser extensions, such as `chrome-extension://ID`, for which `URL.origin` is "null"; and
 * `vscode-webview://*`, since some of these ids change with each start or each installation.
 */
const isOrigin = (text: string): boolean => {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\/\*$/.exec(text)?.[1]
  if (scheme !== undefined) return !isWeb(scheme)
  if (!URL.canParse(text)) return false
  const { origin, protocol } = new URL(text)
  return /^https?:$/.test(protocol) ? origin === text : /^[a-z][a-z0-9+.-]*:\/\/[\w.-]+$/.test(text)
}

export const origins: Parse<ReadonlyArray<string>> = (raw) =>
  Either.filterOrLeft(
    list(raw),
    (items) => items.every(isOrigin),
    () =>
      "must be a comma separated list of origins such as https://app.example.com, chrome-extension://ID or vscode-webview://*"
  )

export const maybe =
  <A>(parse: Parse<A>): Parse<Option.Option<A>> =>
  (raw) =>
    raw === "" ? Either.right(Option.none()) : Either.map(parse(raw), Option.some)

export const hostList: Parse<ReadonlyArray<string>> = (raw) =>
  Either.filterOrLeft(
    list(raw),
    (hosts) => hosts.every((host) => /^(\[[\da-f:]+\]|[\w.-]+)(:\d{1,5})?$/i.test(host)),
    () => "must be a comma separated list of host or host:port, without a scheme or a path"
  )

/** An http(s) URL without a user or a password, which no request could be made with. */
const webUrl = (raw: string): URL | undefined => {
  const url = URL.canParse(raw) ? new URL(raw) : undefined
  return url !== undefined && /^https?:$/.test(url.protocol) && `${url.username}${url.password}` === ""
    ? url
    : undefined
}

export const endpoint: Parse<Option.Option<string>> = (raw) =>
  Either.filterOrLeft(
    optional(raw),
    (url) => Option.isNone(url) || webUrl(url.value) !== undefined,
    () => "must be an address such as https://example.com, without user or password"
  )

/** An http(s) URL to which paths are appended: without a query, a user or a password. */
export const baseUrl: Parse<Option.Option<string>> = (raw) => {
  if (raw === "") return Either.right(Option.none())
  const url = webUrl(raw)
  return url !== undefined && `${url.search}${url.hash}` === ""
    ? Either.right(Option.some(raw.replace(/\/+$/, "")))
    : Either.left("must be a base URL such as https://api.example.com/v1, without user, password or query")
}

/** Hosts of Alibaba's login pages. */
export const LOGIN_HOSTS = [
  "account.aliyun.com",
  "passport.aliyun.com",
  "signin.aliyun.com",
  "login.aliyun.com",
  "devops.aliyun.com",
  "lingma.aliyun.com",
  "account.alibabacloud.com",
  "account-cn.alibabacloud.com",
  "passport.alibabacloud.com",
  "signin.alibabacloud.com",
  "lingma.alibabacloud.com"
].join(",")

export const hours =
  (min: number, max: number): Parse<Duration.Duration> =>
  (raw) =>
    Either.mapBoth(integer(min, max)(raw), { onLeft: (rule) => `${rule} (hours)`, onRight: Duration.hours })

export const millis =
  (min: number, max: number): Parse<Duration.Duration> =>
  (raw) =>
    Either.mapBoth(integer(min, max)(raw), {
      onLeft: (rule) => `${rule} (milliseconds)`,
      onRight: Duration.millis
    })

/** Comma-separated `name=value` pairs, percent-encoded as in OpenTelemetry's variables. */
export const pairs: Parse<ReadonlyArray<readonly [string, string]>> = (raw) =>
  Either.flatMap(list(raw), (items) =>
    Either.all(
      items.map((item): Either.Either<readonly [string, string], string> => {
        const at = item.indexOf("=")
        const name = item.slice(0, at).trim()
        try {
          if (at > 0 && /^[\w.!#$%&'*+^`|~-]+$/.test(name)) {
            return Either.right([name, decodeURIComponent(item.slice(at + 1).trim())])
          }
        } catch {
          // invalid percent-encoding
        }
        return Either.left("must be a comma separated list of name=value, percent-encoded")
      })
    )
  )

export const secretPairs: Parse<ReadonlyArray<readonly [string, Redacted.Redacted]>> = (raw) =>
  Either.map(pairs(raw), (all) => all.map(([name, value]) => [name, Redacted.make(value)] as const))

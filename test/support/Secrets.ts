/**
 * Secrets as they may be written, and a look for them through everything that a program left: its output, its files,
 * its answers. What was found fails the test at hand, and the whole run once more at its end (`test/e2e/setup.ts`).
 */
import { appendFileSync, readdirSync, readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import { Either, Redacted } from "effect"
import * as Account from "../../src/domain/Account.ts"
import { peek } from "../../src/emulator/world/WorkDir.ts"

const percent = (text: string, lower: boolean) =>
  lower ? text.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase()) : text

const html = (text: string, quote: string, apostrophe: string) =>
  text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', quote)
    .replaceAll("'", apostrophe)

const ascii = (text: string) =>
  text.replace(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)

/** What of a secret is the same whatever stands before and after it: base64 at each of its three alignments. */
const base64 = (secret: string) =>
  [0, 1, 2].flatMap((before) => {
    const bytes = Buffer.concat([Buffer.alloc(before), Buffer.from(secret)])
    const text = bytes.toString("base64").replaceAll("=", "")
    const own = text.slice(Math.ceil((before * 4) / 3), Math.floor((bytes.length * 4) / 3))
    return [own, own.replaceAll("+", "-").replaceAll("/", "_")]
  })

/** Every way a secret may be written: clear, URL, JSON, HTML, base64, hexadecimal, and some of them twice. */
const forms = (secret: string): ReadonlyArray<readonly [string, Buffer]> => {
  const url = encodeURIComponent(secret)
  const form = new URLSearchParams({ p: secret }).toString().slice(2)
  const json = JSON.stringify(secret).slice(1, -1)
  const texts: ReadonlyArray<readonly [string, string]> = [
    ["clear", secret],
    ...[url, form, encodeURIComponent(url)].flatMap((text) =>
      [false, true].map((lower) => ["URL", percent(text, lower)] as const)
    ),
    ...[json, ascii(json), JSON.stringify(json).slice(1, -1)].map((text) => ["JSON", text] as const),
    ...[html(secret, "&quot;", "&#39;"), html(secret, '"', "'"), html(secret, "&#34;", "&#x27;")].map(
      (text) => ["HTML", text] as const
    ),
    ...base64(secret).map((text) => ["base64", text] as const),
    ["hexadecimal", Buffer.from(secret).toString("hex")]
  ]
  // A form that is the same as an earlier one goes by that one's name.
  const first = texts.filter(([, text], i) => texts.findIndex((other) => other[1] === text) === i)
  return [
    ...first.map(([name, text]) => [name, Buffer.from(text)] as const),
    ["UTF-16", Buffer.from(secret, "utf16le")] as const
  ]
}

/** What the emulator hands out as a session. */
const token = /[pr]t-[\w-]{32}/
const encoded = /[\w+/-]{40,}/g

const holdsToken = (bytes: Buffer): boolean => {
  const text = bytes.toString("latin1")
  if (token.test(text)) return true
  return [...text.matchAll(encoded)].some(([run]) =>
    [0, 1, 2, 3].some((from) => token.test(Buffer.from(run.slice(from), "base64").toString("latin1")))
  )
}

/** In which forms one of the secrets is there. */
const search = (bytes: Buffer, secrets: Iterable<string>): ReadonlyArray<string> => [
  ...[...secrets].flatMap((secret) => forms(secret).flatMap(([name, form]) => (bytes.includes(form) ? [name] : []))),
  ...(holdsToken(bytes) ? ["a session's token"] : [])
]

/** Shorter ones would be found where they are not. */
const shortest = 8

/** What the settings of a program keep secret. */
export const fromSettings = (env: Readonly<Record<string, string>>): ReadonlyArray<string> => {
  const accounts = Either.getOrElse(Account.parse(env["LINGMA_ACCOUNTS"] ?? ""), () => [])
  const secrets = [
    ...accounts.map(({ password }) => Redacted.value(password)),
    ...["API_KEYS", "ADMIN_KEYS", "METRICS_TOKEN", "LINGMA_PASSWORD"].flatMap((name) => env[name]?.split(",") ?? []),
    ...(env["OTEL_EXPORTER_OTLP_HEADERS"]?.split(",") ?? []).map((pair) =>
      decodeURIComponent(pair.slice(pair.indexOf("=") + 1))
    ),
    ...(env["LINGMA_EMULATOR_USERS"]?.split(",") ?? []).map((pair) => pair.slice(pair.indexOf(":") + 1))
  ].filter((secret) => secret !== "")
  for (const secret of secrets) {
    if (secret.length < shortest) throw new Error(`a secret of a test has ${shortest} characters or more: ${secret}`)
  }
  return secrets
}

export const files = (dir: string): ReadonlyArray<string> =>
  readdirSync(dir, { recursive: true, encoding: "utf8" })
    .map((name) => join(dir, name))
    .filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile() === true)

/** Lingma's own, written by it alone: the session, encrypted, and the name of the machine. They are where secrets belong. */
const session = /\/cache\/(user|machine_token\.json)(\.\d+\.tmp)?$/

const read = (path: string): Buffer => {
  try {
    return readFileSync(path)
  } catch {
    return Buffer.alloc(0) // gone meanwhile
  }
}

/** The tokens in the work dirs under a directory. */
const fromWorkDirs = (paths: ReadonlyArray<string>): ReadonlyArray<string> =>
  paths.flatMap((path) => {
    if (path.endsWith("/cache/machine_token.json")) {
      return [String((JSON.parse(read(path).toString() || "{}") as { readonly token?: string }).token)]
    }
    const account = path.endsWith("/cache/user") ? peek(path.slice(0, -"/cache/user".length)) : undefined
    return account === undefined ? [] : [account.token, account.refreshToken]
  })

const known = new Set<string>()
const findings: Array<string> = []

/** Enters secrets of which nothing that is swept from now on may tell. */
export const keep = (...secrets: ReadonlyArray<string>): void => {
  for (const secret of secrets) known.add(secret)
}

/** Where the sweeps of all test files are told, for the end of the run. */
const ledger = process.env["LINGMA_TEST_LEDGER"]
const enter = (line: Readonly<Record<string, unknown>>) => {
  if (ledger !== undefined) appendFileSync(ledger, `${JSON.stringify(line)}\n`)
}

/** Looks through one text, such as the body of an answer. */
export const sweep = (place: string, text: string | Buffer): void => {
  const found = [...new Set(search(Buffer.from(text), known))].map((form) => `${place}: ${form}`)
  findings.push(...found)
  if (found.length > 0) enter({ found })
}

export interface Left {
  readonly dir: string
  readonly texts: Readonly<Record<string, string>>
  readonly env: Readonly<Record<string, string>>
}

/** The places where something that a program left tells a secret, and how. */
export const look = ({ dir, env, texts }: Left): { readonly found: ReadonlyArray<string>; readonly bytes: number } => {
  const paths = files(dir)
  const secrets = new Set([...known, ...fromSettings(env), ...fromWorkDirs(paths)])
  const places = [
    ...Object.entries(texts).map(([place, text]) => [place, Buffer.from(text)] as const),
    ...paths.filter((path) => !session.test(path)).map((path) => [path.slice(dir.length), read(path)] as const)
  ]
  return {
    found: places.flatMap(([place, bytes]) => [...new Set(search(bytes, secrets))].map((form) => `${place}: ${form}`)),
    bytes: places.reduce((sum, [, bytes]) => sum + bytes.length, 0)
  }
}

/** Everything that was found, a program's own leavings last; empties the list. */
export const settle = (left: Left): ReadonlyArray<string> => {
  const { bytes, found } = look(left)
  enter({ program: true, bytes, found })
  return [...findings.splice(0), ...found]
}

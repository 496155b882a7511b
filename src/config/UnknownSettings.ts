/**
 * Finds names that look like settings and are none, with the setting that was probably meant.
 *
 * A wrong hint is worse than none: most of an environment belongs to other programs.
 */
import { settings } from "./Config.ts"

/** Where a name was found. A `--config` file is the gateway's alone; a `.env` may be shared with others. */
export type Source =
  | { readonly _tag: "Environment" }
  | { readonly _tag: "File"; readonly path: string; readonly line: number; readonly isNamed: boolean }

export interface UnknownSetting {
  readonly name: string
  readonly from: Source
  /** The setting that was probably meant, if it can be told. */
  readonly near: string | undefined
}

/** For people; without the value, which may be a secret. */
export const message = ({ from, name, near }: UnknownSetting): string => {
  const place = from._tag === "File" ? ` (${from.path}, line ${from.line})` : ""
  return `${name}${place} is no setting and has no effect.${near === undefined ? "" : ` Did you mean ${near}?`}`
}

const known: ReadonlyArray<string> = settings.map(({ name }) => name)
const isKnown = new Set(known)

/** No other program's, as a rule. */
const OURS = /^(?:GATEWAY|LINGMA|AUTO_LOGIN)_/
/** What others set under these prefixes, or what is one letter away from a setting. */
const FOREIGN =
  /^(?:LINGMA_(?:EMULATOR|TEST)_\w+|LINGMA_(?:API_KEY|URL)|GATEWAY_(?:URL|INTERFACE)|APP_KEYS|OTEL_LOGS_\w+)$/
/** Of services beside ours, from Kubernetes and Docker; a service named `gateway` has such variables. */
const LINKED = /(?:_SERVICE_(?:HOST|PORT(?:_\w+)?)|_PORT_\d+_(?:TCP|UDP|SCTP)(?:_\w+)?|_ENV_\w+)$/
const isLinked = (name: string, value: string) => LINKED.test(name) || /^(?:tcp|udp|sctp):\/\//.test(value)
/** For the process itself: a file may serve systemd or Docker, too. */
const PROCESS =
  /^(?:PATH|HOME|LANG|LC_\w+|TZ|TMPDIR|DISPLAY|WAYLAND_DISPLAY|NO_COLOR|FORCE_COLOR|(?:HTTPS?|ALL|NO)_PROXY|NODE_\w+|SSL_CERT_\w+|XDG_\w+|OTEL_\w+|COMPOSE_\w+|DOCKER_\w+)$/i

/** Edits to get from one to the other; two neighbours that changed places are one. */
export const distance = (a: string, b: string): number => {
  let before: ReadonlyArray<number> = []
  let row: ReadonlyArray<number> = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const isSame = a[i - 1] === b[j - 1]
      const isSwapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      const edits = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (isSame ? 0 : 1))
      next.push(isSwapped ? Math.min(edits, before[j - 2]! + 1) : edits)
    }
    before = row
    row = next
  }
  return row[b.length]!
}

const only = (names: ReadonlyArray<string>): string | undefined => (names.length === 1 ? names[0] : undefined)

/** The setting of the same words under another prefix or none, or with a unit that is missing or too many. */
const alike = (name: string): string | undefined => {
  const bare = name.replace(OURS, "")
  const forms = [bare, `GATEWAY_${bare}`, `LINGMA_${bare}`, name.replace(/_(?:SEC|SECONDS|MS|MB|MINUTES)$/, "")]
  return (
    only([...new Set(forms)].filter((form) => form !== name && isKnown.has(form))) ??
    only(known.filter((one) => one.startsWith(`${name}_`) || one === `${name}S`))
  )
}

/** The closest one by spelling, unless two are as close. */
const spelt = (name: string, most: number): string | undefined => {
  const near = known
    .filter((one) => Math.abs(one.length - name.length) <= most)
    .map((one) => [one, distance(name, one)] as const)
    .filter(([, edits]) => edits <= most)
  const least = Math.min(...near.map(([, edits]) => edits))
  return only(near.filter(([, edits]) => edits === least).map(([one]) => one))
}

const nearest = (name: string, isLikelyOurs: boolean): string | undefined => {
  const upper = name.toUpperCase().replaceAll(/[-.]/g, "_")
  if (isKnown.has(upper)) return upper
  if (!isLikelyOurs) return upper.length < 7 ? undefined : spelt(upper, 1)
  const own = upper.replace(OURS, "").length
  return alike(upper) ?? spelt(upper, upper.startsWith("OTEL_") ? 1 : Math.max(1, Math.min(3, Math.floor(own / 4))))
}

/** Of a file the value still has its quotes. */
const passedOn = (value = ""): ReadonlySet<string> =>
  new Set(
    value
      .replaceAll(/^["'`]|["'`]$/g, "")
      .split(",")
      .map((name) => name.trim())
  )

export interface Entry {
  readonly name: string
  readonly value: string
  readonly from: Source
}

/** Those of all that is set, in their order. */
export const find = (entries: ReadonlyArray<Entry>): ReadonlyArray<UnknownSetting> => {
  const set = new Map(entries.map(({ name, value }) => [name, value]))
  const forChild = passedOn(set.get("LINGMA_CHILD_ENV"))
  return entries.flatMap(({ from, name, value }) => {
    if (isKnown.has(name) || FOREIGN.test(name) || forChild.has(name) || isLinked(name, value)) return []
    const isFile = from._tag === "File"
    const isOurs = OURS.test(name)
    const near = nearest(name, isOurs || isFile)
    if (isOurs) return [{ name, from, near }]
    if (near === undefined) return isFile && from.isNamed && !PROCESS.test(name) ? [{ name, from, near }] : []
    // Whoever has set the right one knows it: the other is another program's.
    return set.has(near) && !isFile ? [] : [{ name, from, near }]
  })
}

/**
 * Masks secrets in texts that are kept for administrators: unlike `redact`, it leaves everything else as it was.
 */
import { KEYS } from "../Redact.ts"

/** What is no secret of a match comes first in it, as a group. Each takes time that grows with the text. */
const rules: ReadonlyArray<RegExp> = [
  KEYS,
  // Tokens of well-known services, and signed tokens.
  /\b(?:gh[opsu]_|github_pat_|glpat-|xox[abeprs]-|AKIA|AIza)[\w-]{12,}/g,
  /(?<![\w-])eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]+)?/g,
  /-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[^-]{0,8000}/g,
  // The user info of a URL. Each begins with what is rare: a name before it makes no difference.
  /(:\/\/)[^\s/?#"'@]{1,200}@/g,
  // Headers, and what is named as a secret and looks like one.
  /((?:authorization|api-key|cookie)\b\\?["']?\s{0,9}[:=]\s{0,9}\\?["']?)[^\s"'\\][^\r\n"'\\,}]*/gi,
  /((?:token|passwd|passw(?:or)?d|secret|(?:api|access|secret|private)[_-]?key)\b\\?["']?\s{0,9}[:=]\s{0,9}\\?["']?)(?=[^\s"'\\,;&}]{0,99}\d)[^\s"'\\,;&}]{6,}/gi
]

/** Names of fields and headers whose value is a secret. */
const NAMED =
  /^(?:.*authorization|.*api[-_]?key|(?:set-)?cookie|passwd|passw(?:or)?d|.*secret|(?:access|refresh|id|auth|x-auth|csrf)[-_]?token|x-.*-token)$/i

export const isSecretName = (name: string): boolean => NAMED.test(name)

export const SIGN = "…"
/** A secret that is known is looked for as it stands; shorter ones would be found everywhere. */
const SHORTEST = 6

type Range = readonly [from: number, to: number]

const rangesOf = (text: string, known: ReadonlyArray<string>): ReadonlyArray<Range> => {
  const found: Array<Range> = []
  for (const rule of rules) {
    // Without the copy of the rule that `matchAll` makes: there are many short texts.
    rule.lastIndex = 0
    for (let match = rule.exec(text); match !== null; match = rule.exec(text))
      found.push([match.index + (match[1]?.length ?? 0), match.index + match[0].length])
  }
  for (const secret of known) {
    if (secret.length < SHORTEST) continue
    for (let at = text.indexOf(secret); at >= 0; at = text.indexOf(secret, at + secret.length))
      found.push([at, at + secret.length])
  }
  const merged: Array<[number, number]> = []
  for (const [from, to] of found.sort(([a], [b]) => a - b)) {
    const last = merged.at(-1)
    if (last !== undefined && from <= last[1]) last[1] = Math.max(last[1], to)
    else merged.push([from, to])
  }
  return merged
}

export interface Masked<A> {
  readonly value: A
  /** How many secrets there were. */
  readonly secrets: number
}

/** A text that came in pieces: a secret may lie across several of them. */
export const pieces = (all: ReadonlyArray<string>, known: ReadonlyArray<string>): Masked<ReadonlyArray<string>> => {
  const ranges = rangesOf(all.join(""), known)
  if (ranges.length === 0) return { value: all, secrets: 0 }
  let begin = 0
  let next = 0
  const value = all.map((piece) => {
    const end = begin + piece.length
    let kept = ""
    let at = begin
    while (next < ranges.length && ranges[next]![0] < end) {
      const [from, to] = ranges[next]!
      if (from >= begin) kept += piece.slice(at - begin, from - begin) + SIGN
      at = Math.min(to, end)
      if (to > end) break
      next++
    }
    kept += piece.slice(at - begin)
    begin = end
    return kept
  })
  return { value, secrets: ranges.length }
}

export const text = (whole: string, known: ReadonlyArray<string>): Masked<string> => {
  const { secrets, value } = pieces([whole], known)
  return { value: value[0] ?? "", secrets }
}

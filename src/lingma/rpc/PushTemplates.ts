/**
 * Fast path for pushes that are identical to an earlier one except for `text`: they are recognized by the bytes around
 * the text, and only that string is parsed. Most tokens arrive so, and parsing is the largest cost per token.
 */
import { ChurnMap } from "../../runtime/ChurnMap.ts"

/** `A` is the type of the receivers. */
export interface Repeats<A> {
  /** Passes the text of `body` to its receiver if the rest matches a template; false = parse it. */
  readonly hear: (body: string) => boolean
  /** Whether `learn` is worthwhile for this turn. */
  readonly wants: (requestId: string) => boolean
  /** Adds a template from `body`, which contains `text` and the turn's `requestId`. */
  readonly learn: (requestId: string, body: string, text: string, hearer: A) => void
  /** Removes the template of a finished turn. */
  readonly forget: (requestId: string) => void
}

interface Pattern<A> {
  /** The body up to the text's opening quote, and from its closing quote on. */
  readonly before: string
  readonly behind: string
  readonly hearer: A
}

interface Known<A> {
  pattern: Pattern<A> | undefined
  /** Templates that never matched. */
  tries: number
}

/** After this many templates without a match, a turn is skipped. */
const TRIES = 8
/** Max characters of a body used as a template. */
const LONGEST = 4096

const QUOTE = 0x22
const MARK = `"text":`
const LITERAL = /"[^"\\]*(?:\\.[^"\\]*)*"/y

/** Below this length V8 copies a slice; a longer slice would retain the whole body. */
const SHORT = 12

const isPlain = (literal: string): boolean => {
  for (let i = 1; i < literal.length - 1; i++) {
    const unit = literal.charCodeAt(i)
    if (unit < 0x20 || unit === 0x22 || unit === 0x5c) return false
  }
  return true
}

const parse = (literal: string): unknown => {
  if (literal.length <= SHORT && isPlain(literal)) return literal.slice(1, -1)
  try {
    return JSON.parse(literal)
  } catch {
    return undefined
  }
}

/** The body before and after the text; undefined unless it has exactly one text field. */
const split = (body: string, text: string) => {
  const mark = body.indexOf(MARK)
  if (mark < 0 || body.length > LONGEST || body.indexOf(MARK, mark + 1) >= 0) return undefined
  const from = mark + MARK.length
  LITERAL.lastIndex = from
  const literal = LITERAL.exec(body)?.[0]
  if (literal === undefined || parse(literal) !== text) return undefined
  return { before: body.slice(0, from), behind: body.slice(from + literal.length) }
}

const placeOf = (requestId: string, before: string, behind: string): number | undefined => {
  const ahead = before.indexOf(requestId)
  if (ahead >= 0) return ahead
  const after = behind.indexOf(requestId)
  return after < 0 ? undefined : after - behind.length
}

export const make = <A>(say: (hearer: A, text: string) => void): Repeats<A> => {
  const turns = new ChurnMap<string, Known<A>>()
  /** Offset of the request id in a body (negative = from its end); constant for a given build of Lingma. */
  let at = 0
  let length = 0

  return {
    hear: (body) => {
      const start = at < 0 ? body.length + at : at
      const known = turns.get(body.slice(start, start + length))
      if (known?.pattern === undefined) return false
      const { before, behind, hearer } = known.pattern
      const from = before.length
      const to = body.length - behind.length
      // Comparing slices is faster: `startsWith` compares character by character.
      if (to - from < 2 || body.slice(0, from) !== before || body.slice(to) !== behind) return false
      // Starts and ends with a quote: one string, or invalid JSON.
      if (body.charCodeAt(from) !== QUOTE || body.charCodeAt(to - 1) !== QUOTE) return false
      const text = parse(body.slice(from, to))
      if (typeof text !== "string") return false
      known.tries = 0
      say(hearer, text)
      return true
    },
    wants: (requestId) => (turns.get(requestId)?.tries ?? 0) < TRIES,
    learn: (requestId, body, text, hearer) => {
      const known = turns.get(requestId) ?? { pattern: undefined, tries: 0 }
      known.tries++
      turns.set(requestId, known)
      const found = split(body, text)
      const place = found && placeOf(requestId, found.before, found.behind)
      if (found === undefined || place === undefined) return
      known.pattern = { ...found, hearer }
      at = place
      length = requestId.length
    },
    forget: (requestId) => {
      turns.delete(requestId)
    }
  }
}

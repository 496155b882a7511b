/**
 * Pushes that say what an earlier one said but for their text: known by what stands before and behind it, so that
 * their text alone is parsed. Most of an answer comes so, and parsing is the dearest part of a token.
 */
import { ChurnMap } from "../../runtime/ChurnMap.ts"

/** `A` is whoever hears the texts. */
export interface Repeats<A> {
  /** Hands over the text of `body` if the rest of it is known; else it has to be parsed. */
  readonly hear: (body: string) => boolean
  /** Whether it is worth the while to `learn` of this turn. */
  readonly wants: (requestId: string) => boolean
  /** `body` says `text`, and names the turn `requestId`. */
  readonly learn: (requestId: string, body: string, text: string, hearer: A) => void
  /** The turn is over. */
  readonly forget: (requestId: string) => void
}

interface Pattern<A> {
  /** The body up to the text's first quote, and from behind its last. */
  readonly before: string
  readonly behind: string
  readonly hearer: A
}

interface Known<A> {
  pattern: Pattern<A> | undefined
  /** How many were learned in vain. */
  tries: number
}

/** A turn whose pushes do not repeat is left alone after so many. */
const TRIES = 8
/** Most characters of a body that is learned from. */
const LONGEST = 4096

const QUOTE = 0x22
const MARK = `"text":`
const LITERAL = /"[^"\\]*(?:\\.[^"\\]*)*"/y

/** A longer slice of a body would keep all of it; a shorter one is a string of its own. */
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

/** Where the text is, if there is one only. */
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
  /** Where a body names its turn, from its end where that is negative: the same for all that one program writes. */
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
      // Slices are compared by words; `startsWith` goes character by character.
      if (to - from < 2 || body.slice(0, from) !== before || body.slice(to) !== behind) return false
      // What begins and ends with a quote is one string, or no JSON.
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

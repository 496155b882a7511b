/**
 * Counts the tokens of a text with a vocabulary, piece by piece, so that neither a long run nor a long answer costs
 * more than its length, and so that it does not matter how the text came.
 */
import type { Counter } from "./TokenEstimate.ts"

/** From here on a piece ends before the next single blank behind a word: no token reaches over that. */
const MIN_PIECE = 128
/** The longest piece: vocabularies take quadratic time in runs without a boundary. */
const MAX_PIECE = 256

const SPACE = 0x20
const isSpace = (unit: number) => /\s|\u0085/.test(String.fromCharCode(unit))
const isHigh = (unit: number) => unit >= 0xd800 && unit < 0xdc00

/** `countOf` gets at most 256 UTF-16 units at once. */
export const counter = (countOf: (piece: string) => number): Counter => {
  let counted = 0
  let pending = ""
  /** Of what is pending; unknown after something was added. */
  let tail: number | undefined = 0

  /** Where the piece that begins at `from` ends; undefined as long as that cannot be told. */
  const endOf = (text: string, from: number): number | undefined => {
    const last = Math.min(text.length, from + MAX_PIECE)
    for (let at = from + MIN_PIECE; at < last; at++) {
      if (text.charCodeAt(at) === SPACE && !isSpace(text.charCodeAt(at - 1))) return at
    }
    if (last < from + MAX_PIECE) return undefined
    return isHigh(text.charCodeAt(last - 1)) ? last - 1 : last
  }

  return {
    add: (text) => {
      if (text === "") return
      const whole = pending + text
      let from = 0
      for (let end = endOf(whole, from); end !== undefined; end = endOf(whole, from)) {
        counted += countOf(whole.slice(from, end))
        from = end
      }
      pending = whole.slice(from)
      tail = undefined
    },
    total: () => {
      tail ??= countOf(pending)
      return counted + tail
    }
  }
}

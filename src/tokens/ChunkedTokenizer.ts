/**
 * Counts tokens with a vocabulary in bounded chunks, so that the cost is linear and the result does not depend on how
 * the text was streamed.
 */
import type { Counter } from "./TokenEstimate.ts"

/** From this length on, a chunk ends before the next single blank after a word, which no token spans. */
const MIN_PIECE = 128
/** Max length of a chunk: tokenizers take quadratic time in runs without a boundary. */
const MAX_PIECE = 256

const SPACE = 0x20
const isSpace = (unit: number) => /\s|\u0085/.test(String.fromCharCode(unit))
const isHigh = (unit: number) => unit >= 0xd800 && unit < 0xdc00

/** `countOf` receives at most 256 UTF-16 units per call. */
export const counter = (countOf: (piece: string) => number): Counter => {
  let counted = 0
  let pending = ""
  /** Token count of the pending text; undefined after text was added. */
  let tail: number | undefined = 0

  /** End of the chunk that starts at `from`; undefined while undecided. */
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

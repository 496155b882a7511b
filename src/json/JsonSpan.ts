/**
 * The scanner of JSON text: finds the end of a value, ignoring brackets in strings, without validating it. It is fed
 * character by character, so that the text may come in pieces; `endOfString` is for a text that is there as a whole.
 */
import { isBlank } from "./Json.ts"

export interface JsonSpan {
  /** "end": `code` was the last bracket. */
  readonly step: (code: number) => "more" | "end" | "deep"
  readonly inString: () => boolean
}

const QUOTE = 34
const APOSTROPHE = 39
const BACKSLASH = 92
const isOpener = (code: number) => code === 123 || code === 91
const isCloser = (code: number) => code === 125 || code === 93
/** `{`, `[`, `,` and `:`; only there a Python string begins. */
const beginsValue = (code: number) => isOpener(code) || code === 44 || code === 58

/** Max nesting depth of what a model wrote in place of JSON; deeper input is assumed to be malicious. */
const MAX_DEPTH = 200

export interface SpanOptions {
  /** Python's strings in apostrophes are strings, too. */
  readonly python: boolean
  readonly maxDepth: number
}

export const strict: SpanOptions = { python: false, maxDepth: Number.POSITIVE_INFINITY }
const lenient: SpanOptions = { python: true, maxDepth: MAX_DEPTH }

export const make = ({ maxDepth, python }: SpanOptions = lenient): JsonSpan => {
  let depth = 0
  let quote = 0
  let escaped = false
  let before = 0
  return {
    step: (code) => {
      if (quote !== 0) {
        if (escaped) escaped = false
        else if (code === BACKSLASH) escaped = true
        else if (code === quote) {
          quote = 0
          before = code
        }
        return "more"
      }
      if (isBlank(code)) return "more"
      if (code === QUOTE || (python && code === APOSTROPHE && beginsValue(before))) quote = code
      else if (isOpener(code)) {
        if (++depth > maxDepth) return "deep"
      } else if (isCloser(code) && --depth <= 0) return "end"
      before = code
      return "more"
    },
    inString: () => quote !== 0
  }
}

/** The offset of the quote that ends the string whose first quote is at `from`; -1 if there is none. */
export const endOfString = (text: string, from: number): number => {
  let end = text.indexOf('"', from + 1)
  while (end > 0) {
    let at = end
    while (text.charCodeAt(at - 1) === BACKSLASH) at--
    // After an even number of backslashes none of them is the quote's.
    if ((end - at) % 2 === 0) return end
    end = text.indexOf('"', end + 1)
  }
  return -1
}

/**
 * Finds the end of a JSON value, ignoring brackets in strings, without validating it.
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

/** Max nesting depth; deeper input is assumed to be malicious. */
const MAX_DEPTH = 200

export const make = (): JsonSpan => {
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
      if (code === QUOTE || (code === APOSTROPHE && beginsValue(before))) quote = code
      else if (isOpener(code)) {
        if (++depth > MAX_DEPTH) return "deep"
      } else if (isCloser(code) && --depth <= 0) return "end"
      before = code
      return "more"
    },
    inString: () => quote !== 0
  }
}

/**
 * Finds a JSON object or array in a text that comes by pieces, and where it ends: brackets in strings do not count.
 */

/** Where in a piece something was found. */
export interface Opening {
  /** The bracket and the blanks after it, as far as they came with earlier pieces. */
  readonly before: string
  /** Where the rest begins in the piece. */
  readonly at: number
}

const BLANK = new Set([" ", "\n", "\r", "\t"])
const OPENERS = new Set(["{", "["])
const AFTER = { "{": new Set(['"', "}"]), "[": new Set([...']"{[-0123456789tfn']) }

/** Looks for a bracket that JSON can go on after; brackets of prose are passed over. */
export const opener = (): ((piece: string) => Opening | undefined) => {
  let bracket: "{" | "[" | undefined
  let gap: Array<string> = []
  return (piece) => {
    let from = 0
    for (let i = 0; i < piece.length; i++) {
      const char = piece[i]!
      if (bracket !== undefined && AFTER[bracket].has(char)) return { before: gap.join(""), at: from }
      if (bracket !== undefined && BLANK.has(char)) continue
      bracket = char === "{" || char === "[" ? char : undefined
      gap = []
      from = i
    }
    if (bracket !== undefined) gap.push(piece.slice(from))
    return undefined
  }
}

/** Tells where in a piece the value ends, which began with the first piece; undefined as long as it goes on. */
export const closer = (): ((piece: string) => number | undefined) => {
  let depth = 0
  let isString = false
  let isEscaped = false
  return (piece) => {
    for (let i = 0; i < piece.length; i++) {
      const char = piece[i]!
      if (isEscaped) isEscaped = false
      else if (isString) {
        if (char === "\\") isEscaped = true
        else if (char === '"') isString = false
      } else if (char === '"') isString = true
      else if (OPENERS.has(char)) depth++
      else if ((char === "}" || char === "]") && --depth === 0) return i + 1
    }
    return undefined
  }
}

/** The first one in a whole text from a place on; its end is undefined when the text breaks off before. */
export const find = (text: string, from: number): { readonly start: number; readonly end?: number } | undefined => {
  const opening = opener()(text.slice(from))
  if (opening === undefined) return undefined
  const start = from + opening.at
  const length = closer()(text.slice(start))
  return length === undefined ? { start } : { start, end: start + length }
}

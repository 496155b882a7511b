/**
 * Finds the start and end of a JSON object or array in streamed text, ignoring brackets in strings.
 */
import * as JsonSpan from "./JsonSpan.ts"

/** A start that was found in a piece. */
export interface Opening {
  /** The bracket and the blanks after it that were in earlier pieces. */
  readonly before: string
  /** Offset of the rest in this piece. */
  readonly at: number
}

const BLANK = new Set([" ", "\n", "\r", "\t"])
const AFTER = { "{": new Set(['"', "}"]), "[": new Set([...']"{[-0123456789tfn']) }

/** Finds a bracket followed by something that can continue JSON; skips brackets in prose. */
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

/** Returns the end of the value in a piece; undefined while it is incomplete. The first piece starts with the value. */
export const closer = (): ((piece: string) => number | undefined) => {
  const span = JsonSpan.make(JsonSpan.strict)
  return (piece) => {
    for (let i = 0; i < piece.length; i++) if (span.step(piece.charCodeAt(i)) === "end") return i + 1
    return undefined
  }
}

/** The first value in a whole text from an offset on; `end` is undefined if the text is truncated. */
export const find = (text: string, from: number): { readonly start: number; readonly end?: number } | undefined => {
  const opening = opener()(text.slice(from))
  if (opening === undefined) return undefined
  const start = from + opening.at
  const length = closer()(text.slice(start))
  return length === undefined ? { start } : { start, end: start + length }
}

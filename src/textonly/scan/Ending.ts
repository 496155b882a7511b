/**
 * Finds one marker in text that comes by pieces.
 */
import { LESS } from "../forms/Markup.ts"

export interface Ending {
  /** The place behind the marker, or undefined when the piece ends before. */
  readonly find: (piece: string, from: number) => number | undefined
}

/** `marker` has its first character, `<`, nowhere else. */
export const make = (marker: string): Ending => {
  let tag = ""
  return {
    find: (piece, from) => {
      for (let at = from; at < piece.length; at++) {
        const unit = piece.charCodeAt(at)
        if (tag === "" && unit !== LESS) continue
        const next = tag + piece[at]
        tag = marker.startsWith(next) ? next : unit === LESS ? "<" : ""
        if (tag === marker) return at + 1
      }
      return undefined
    }
  }
}

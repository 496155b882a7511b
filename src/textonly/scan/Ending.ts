/**
 * Finds one marker in streamed text.
 */
import { LESS } from "../forms/Markup.ts"

export interface Ending {
  /** Offset after the marker; undefined if it is not complete in this piece. */
  readonly find: (piece: string, from: number) => number | undefined
}

/** `marker` contains `<` only at its start. */
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

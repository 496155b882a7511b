/**
 * What waits for slow readers of a gateway's streams. A reader that falls behind is cut at `CAPACITY`, or at its share
 * when all readers together hold too much.
 */
import { CAPACITY } from "./Sse.ts"

/** A reader that takes nothing for this long, in milliseconds, is disconnected. */
export const PATIENCE = 30_000

/** Fraction of that time while more than `CAPACITY` is buffered, as after a single write of megabytes. */
const HURRY = 1 / 6

/** Max characters that wait for all readers of a gateway together; beyond it, a reader with more than its share is cut. */
const TOGETHER = 48 << 20
export const SHARE = 64 << 10

/** What waits for the readers of one gateway. */
export interface Backlog {
  characters: number
}

export const backlog = (): Backlog => ({ characters: 0 })

export const patienceFor = (size: number, patience: number): number => (size > CAPACITY ? patience * HURRY : patience)

export interface Part {
  /** Sets how many characters are buffered for this reader. */
  readonly hold: (size: number) => void
  readonly held: () => number
  readonly isTooMuch: () => boolean
}

/** One reader's share of the backlog. */
export const part = (all: Backlog): Part => {
  let held = 0
  return {
    hold: (size) => {
      all.characters += size - held
      held = size
    },
    held: () => held,
    isTooMuch: () => held > CAPACITY || (held > SHARE && all.characters > TOGETHER)
  }
}

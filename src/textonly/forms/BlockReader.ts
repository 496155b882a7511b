/**
 * Reads the text of a block as it comes, up to its end or its bound, and keeps it.
 */
import type { CallBlock } from "./CallBlock.ts"

export interface Options {
  /** Was read already. */
  readonly opener: string
  readonly maxLength: number
  readonly isOpen: () => boolean
  /** One character, by its place in the block. */
  readonly step: (char: string, at: number) => void
  /** The block is longer than it may be. */
  readonly over: () => void
}

export const make = ({ isOpen, maxLength, opener, over, step }: Options): Pick<CallBlock, "read" | "raw"> => {
  const parts = [opener]
  let length = opener.length
  let whole: string | undefined
  return {
    read: (text, start) => {
      let at = start
      const room = maxLength - length
      while (at < text.length && isOpen()) {
        if (at - start >= room) {
          over()
          break
        }
        step(text[at]!, length + at - start)
        at++
      }
      parts.push(text.slice(start, at))
      length += at - start
      whole = undefined
      return at
    },
    raw: () => {
      whole ??= parts.join("")
      return whole
    }
  }
}

/**
 * Reads and buffers a streamed block up to its end or its size limit.
 */
import type { CallBlock } from "./CallBlock.ts"

export interface Options {
  /** The opener, already read. */
  readonly opener: string
  readonly maxLength: number
  readonly isOpen: () => boolean
  /** Called for each character, with its offset in the block. */
  readonly step: (char: string, at: number) => void
  /** Called when the block exceeds its size limit. */
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

/**
 * Remembers the text sent so far as its length and a 64-bit hash, to compute what a full replacement text adds to it.
 */

export interface SentText {
  readonly add: (text: string) => void
  /** The part of `text` after the sent prefix; undefined if `text` does not start with it. */
  readonly rest: (text: string) => string | undefined
}

/** Two 32-bit FNV-1a hashes; the second one also mixes in the first. */
const PRIME = 0x01000193
const hash = () => ({ length: 0, low: 0x811c9dc5, high: 0x050c5d1f })
type Hash = ReturnType<typeof hash>

const absorb = (into: Hash, text: string, until = text.length) => {
  let { high, low } = into
  for (let i = 0; i < until; i++) {
    const unit = text.charCodeAt(i)
    low = Math.imul(low ^ unit, PRIME)
    high = Math.imul(high ^ unit ^ (low >>> 16), PRIME)
  }
  into.length += until
  into.low = low
  into.high = high
  return into
}

export const make = (): SentText => {
  const sent = hash()
  return {
    add: (text) => {
      absorb(sent, text)
    },
    rest: (text) => {
      if (text.length < sent.length) return undefined
      const { high, low } = absorb(hash(), text, sent.length)
      return high === sent.high && low === sent.low ? text.slice(sent.length) : undefined
    }
  }
}

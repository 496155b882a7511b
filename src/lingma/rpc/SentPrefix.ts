/**
 * A text that only grows, remembered by its length and a hash of 64 bits: enough to tell what another adds to it.
 */

export interface SentText {
  readonly add: (text: string) => void
  /** What `text` goes on with; undefined when it does not begin with what was sent. */
  readonly rest: (text: string) => string | undefined
}

/** FNV-1a, once per half; the second half hears of the first. */
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

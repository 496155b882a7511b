/**
 * Digests and their places, as every request looks for one: an open table of numbers.
 *
 * A `Map` of texts in hex cost more than the hash: each text is hashed once more, and at 10,000 keys each object on the way
 * to an entry is one that the processor does not have at hand.
 */
import * as Digest from "./Digest.ts"

const { WORDS } = Digest

/** `digests` in hex, each once; gives the place of a digest among them, or -1. */
export const make = (digests: ReadonlyArray<string>) => {
  // At most a quarter is taken, so that a look ends after one or two slots.
  const mask = 2 ** Math.ceil(Math.log2(digests.length * 4 + 2)) - 1
  /** Places from 1; 0 is an empty slot, of which there always is one. */
  const slots = new Int32Array(mask + 1)
  const words = new Int32Array(digests.length * WORDS)
  for (const [place, digest] of digests.entries()) {
    words.set(Digest.toWords(digest), place * WORDS)
    let slot = (words[place * WORDS] ?? 0) & mask
    while (slots[slot] !== 0) slot = (slot + 1) & mask
    slots[slot] = place + 1
  }
  return (asked: Int32Array): number => {
    for (let slot = (asked[0] ?? 0) & mask; ; slot = (slot + 1) & mask) {
      const place = (slots[slot] ?? 0) - 1
      if (place < 0) return -1
      // All of it, wherever the two differ: how long it takes tells nothing of the digest that is there.
      const at = place * WORDS
      let differs = 0
      for (let i = 0; i < WORDS; i++) differs |= (words[at + i] ?? 0) ^ (asked[i] ?? 0)
      if (differs === 0) return place
    }
  }
}

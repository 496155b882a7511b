/**
 * A cache that drops what has not been used for longest once its entries cost too much together.
 */
export class Lru<K, V> {
  readonly #entries = new Map<K, V>()
  readonly #max: number
  readonly #costOf: (value: V) => number
  #cost = 0

  /** `max` is a number of entries, unless `costOf` measures them otherwise. */
  constructor(max: number, costOf: (value: V) => number = () => 1) {
    this.#max = max
    this.#costOf = costOf
  }

  /** The cost of all entries. */
  get cost(): number {
    return this.#cost
  }

  /** The entry, from now on the one used last. */
  get(key: K): V | undefined {
    const known = this.#entries.get(key)
    return known === undefined ? undefined : this.getOrMake(key, () => known)
  }

  /** The entry, from now on the one used last; made and kept if there is none. An entry that costs too much by itself is not kept. */
  getOrMake(key: K, make: () => V): V {
    const known = this.#entries.get(key)
    const value = known ?? make()
    if (known === undefined) this.#cost += this.#costOf(value)
    // Inserted anew: a Map keeps the order of insertion.
    this.#entries.delete(key)
    this.#entries.set(key, value)
    for (const [oldest, one] of this.#entries) {
      if (this.#cost <= this.#max) break
      this.#entries.delete(oldest)
      this.#cost -= this.#costOf(one)
    }
    return value
  }
}

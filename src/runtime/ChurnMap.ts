/**
 * A `Map` for what lives as long as a request.
 *
 * V8 leads from each table of a `Map` to the one that replaced it. Where entries come and go for as long as a program
 * runs, one table that grew old keeps all later ones alive until the next full collection, with what they held: whole
 * requests. Here the `Map` itself is replaced before that, at a constant cost per entry.
 */

/** Removals after which it is replaced; as many as there are entries where those are more. */
const RENEW = 32

export class ChurnMap<K, V> {
  #map = new Map<K, V>()
  #removed = 0

  get size(): number {
    return this.#map.size
  }

  get(key: K): V | undefined {
    return this.#map.get(key)
  }

  set(key: K, value: V): void {
    this.#map.set(key, value)
  }

  delete(key: K): boolean {
    if (!this.#map.delete(key)) return false
    if (++this.#removed > Math.max(RENEW, this.#map.size)) {
      this.#map = new Map(this.#map)
      this.#removed = 0
    }
    return true
  }

  clear(): void {
    this.#map = new Map()
    this.#removed = 0
  }

  /** Each entry that is there at its turn, the oldest first; entries may be added and removed meanwhile. */
  forEach(visit: (value: V, key: K) => void): void {
    for (const [key, value] of this.#map) if (this.#map.get(key) === value) visit(value, key)
  }

  values(): Array<V> {
    return [...this.#map.values()]
  }
}

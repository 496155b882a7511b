/**
 * A binary heap whose items may change their order, and leave from its middle, in logarithmic time.
 *
 * Each item keeps its own place in the heap: `placeOf` reads it, `setPlace` writes it.
 */

export interface HeapOptions<T> {
  /** Strict: of two equal items neither is before the other. */
  readonly isBefore: (a: T, b: T) => boolean
  /** The place that `setPlace` wrote last. */
  readonly placeOf: (item: T) => number
  readonly setPlace: (item: T, place: number) => void
}

export class Heap<T> {
  readonly #items: Array<T> = []
  readonly #options: HeapOptions<T>

  constructor(options: HeapOptions<T>) {
    this.#options = options
  }

  get size(): number {
    return this.#items.length
  }

  /** The one that none is before. */
  get first(): T | undefined {
    return this.#items[0]
  }

  add(item: T): void {
    this.#items.push(item)
    this.#rise(item, this.#items.length - 1)
  }

  /** To be called once the order of an item in the heap has changed. */
  moved(item: T): void {
    this.#rise(item, this.#sink(item, this.#options.placeOf(item)))
  }

  /** The item must be in the heap. */
  remove(item: T): void {
    const last = this.#items.pop()
    if (last === undefined || last === item) return
    const place = this.#options.placeOf(item)
    this.#put(last, place)
    this.moved(last)
  }

  #put(item: T, place: number): void {
    this.#items[place] = item
    this.#options.setPlace(item, place)
  }

  #rise(item: T, from: number): void {
    let place = from
    while (place > 0) {
      const above = (place - 1) >> 1
      const parent = this.#items[above]!
      if (!this.#options.isBefore(item, parent)) break
      this.#put(parent, place)
      place = above
    }
    this.#put(item, place)
  }

  /** Where it came to lie. */
  #sink(item: T, from: number): number {
    let place = from
    for (;;) {
      let below = 2 * place + 1
      if (below >= this.#items.length) break
      if (below + 1 < this.#items.length && this.#options.isBefore(this.#items[below + 1]!, this.#items[below]!))
        below++
      const child = this.#items[below]!
      if (!this.#options.isBefore(child, item)) break
      this.#put(child, place)
      place = below
    }
    this.#put(item, place)
    return place
  }
}

/**
 * Bytes that records and those on their way take, within one bound; and what one request may take of them.
 */
export interface Room {
  /** False where there is no place for so many bytes more, also once older records have made way. */
  readonly take: (bytes: number) => boolean
  readonly give: (bytes: number) => void
}

/** Of one request, until `release`. */
export class Quota implements Room {
  #left: number
  #taken = 0
  readonly #room: Room

  constructor(most: number, room: Room) {
    this.#left = most
    this.#room = room
  }

  take(bytes: number): boolean {
    if (bytes > this.#left || !this.#room.take(bytes)) return false
    this.#left -= bytes
    this.#taken += bytes
    return true
  }

  give(bytes: number): void {
    this.#left += bytes
    this.#taken -= bytes
    this.#room.give(bytes)
  }

  release(): void {
    this.#room.give(this.#taken)
    this.#left = 0
    this.#taken = 0
  }
}

const FIRST = 256

/** A text that grows, held as bytes: pieces that were cut out of longer texts would keep those alive. */
export class BoundedText {
  #bytes = Buffer.alloc(0)
  #length = 0
  readonly #room: Room
  /** Bytes for which there was no place. */
  dropped = 0

  constructor(room: Room) {
    this.#room = room
  }

  add(text: string): void {
    const size = Buffer.byteLength(text)
    if (this.dropped > 0) {
      this.dropped += size
      return
    }
    if (this.#length + size > this.#bytes.length) this.#grow(this.#length + size)
    const written = this.#bytes.write(text, this.#length)
    this.#length += written
    this.dropped = size - written
  }

  /** By double, else by as much as there is place for. */
  #grow(needed: number): void {
    const doubled = Math.max(FIRST, this.#bytes.length * 2, needed)
    const size = [doubled, needed].find((size) => this.#room.take(size - this.#bytes.length))
    if (size === undefined) return
    const grown = Buffer.alloc(size)
    this.#bytes.copy(grown)
    this.#bytes = grown
  }

  toString(): string {
    return this.#bytes.toString("utf8", 0, this.#length)
  }
}

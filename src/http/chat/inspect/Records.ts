/**
 * The records of requests that were looked into: in memory, bounded in number, bytes and age; the oldest go first.
 */
import type { Head, Kept } from "./Record.ts"
import type { Room } from "./Room.ts"

export const MOST_RECORDS = 500
/** Of a head and its place. */
const EACH = 2048

interface Entry extends Kept {
  /** Milliseconds of the monotonic clock. */
  readonly at: number
}

export interface Bounds {
  readonly bytes: number
  readonly millis: number
}

const sizeOf = ({ json }: Kept) => json.length + EACH

export class Records implements Room {
  readonly #all = new Map<string, Entry>()
  readonly #bounds: () => Bounds
  /** Of records, and of requests on their way. */
  #held = 0

  constructor(bounds: () => Bounds) {
    this.#bounds = bounds
  }

  get size(): number {
    return this.#all.size
  }

  get bytes(): number {
    return this.#held
  }

  take(bytes: number): boolean {
    const most = this.#bounds().bytes
    while (this.#held + bytes > most && this.#dropOldest()) {}
    if (this.#held + bytes > most) return false
    this.#held += bytes
    return true
  }

  give(bytes: number): void {
    this.#held -= bytes
  }

  #drop(id: string): void {
    const entry = this.#all.get(id)
    if (entry === undefined) return
    this.#all.delete(id)
    this.#held -= sizeOf(entry)
  }

  #dropOldest(): boolean {
    const oldest = this.#all.keys().next()
    if (oldest.done === true) return false
    this.#drop(oldest.value)
    return true
  }

  /** In place of one of the same id: clients may choose it. False where it is too large. */
  keep(kept: Kept, now: number): boolean {
    this.#drop(kept.head.id)
    if (this.#all.size >= MOST_RECORDS) this.#dropOldest()
    if (!this.take(sizeOf(kept))) return false
    this.#all.set(kept.head.id, { ...kept, at: now })
    return true
  }

  /** Those that are too old, or more than there is place for since a setting has changed. */
  expire(now: number): void {
    const { bytes, millis } = this.#bounds()
    for (const [id, { at }] of this.#all) {
      if (at + millis > now && this.#held <= bytes) return
      this.#drop(id)
    }
  }

  find(id: string, now: number): Buffer | undefined {
    this.expire(now)
    return this.#all.get(id)?.json
  }

  /** The newest first. */
  heads(now: number): ReadonlyArray<Head> {
    this.expire(now)
    return [...this.#all.values()].map(({ head }) => head).reverse()
  }

  /** How many there were. */
  clear(): number {
    const { size } = this.#all
    for (const id of [...this.#all.keys()]) this.#drop(id)
    return size
  }
}

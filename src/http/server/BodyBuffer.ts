/**
 * Buffers one request body in large blocks, so that memory is proportional to its size: Node delivers each chunk as an
 * object of about 400 bytes, even if it holds one byte.
 */
const SMALLEST_BLOCK = 64 * 1024
const LARGEST_BLOCK = 1024 * 1024

/** Bytes that need no reservation; anything beyond must be granted by `reserve`. */
export const FREE = 2 * SMALLEST_BLOCK

/** Each chunk takes about a microsecond of the event loop, so the number of chunks is limited as well. */
const FREE_PIECES = 50_000
/** Min average size of further chunks; a TCP segment holds more than a thousand bytes. */
const BYTES_PER_PIECE = 32

export type Refused = "too_large" | "too_many_pieces" | "not_reserved"

export interface BodyBufferOptions {
  /** Max size in bytes. */
  readonly limit: number
  /** `content-length`, if any: no more than that is allocated. */
  readonly declared?: number | undefined
  /** Called before memory beyond `FREE` is allocated; false rejects the body. */
  readonly reserve?: ((bytes: number) => boolean) | undefined
}

export class BodyBuffer {
  readonly #options: BodyBufferOptions
  #blocks: Array<Uint8Array> = []
  #capacity = 0
  #size = 0
  #pieces = 0

  constructor(options: BodyBufferOptions) {
    this.#options = options
  }

  /** Bytes allocated. */
  get capacity(): number {
    return this.#capacity
  }

  /** Adds a chunk; returns the reason if the body is rejected. */
  add(piece: Uint8Array): Refused | undefined {
    const { length } = piece
    if (this.#size + length > this.#options.limit) return "too_large"
    if (++this.#pieces > FREE_PIECES + (this.#size + length) / BYTES_PER_PIECE) return "too_many_pieces"
    // Most bodies are a single chunk, which is not copied.
    if (this.#pieces === 1) {
      if (!this.#reserve(length)) return "not_reserved"
      this.#blocks.push(piece)
      this.#size = length
      return undefined
    }
    const fits = Math.min(this.#capacity - this.#size, length)
    if (fits > 0) this.#copy(fits === length ? piece : piece.subarray(0, fits))
    if (fits === length) return undefined
    const rest = piece.subarray(fits)
    const block = this.#nextBlock(rest.length)
    if (!this.#reserve(block)) return "not_reserved"
    this.#blocks.push(Buffer.allocUnsafeSlow(block))
    this.#copy(rest)
    return undefined
  }

  /** The whole body; must be called last. */
  bytes(): Uint8Array {
    const [first] = this.#blocks
    return first !== undefined && this.#blocks.length === 1
      ? first.subarray(0, this.#size)
      : Buffer.concat(this.#blocks, this.#size)
  }

  /** Blocks grow with the body, so there are few of them, and at most half of the memory is unused. */
  #nextBlock(rest: number): number {
    const { declared = Number.POSITIVE_INFINITY } = this.#options
    const wanted = Math.min(Math.max(this.#capacity, SMALLEST_BLOCK), LARGEST_BLOCK)
    return Math.max(rest, Math.min(wanted, declared - this.#size))
  }

  /** Reserves the part of `bytes` that is beyond `FREE`, and counts all of them as allocated. */
  #reserve(bytes: number): boolean {
    const beyond = Math.max(0, this.#capacity + bytes - FREE) - Math.max(0, this.#capacity - FREE)
    if (beyond > 0 && this.#options.reserve?.(beyond) === false) return false
    this.#capacity += bytes
    return true
  }

  /** Copies into the last block, which must have room. */
  #copy(bytes: Uint8Array): void {
    const last = this.#blocks.at(-1)
    last?.set(bytes, last.length - (this.#capacity - this.#size))
    this.#size += bytes.length
  }
}

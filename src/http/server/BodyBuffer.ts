/**
 * Collects the pieces of one request body into blocks, so that its memory follows from its size: Node hands over each
 * chunk as an object of some 400 bytes, even when the chunk is one byte.
 */
const SMALLEST_BLOCK = 64 * 1024
const LARGEST_BLOCK = 1024 * 1024

/** A body up to this size is always read; what is beyond it is asked of `reserve`. */
export const FREE = 2 * SMALLEST_BLOCK

/** Each piece costs about a microsecond of the event loop, so pieces are bounded relative to bytes. */
const FREE_PIECES = 50_000
/** Beyond them a piece must hold so many bytes on average; a TCP segment holds more than a thousand. */
const BYTES_PER_PIECE = 32

export type Refused = "too_large" | "too_many_pieces" | "not_reserved"

export interface BodyBufferOptions {
  /** Most bytes. */
  readonly limit: number
  /** The declared size, where there is one: no more than that is allocated. */
  readonly declared?: number | undefined
  /** Called before memory beyond `FREE` is allocated; false refuses the body. */
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

  /** Keeps the piece, or tells why not. */
  add(piece: Uint8Array): Refused | undefined {
    const { length } = piece
    if (this.#size + length > this.#options.limit) return "too_large"
    if (++this.#pieces > FREE_PIECES + (this.#size + length) / BYTES_PER_PIECE) return "too_many_pieces"
    // Most bodies are one piece, which is not copied.
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

  /** The whole body. Nothing may be added after it. */
  bytes(): Uint8Array {
    const [first] = this.#blocks
    return first !== undefined && this.#blocks.length === 1
      ? first.subarray(0, this.#size)
      : Buffer.concat(this.#blocks, this.#size)
  }

  /** Blocks grow with the body, so that a large one has few, and what is unused is at most as much as what is used. */
  #nextBlock(rest: number): number {
    const { declared = Number.POSITIVE_INFINITY } = this.#options
    const wanted = Math.min(Math.max(this.#capacity, SMALLEST_BLOCK), LARGEST_BLOCK)
    return Math.max(rest, Math.min(wanted, declared - this.#size))
  }

  /** Counts `bytes` more, if what of them is beyond `FREE` is granted. */
  #reserve(bytes: number): boolean {
    const beyond = Math.max(0, this.#capacity + bytes - FREE) - Math.max(0, this.#capacity - FREE)
    if (beyond > 0 && this.#options.reserve?.(beyond) === false) return false
    this.#capacity += bytes
    return true
  }

  /** Into the last block, which has the room. */
  #copy(bytes: Uint8Array): void {
    const last = this.#blocks.at(-1)
    last?.set(bytes, last.length - (this.#capacity - this.#size))
    this.#size += bytes.length
  }
}

/**
 * Codec for `Content-Length` frames (LSP base protocol) inside WebSocket messages: incremental, byte-exact, pure.
 */
import { Data } from "effect"

export type FrameReason = "header_too_long" | "no_content_length" | "bad_content_length" | "body_too_long"

/** Invalid framing; the rest of the stream cannot be decoded. */
export class FrameError extends Data.TaggedError("FrameError")<{ readonly reason: FrameReason }> {
  override get message(): string {
    return `broken frame: ${this.reason}`
  }
}

export interface DecoderOptions {
  /** Max bytes of one header block, including its blank line. */
  readonly maxHeader?: number
  /** Max bytes of one body. */
  readonly maxBody?: number
}

export interface Decoder {
  /** Feeds bytes; complete bodies go to `onBody` in order. After an error every further push returns the same error. */
  readonly push: (chunk: Buffer, onBody: (text: string) => void) => FrameError | undefined
  /** Whether an incomplete frame is buffered. */
  readonly partial: boolean
}

const blankLine = Buffer.from("\r\n\r\n")
const usual = Buffer.from("Content-Length: ")
const digits = /^\d{1,12}$/

const isLetter = (byte: number): boolean => (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7a

/** Fast path for the usual spelling `Content-Length: N`; -1 for any other header. */
const usualLength = (header: Buffer, start: number, end: number): number => {
  const first = start + usual.length
  if (end <= first || end - first > 12) return -1
  for (let i = 0; i < usual.length; i++) {
    if (header[start + i] !== usual[i]) return -1
  }
  let length = 0
  for (let i = first; i < end; i++) {
    const digit = header[i]! - 0x30
    if (digit < 0 || digit > 9) return -1
    length = length * 10 + digit
  }
  return length
}

const parseLength = (header: Buffer, start: number, end: number): number | FrameReason => {
  const quick = usualLength(header, start, end)
  if (quick >= 0) return quick
  let length: number | undefined
  for (const line of header.toString("latin1", start, end).split("\r\n")) {
    const colon = line.indexOf(":")
    if (colon < 0 || line.slice(0, colon).trim().toLowerCase() !== "content-length") continue
    const value = line.slice(colon + 1).trim()
    if (!digits.test(value) || (length !== undefined && length !== Number(value))) return "bad_content_length"
    length = Number(value)
  }
  return length ?? "no_content_length"
}

/** Encodes a frame. The body is encoded first, because `Buffer.byteLength` costs as much as encoding. */
export const encode = (json: string): Buffer => {
  const body = Buffer.from(json)
  const header = `Content-Length: ${body.length}\r\n\r\n`
  const frame = Buffer.allocUnsafe(header.length + body.length)
  frame.write(header, "latin1")
  body.copy(frame, header.length)
  return frame
}

export const makeDecoder = (options: DecoderOptions = {}): Decoder => {
  const maxHeader = options.maxHeader ?? 4096
  const maxBody = options.maxBody ?? 8 << 20
  let header: Buffer | undefined
  let held = 0
  // A split body is copied into one preallocated buffer: one copy per byte, however small the chunks.
  let body: Buffer | undefined
  let filled = 0
  let broken: FrameError | undefined

  const fail = (reason: FrameReason): FrameError => {
    header = body = undefined
    held = filled = 0
    broken = new FrameError({ reason })
    return broken
  }

  const push = (chunk: Buffer, onBody: (text: string) => void): FrameError | undefined => {
    if (broken !== undefined) return broken
    let at = 0
    while (at < chunk.length) {
      if (body === undefined) {
        let source = chunk
        let start = at
        let end: number
        if (held === 0) {
          if (!isLetter(chunk[at]!)) return fail("no_content_length")
          end = chunk.indexOf(blankLine, at)
          const size = end < 0 ? chunk.length - at : end + 4 - at
          if (size > maxHeader) return fail("header_too_long")
          if (end < 0) {
            header ??= Buffer.allocUnsafeSlow(maxHeader)
            held = chunk.copy(header, 0, at)
            return undefined
          }
          at = end + 4
        } else {
          source = header!
          start = 0
          const before = held
          held += chunk.copy(source, held, at)
          end = source.subarray(0, held).indexOf(blankLine, Math.max(0, before - 3))
          if (end < 0) return held >= maxHeader ? fail("header_too_long") : undefined
          at += end + 4 - before
          held = 0
        }
        const length = parseLength(source, start, end)
        if (typeof length === "string") return fail(length)
        if (length > maxBody) return fail("body_too_long")
        if (chunk.length - at >= length) {
          const text = chunk.toString("utf8", at, at + length)
          at += length
          onBody(text)
          continue
        }
        body = Buffer.allocUnsafe(length)
        filled = 0
      }
      const taken = chunk.copy(body, filled, at)
      at += taken
      filled += taken
      if (filled === body.length) {
        const text = body.toString("utf8")
        body = undefined
        onBody(text)
      }
    }
    return undefined
  }

  return {
    push,
    get partial() {
      return held > 0 || body !== undefined
    }
  }
}

/**
 * The body of a response as chunks, framed here and written to its socket: Node hands the parts of each chunk over
 * apart, and keeps its books for each, which costs twice as much.
 */
import type { ServerResponse } from "node:http"
import type { Writable } from "node:stream"

const LAST_CHUNK = "0\r\n\r\n"

export interface ChunkedBody {
  /** False when the reader has to be waited for; `onDrain` hears when it has caught up. */
  readonly write: (text: string) => boolean
  readonly end: (text: string) => void
  /** Nothing more is heard. */
  readonly stop: () => void
}

/** The head must be written already; where it announces no chunks, as to HTTP/1.0, the body is plain. */
export const make = (response: ServerResponse, onDrain: () => void): ChunkedBody => {
  const isChunked = response.chunkedEncoding
  response.chunkedEncoding = false
  let hasBegun = false
  let waitedFor: Writable | undefined

  const framed = (text: string, last = "") => {
    const bytes = Buffer.byteLength(text)
    const chunk = isChunked ? `${bytes === 0 ? "" : `${bytes.toString(16)}\r\n${text}\r\n`}${last}` : text
    return [chunk, bytes === text.length ? "latin1" : "utf8"] as const
  }
  /** Not before the head is on its way, and the response's own turn has come on the connection. */
  const target = (): Writable => (hasBegun ? (response.socket ?? response) : response)
  const drained = () => {
    waitedFor = undefined
    onDrain()
  }
  const stop = () => {
    waitedFor?.off("drain", drained)
    waitedFor = undefined
  }

  return {
    write: (text) => {
      const to = target()
      hasBegun = true
      if (to.write(...framed(text))) return true
      stop()
      waitedFor = to.once("drain", drained)
      return false
    },
    end: (text) => {
      response.end(...framed(text, LAST_CHUNK))
    },
    stop
  }
}

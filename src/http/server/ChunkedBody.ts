/**
 * Chunked response body, framed here and written straight to the socket: Node writes the parts of each chunk
 * separately, with bookkeeping for each, at twice the cost.
 */
import type { ServerResponse } from "node:http"
import type { Writable } from "node:stream"

const LAST_CHUNK = "0\r\n\r\n"

export interface ChunkedBody {
  /** False if the socket buffer is full; `onDrain` is called when it has drained. */
  readonly write: (text: string) => boolean
  readonly end: (text: string) => void
  /** Removes the listeners. */
  readonly stop: () => void
}

/** The headers must have been written; without chunked encoding, as for HTTP/1.0, the body is sent unframed. */
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
  /** At first the response, which sends the headers and waits for earlier responses; then the socket. */
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

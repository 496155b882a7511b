/**
 * Detects dead clients on connections that are not being read: half-closed ones, and ones with queued pipelined
 * requests.
 *
 * Only a write can tell: a client that closed the connection replies with a reset, which the next write sees; one that
 * only half-closed it (`shutdown`) keeps reading. The probe is an interim response before the headers, which every
 * HTTP/1.1 client must skip, and a comment within a stream.
 */
import type { ServerResponse } from "node:http"
import type { Socket } from "node:net"

/** Event that asks the writer of a stream to send a comment as a probe. */
export const PROBE = "lingma-gateway/probe"

/** Delay of the first probe. */
const FIRST = 50
/** Max interval of probes; it takes up to two to detect a dead client. */
const LONGEST = 250

const timers = new WeakMap<Socket, ReturnType<typeof setTimeout>>()

const probe = (socket: Socket, response: ServerResponse): void => {
  // Unsent data is a probe, too.
  if (response.writableFinished || socket.writableLength > 0) return
  if (response.headersSent) response.emit(PROBE)
  // HTTP/1.0 has no interim responses. Proxies that use it disconnect like this; none half-closes.
  else if (response.req.httpVersion !== "1.1") socket.readableEnded && socket.destroy()
  else if (response.req.complete) response.writeContinue()
}

/** Probes until `stop` is called or the connection is closed. */
export const start = (socket: Socket, answering: () => ServerResponse | undefined): void => {
  let seen = answering()
  const after = (millis: number) => {
    const look = () => {
      if (socket.destroyed) return
      const response = answering()
      // While responses are being sent, no probe is needed.
      const isSame = response === seen
      seen = response
      if (isSame && response !== undefined) probe(socket, response)
      after(isSame ? Math.min(millis * 2, LONGEST) : FIRST)
    }
    // Node's timer: a socket's, which no fiber waits for.
    timers.set(socket, setTimeout(look, millis).unref())
  }
  stop(socket)
  after(FIRST)
}

export const stop = (socket: Socket): void => {
  clearTimeout(timers.get(socket))
  timers.delete(socket)
}

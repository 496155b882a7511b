/**
 * Whether anybody is left on a connection that is not read: one whose client has ended its side, or whose pipelined
 * requests wait.
 *
 * Such a connection says nothing by itself. A client that has closed it answers whatever is written with a reset, which
 * the next write meets; one that has only ended its side (`shutdown`) reads on. Before the head of an answer an interim
 * response is written, which every client of HTTP/1.1 has to skip, and within a stream a comment.
 */
import type { ServerResponse } from "node:http"
import type { Socket } from "node:net"

/** What a response emits when the one who sends its body has to write something that means nothing. */
export const PROBE = "lingma-gateway/probe"

/** An answer that comes before this is not preceded by anything. */
const FIRST = 50
/** Two of these may pass before a client is known to have left. */
const LONGEST = 250

const timers = new WeakMap<Socket, ReturnType<typeof setTimeout>>()

const probe = (socket: Socket, response: ServerResponse): void => {
  // What still waits to be sent is a probe, too.
  if (response.writableFinished || socket.writableLength > 0) return
  if (response.headersSent) response.emit(PROBE)
  // A client of HTTP/1.0 knows no interim response. Proxies that speak it leave like this, and none ends its side alone.
  else if (response.req.httpVersion !== "1.1") socket.readableEnded && socket.destroy()
  else if (response.req.complete) response.writeContinue()
}

/** Until `stop`, or until the connection is closed. */
export const start = (socket: Socket, answering: () => ServerResponse | undefined): void => {
  let seen = answering()
  const after = (millis: number) => {
    const look = () => {
      if (socket.destroyed) return
      const response = answering()
      // While answers leave, they are what is written.
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

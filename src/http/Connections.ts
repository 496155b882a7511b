/**
 * The open connections of a Node server: a bounded number, and those that serve nothing go first.
 */
import type { Server, ServerResponse } from "node:http"
import type { Socket } from "node:net"
import * as Metrics from "../Metrics.ts"

interface Held {
  /** Those without a request, the longest idle first; half a request is none. */
  readonly idle: Set<Socket>
  readonly all: Set<Socket>
}

const watched = new WeakMap<Server, Held>()

/** Over `most`, the longest idle connection is closed; when all are busy, the new one. */
export const watch = (server: Server, most: number): void => {
  const held: Held = { idle: new Set(), all: new Set() }
  const running = new WeakMap<Socket, number>()
  watched.set(server, held)
  const count = (socket: Socket, by: 1 | -1) => {
    const now = (running.get(socket) ?? 0) + by
    running.set(socket, now)
    if (now > 0) held.idle.delete(socket)
    else if (held.all.has(socket)) held.idle.add(socket)
  }
  const begun = ({ socket }: { readonly socket: Socket }, response: ServerResponse) => {
    count(socket, 1)
    response.once("close", () => count(socket, -1))
  }
  server.on("connection", (socket) => {
    held.all.add(socket)
    socket.once("close", () => {
      held.all.delete(socket)
      held.idle.delete(socket)
    })
    if (held.all.size > most) {
      const [oldest = socket] = held.idle
      Metrics.mark(Metrics.connectionsShed, 1)
      oldest.destroy()
      held.all.delete(oldest)
      held.idle.delete(oldest)
      if (oldest === socket) return
    }
    held.idle.add(socket)
  })
  server.on("request", begun)
}

/** Node does not take a connection for idle that has never sent a byte, such as one a client opened in advance. */
export const closeUnused = (server: Server): void => {
  for (const socket of watched.get(server)?.idle ?? []) if (socket.bytesRead === 0) socket.destroy()
}

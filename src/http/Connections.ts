/**
 * A Node server that bounds its connections, in number and in what one of them may begin.
 *
 * Over the number, those that serve nothing go first. A connection's requests are begun one after the other: their
 * answers leave in order anyway, and a client that sends thousands and reads none would have them all wait in memory.
 */
import { type IncomingMessage, Server, type ServerOptions, type ServerResponse } from "node:http"
import type { Socket } from "node:net"
import * as Metrics from "../Metrics.ts"

/** Requests of one connection that may wait before it is read on; those of one read of the socket come on top. */
const DEEPEST = 16

const readOn = (socket: Socket): void => {
  if (socket.writableNeedDrain) socket.once("drain", () => readOn(socket))
  else socket.resume()
}

export interface ConnectionOptions extends ServerOptions {
  /** Over it the longest idle connection is closed; when all are busy, the new one. */
  readonly maxConnections: number
}

export class Connections extends Server {
  readonly #all = new Set<Socket>()
  /** Those without a request, the longest idle first; half a request is none. */
  readonly #idle = new Set<Socket>()
  readonly #requests = new WeakMap<Socket, number>()

  constructor({ maxConnections, ...options }: ConnectionOptions) {
    super(options)
    this.on("connection", (socket) => {
      this.#all.add(socket)
      this.#idle.add(socket)
      socket.once("close", () => this.#forget(socket))
      if (this.#all.size <= maxConnections) return
      const [oldest = socket] = this.#idle
      Metrics.mark(Metrics.connectionsShed, 1)
      this.#forget(oldest)
      oldest.destroy()
    })
  }

  /** Node does not take a connection for idle that has never sent a byte, such as one a client opened in advance. */
  closeUnused(): void {
    for (const socket of this.#idle) if (socket.bytesRead === 0) socket.destroy()
  }

  override emit(event: string | symbol, ...args: ReadonlyArray<unknown>): boolean {
    const emit = super.emit as (event: string | symbol, ...args: ReadonlyArray<unknown>) => boolean
    if (event !== "request") return emit.call(this, event, ...args)
    const [{ socket }, response] = args as [IncomingMessage, ServerResponse]
    this.#count(socket, 1)
    if (response.socket !== null) {
      response.once("close", () => this.#count(socket, -1))
      return emit.call(this, event, ...args)
    }
    // Given to it when the answer before has left.
    response.once("socket", () => {
      response.once("close", () => this.#count(socket, -1))
      setImmediate(() => socket.destroyed || emit.call(this, event, ...args))
    })
    return true
  }

  #forget(socket: Socket): void {
    this.#all.delete(socket)
    this.#idle.delete(socket)
  }

  #count(socket: Socket, by: 1 | -1): void {
    const now = (this.#requests.get(socket) ?? 0) + by
    this.#requests.set(socket, now)
    if (now > 0) this.#idle.delete(socket)
    else if (this.#all.has(socket)) this.#idle.add(socket)
    if (now >= DEEPEST && by > 0) this.#hold(socket)
    else if (now === DEEPEST - 1 && by < 0) readOn(socket)
  }

  /** Node resumes a socket at the end of each request it has parsed, so a pause holds only after that. */
  #hold(socket: Socket): void {
    setImmediate(() => {
      if ((this.#requests.get(socket) ?? 0) >= DEEPEST) socket.pause()
    })
  }
}

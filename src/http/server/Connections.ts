/**
 * A Node server that bounds its connections, in number and in what one of them may begin.
 *
 * Over the number, those that serve nothing go first (`Eviction`).
 *
 * A connection's requests are begun one after the other: their answers leave in order anyway, and a client that sends
 * thousands and reads none would have them all wait in memory.
 */
import { type IncomingMessage, Server, type ServerOptions, type ServerResponse } from "node:http"
import type { Socket } from "node:net"
import { Eviction } from "./Eviction.ts"
import * as PeerProbe from "./PeerProbe.ts"

/** Requests of one connection that may wait before it is read on; those of one read of the socket come on top. */
const DEEPEST = 16

const readOn = (socket: Socket): void => {
  if (socket.writableNeedDrain) return void socket.once("drain", () => readOn(socket))
  PeerProbe.stop(socket)
  socket.resume()
}

export interface ConnectionOptions extends ServerOptions {
  /** Over it one is closed: one that serves nothing; when all do, the new one. */
  readonly maxConnections: number
}

export class Connections extends Server {
  /** Number of connections closed because there were too many. */
  shed = 0
  readonly #all = new Set<Socket>()
  /** Those without a request, the longest idle first; half a request is none. */
  readonly #idle = new Set<Socket>()
  readonly #eviction = new Eviction(this, (socket) => this.#shed(socket))
  readonly #requests = new WeakMap<Socket, number>()
  readonly #answers = new WeakMap<object, ServerResponse>()

  constructor({ maxConnections, ...options }: ConnectionOptions) {
    super(options)
    // Node's own switch, without a name in its types: a client that has ended its side is answered all the same.
    Object.assign(this, { httpAllowHalfOpen: true })
    this.on("connection", (socket) => {
      socket.once("end", () => this.#probe(socket))
      this.#all.add(socket)
      this.#idle.add(socket)
      socket.once("close", () => {
        PeerProbe.stop(socket)
        this.#forget(socket)
      })
      if (this.#all.size <= maxConnections) return
      this.#shed(this.#eviction.candidate(this.#idle, socket))
    })
  }

  /** Node does not take a connection for idle that has never sent a byte, such as one a client opened in advance. */
  closeUnused(): void {
    for (const socket of this.#idle) if (socket.bytesRead === 0) socket.destroy()
  }

  /** The answer that is, or was last, on its way over a connection. */
  answering(socket: object): ServerResponse | undefined {
    return this.#answers.get(socket)
  }

  /** Something else than a request is served over a connection, until the answer is called. */
  serving(socket: Socket): () => void {
    this.#count(socket, 1)
    return () => this.#count(socket, -1)
  }

  override emit(event: string | symbol, ...args: ReadonlyArray<unknown>): boolean {
    const emit = super.emit as (event: string | symbol, ...args: ReadonlyArray<unknown>) => boolean
    if (event !== "request") return emit.call(this, event, ...args)
    const [request, response] = args as [IncomingMessage, ServerResponse]
    const { socket } = request
    if (response.socket === null && request.headers["transfer-encoding"] !== undefined) {
      // Its chunks would wait as thousands of objects for an answer that nobody may ever read. No client sends that.
      request.resume()
      return this.emit("clientError", new Error("a chunked body behind an unfinished answer"), socket)
    }
    this.#count(socket, 1)
    if (response.socket !== null) {
      this.#answers.set(socket, response)
      response.once("close", () => this.#count(socket, -1))
      return emit.call(this, event, ...args)
    }
    // Given to it when the answer before has left.
    response.once("socket", () => {
      this.#answers.set(socket, response)
      response.once("close", () => this.#count(socket, -1))
      setImmediate(() => socket.destroyed || emit.call(this, event, ...args))
    })
    return true
  }

  #shed(socket: Socket): void {
    this.shed++
    this.#forget(socket)
    socket.destroy()
  }

  #probe(socket: Socket): void {
    PeerProbe.start(socket, () => this.#answers.get(socket))
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
      if ((this.#requests.get(socket) ?? 0) < DEEPEST) return
      socket.pause()
      this.#probe(socket)
    })
  }
}

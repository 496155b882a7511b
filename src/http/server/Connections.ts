/**
 * A Node HTTP server with limits on the number of connections and on pipelined requests.
 *
 * Above the limit, connections without a running request are closed first (`Eviction`).
 *
 * Pipelined requests are handled one at a time: responses are sent in order anyway, and a client that sends thousands
 * without reading would keep them all in memory.
 *
 * The port is open before anything serves on it, so that a taken one is told first: requests wait for that.
 */
import { type IncomingMessage, Server, type ServerOptions, type ServerResponse } from "node:http"
import type { Socket } from "node:net"
import { Eviction } from "./Eviction.ts"
import * as PeerProbe from "./PeerProbe.ts"

/** Max queued requests of a connection before reading pauses; those already in the socket buffer come on top. */
const DEEPEST = 16

const readOn = (socket: Socket): void => {
  if (socket.writableNeedDrain) return void socket.once("drain", () => readOn(socket))
  PeerProbe.stop(socket)
  socket.resume()
}

export interface ConnectionOptions extends ServerOptions {
  /** Above it, one without a running request is closed; if there is none, the new one. */
  readonly maxConnections: number
}

export class Connections extends Server {
  /** Number of connections closed because there were too many. */
  shed = 0
  readonly #all = new Set<Socket>()
  /** Idle connections, longest idle first; a partly received request counts as idle. */
  readonly #idle = new Set<Socket>()
  readonly #eviction = new Eviction(this, (socket) => this.#shed(socket))
  readonly #requests = new WeakMap<Socket, number>()
  readonly #answers = new WeakMap<object, ServerResponse>()
  /** Listeners for requests that are this server's own. */
  readonly #own: number
  /** Those that came while nothing served; at most one for each connection. */
  readonly #early = new Map<ServerResponse, () => void>()

  constructor({ maxConnections, ...options }: ConnectionOptions) {
    super(options)
    // Not in Node's types: keeps answering a client that has half-closed its connection.
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
    this.#own = this.listenerCount("request")
    this.on("newListener", (event) => {
      if (event === "request") setImmediate(() => this.#serveEarly())
    })
  }

  /** Connections that never sent a byte, such as preconnects: Node does not count them as idle. */
  closeUnused(): void {
    for (const socket of this.#idle) if (socket.bytesRead === 0) socket.destroy()
  }

  /** The current or last response of a connection. */
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
      // Its chunks would be kept as thousands of objects for a response nobody may read. No client does this.
      request.resume()
      return this.emit("clientError", new Error("a chunked body behind an unfinished answer"), socket)
    }
    this.#count(socket, 1)
    if (response.socket !== null) {
      this.#answers.set(socket, response)
      response.once("close", () => this.#count(socket, -1))
      return this.#isServed()
        ? emit.call(this, event, ...args)
        : this.#wait(response, () => emit.call(this, event, ...args))
    }
    // Assigned to the socket when the previous response is finished.
    response.once("socket", () => {
      this.#answers.set(socket, response)
      response.once("close", () => this.#count(socket, -1))
      setImmediate(() => socket.destroyed || emit.call(this, event, ...args))
    })
    return true
  }

  #isServed(): boolean {
    return this.listenerCount("request") > this.#own
  }

  #wait(response: ServerResponse, serve: () => void): true {
    this.#early.set(response, serve)
    response.once("close", () => this.#early.delete(response))
    return true
  }

  #serveEarly(): void {
    if (!this.#isServed()) return
    for (const serve of this.#early.values()) serve()
    this.#early.clear()
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

  /** Node resumes the socket after each parsed request, so a pause takes effect only afterwards. */
  #hold(socket: Socket): void {
    setImmediate(() => {
      if ((this.#requests.get(socket) ?? 0) < DEEPEST) return
      socket.pause()
      this.#probe(socket)
    })
  }
}

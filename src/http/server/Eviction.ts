/**
 * Chooses which connection to close when there are too many; never one with a running response. In this order:
 *
 * 1. the oldest finished response that is not being read, if it has waited longer than a slow network explains;
 * 2. the longest idle connection;
 * 3. the oldest other finished response that is not fully read;
 * 4. the request that has been arriving longest, if for too long;
 * 5. the new connection.
 *
 * The bytes of finished responses that are not read yet are limited, too: above the limit the oldest are dropped.
 *
 * Ages are by Node's clock: callbacks of sockets run outside any fiber.
 */
import type { IncomingMessage, Server, ServerResponse } from "node:http"
import type { Socket } from "node:net"

const UNREAD_TOO_LONG = 2_000
const ARRIVING_TOO_LONG = 1_000
/** About a hundred large responses; the kernel buffers some megabytes more per connection. */
const UNREAD_TOGETHER = 64 * 1024 * 1024

const UNREAD = "lingma-gateway/http/Eviction/unread"

/** Marks a finished response that is not fully read. No effect on the server of an embedding app. */
export const markUnread = (response: ServerResponse): void => {
  response.socket?.emit(UNREAD, response)
}

interface Begun {
  request: IncomingMessage
  since: number
}

interface Unread {
  readonly since: number
  readonly bytes: number
}

export class Eviction {
  /** Last request of each connection. */
  readonly #begun = new Map<Socket, Begun>()
  /** Oldest first. */
  readonly #unread = new Map<Socket, Unread>()
  readonly #evict: (socket: Socket) => void
  #unreadBytes = 0

  constructor(server: Server, evict: (socket: Socket) => void) {
    this.#evict = evict
    server.on("connection", (socket: Socket) => {
      socket.on(UNREAD, (response: ServerResponse) => this.#wait(socket, response))
      socket.once("close", () => {
        this.#begun.delete(socket)
        this.#taken(socket)
      })
    })
    server.on("request", (request: IncomingMessage) => {
      const { socket } = request
      const since = performance.now()
      const begun = this.#begun.get(socket)
      if (begun === undefined) this.#begun.set(socket, { request, since })
      else {
        begun.request = request
        begun.since = since
      }
    })
  }

  /** `idle` is sorted by idle time, longest first, and includes `newest`. */
  candidate(idle: Iterable<Socket>, newest: Socket): Socket {
    const now = performance.now()
    const [unread, { since = now } = {}] = this.#unread.entries().next().value ?? []
    const isNobodysToRead = now - since >= UNREAD_TOO_LONG
    if (!isNobodysToRead) for (const socket of idle) if (socket !== newest) return socket
    if (unread === undefined) return this.#slowest(now) ?? newest
    this.#taken(unread)
    return unread
  }

  #slowest(now: number): Socket | undefined {
    let slowest: Socket | undefined
    let earliest = now - ARRIVING_TOO_LONG
    for (const [socket, { request, since }] of this.#begun) {
      if (request.complete || socket.destroyed || since > earliest) continue
      slowest = socket
      earliest = since
    }
    return slowest
  }

  #wait(socket: Socket, response: ServerResponse): void {
    const bytes = response.writableLength
    this.#unread.set(socket, { since: performance.now(), bytes })
    this.#unreadBytes += bytes
    response.once("close", () => this.#taken(socket))
    for (const oldest of this.#unread.keys()) {
      if (this.#unreadBytes <= UNREAD_TOGETHER || oldest === socket) return
      this.#taken(oldest)
      this.#evict(oldest)
    }
  }

  #taken(socket: Socket): void {
    const unread = this.#unread.get(socket)
    if (unread === undefined) return
    this.#unread.delete(socket)
    this.#unreadBytes -= unread.bytes
  }
}

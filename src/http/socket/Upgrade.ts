/**
 * Which requests may become sockets, and their handshake.
 *
 * With a listener for upgrades Node hands over every request that offers one, also those that are to be served as plain
 * requests (`Upgrade: h2c`) and may have a body; so the request itself says whether it asks for one that there is.
 */
import { IncomingMessage, ServerResponse } from "node:http"
import type { Socket } from "node:net"
import { Effect } from "effect"
import { type WebSocket, WebSocketServer } from "ws"
import type { Connections } from "../server/Connections.ts"
import { ignore, type NodeRequest } from "../server/NodeRequest.ts"

const KEY = /^[+/0-9A-Za-z]{22}==$/

/** How long the other side may take to close; the types of `ws` do not know it. */
const closing = { closeTimeout: 2_000 }

const asksFor = (path: string, { headers, httpVersion, method, url = "" }: IncomingMessage): boolean =>
  method === "GET" &&
  httpVersion === "1.1" &&
  url.replace(/[?#].*$/s, "") === path &&
  headers.upgrade?.toLowerCase() === "websocket" &&
  headers["sec-websocket-version"] === "13" &&
  KEY.test(headers["sec-websocket-key"] ?? "") &&
  headers["transfer-encoding"] === undefined &&
  headers.expect === undefined &&
  Number(headers["content-length"] ?? 0) === 0

/** Requests of a server that has sockets at `path`. */
export const headsAt = (path: string): typeof IncomingMessage => {
  const offers = new WeakSet<IncomingMessage>()
  return class extends IncomingMessage {
    /** Set by Node as soon as it sees the header, and then asked. */
    set upgrade(value: unknown) {
      if (value === true) offers.add(this)
      else offers.delete(this)
    }
    get upgrade(): boolean {
      // Node closes the connection of a CONNECT, as nothing listens for those.
      return offers.has(this) && (this.method === "CONNECT" || asksFor(path, this))
    }
  }
}

export interface Offer {
  readonly head: Buffer
  readonly socket: Socket
  /** The connection serves something, until the answer is called. */
  readonly serving: () => () => void
}

const offers = new WeakMap<IncomingMessage, Offer>()

/** Undefined where no socket can be had. */
export const offerOf = ({ incoming }: NodeRequest): Offer | undefined => offers.get(incoming)

/** Has requests for sockets served like others, until one is let in. */
export const listen = (server: Connections): void => {
  server.on("upgrade", (request, duplex, head) => {
    const socket = duplex as Socket
    // No client asks for it behind an answer that is still on its way.
    const isBusy = (server.answering(socket)?.socket ?? null) !== null
    if (isBusy || !socket.writable) return void socket.destroy()
    const response = new ServerResponse(request)
    response.shouldKeepAlive = false
    response.assignSocket(socket)
    response.once("finish", () => socket.destroySoon())
    offers.set(request, { head, socket, serving: () => server.serving(socket) })
    server.emit("request", request, response)
  })
}

export interface HandshakeOptions {
  /** Most bytes of a message that are collected; what is refused with words is less. */
  readonly maxPayload: number
}

/** Undefined when the client has left, or asks for what cannot be. */
export const handshakes = ({ maxPayload }: HandshakeOptions) => {
  const told = new WeakMap<IncomingMessage, Readonly<Record<string, string>>>()
  const sockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload,
    ...closing
  })
  sockets.on("headers", (lines, request) => {
    for (const [name, value] of Object.entries(told.get(request) ?? {})) lines.push(`${name}: ${value}`)
  })
  return (
    { incoming, outgoing }: NodeRequest,
    { head, socket }: Offer,
    headers: Readonly<Record<string, string>>
  ): Effect.Effect<WebSocket | undefined> =>
    Effect.async((resume) => {
      outgoing.detachSocket(socket)
      // Platform takes a response that has ended for one that is answered.
      outgoing.on("error", ignore).end()
      outgoing.emit("close")
      if (socket.destroyed) return resume(Effect.succeed(undefined))
      const gone = () => resume(Effect.succeed(undefined))
      socket.once("close", gone)
      told.set(incoming, headers)
      sockets.handleUpgrade(incoming, socket, head, (ws) => {
        socket.off("close", gone)
        resume(Effect.succeed(ws))
      })
    })
}

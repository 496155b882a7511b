/**
 * Node's HTTP server with limits on what a connection may cost, and with listeners that keep a peer from ending
 * the process.
 */
import { type IncomingMessage, type Server, STATUS_CODES } from "node:http"
import type { Duplex } from "node:stream"
import type * as HttpServerError from "@effect/platform/HttpServerError"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import { Duration, Effect, Layer } from "effect"
import { GatewayConfig } from "../config/Config.ts"
import { spread } from "../runtime/Spread.ts"
import * as Registry from "./dialects/Registry.ts"
import * as AccessLog from "./edge/AccessLog.ts"
import * as Dialect from "./edge/Dialect.ts"
import { Unparsed } from "./edge/EdgeError.ts"
import * as RequestId from "./edge/RequestId.ts"
import { Connections } from "./server/Connections.ts"
import { CurrentServer } from "./server/CurrentServer.ts"
import * as NodeRequest from "./server/NodeRequest.ts"
import * as Upgrade from "./socket/Upgrade.ts"

const reasons: Record<string, Unparsed["reason"]> = {
  HPE_HEADER_OVERFLOW: "headers_too_large",
  ERR_HTTP_REQUEST_TIMEOUT: "timeout"
}

/** Connections that are told in one turn of the event loop that their request came too late. */
const TOLD_AT_ONCE = 64

/** What can still be said on a socket whose request was not served, in the words of its dialect where it is known. */
const last = (socket: Duplex, reason: Unparsed["reason"], id: string, asked: IncomingMessage | undefined) => {
  const dialect = Dialect.of(Registry.edge, AccessLog.pathOf(asked?.url ?? ""), asked?.headers ?? {})
  const { body, headers, status } = dialect.respond(new Unparsed({ reason }), id)
  const bytes = body._tag === "Uint8Array" ? body.body : new Uint8Array()
  const all = {
    ...headers,
    ...dialect.headers?.(id),
    "content-type": "application/json",
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "content-length": bytes.length,
    "x-request-id": id,
    connection: "close"
  }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
  const head = Buffer.from(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join("")}\r\n`)
  socket.end(Buffer.concat([head, bytes]), () => socket.destroy())
}

export interface ServerOptions {
  readonly headersTimeout: Duration.Duration
  /** For the whole request, its body included. */
  readonly requestTimeout: Duration.Duration
  readonly maxConnections: number
  /** Where sockets are opened; undefined where they are not. */
  readonly socketPath?: string | undefined
}

/** Not listening yet. */
export const make = (options: ServerOptions): Server => {
  const requestTimeout = Duration.toMillis(options.requestTimeout)
  const headersTimeout = Math.min(Duration.toMillis(options.headersTimeout), requestTimeout)
  const { socketPath } = options
  const server = new Connections({
    ...(socketPath === undefined ? {} : { IncomingMessage: Upgrade.headsAt(socketPath) }),
    maxConnections: options.maxConnections,
    maxHeaderSize: 16 * 1024,
    headersTimeout,
    requestTimeout,
    connectionsCheckingInterval: Math.min(2_000, headersTimeout / 4),
    keepAliveTimeout: 65_000,
    // Checked by `HeadValidation`, whose refusal has a body.
    requireHostHeader: false
  })
  // Node would drop headers over its limit and serve the rest; `HeadValidation` counts them.
  server.maxHeadersCount = 0

  // Without a listener a reset of a half upgraded socket ends the process.
  server.on("connection", (socket) => socket.on("error", () => {}))
  // Only a request that passed every gate is asked for its body.
  server.on("checkContinue", (request, response) => {
    NodeRequest.holdBack(request)
    server.emit("request", request, response)
  })
  server.on("checkExpectation", (request, response) => {
    NodeRequest.holdBack(request)
    server.emit("request", request, response)
  })
  const fail = (error: NodeJS.ErrnoException, socket: Duplex) => {
    const answer = server.answering(socket)
    // Nothing may be written into the middle of an answer, or in place of one to an earlier request.
    const isBusy = answer?.writableFinished === false && (answer.headersSent || answer.req.complete)
    if (!socket.writable || error.code === "ECONNRESET") socket.destroy()
    else if (isBusy) {
      // What was said already may be the whole of it.
      socket.end(() => socket.destroy())
      // Node's timer: no fiber serves this socket.
      setTimeout(() => socket.destroy(), 2_000).unref()
    } else {
      const asked = answer?.writableFinished === false ? answer.req : undefined
      last(socket, reasons[error.code ?? ""] ?? "malformed", RequestId.make(), asked)
    }
  }
  // Node finds all that are late in one look: thousands, where somebody opened thousands.
  const failLater = spread<readonly [NodeJS.ErrnoException, Duplex]>(TOLD_AT_ONCE, ([error, socket]) =>
    fail(error, socket)
  )
  server.on("clientError", (error: NodeJS.ErrnoException, socket) =>
    reasons[error.code ?? ""] === "timeout" ? failLater([error, socket]) : fail(error, socket)
  )
  if (socketPath !== undefined) Upgrade.listen(server)
  // Platform would serve an upgrade over the bare socket. With no listener Node serves it as the plain request it also
  // is, which some clients expect (`Upgrade: h2c`); the edge refuses those that insist.
  server.on("newListener", (event, listener) => {
    if (event === "upgrade") process.nextTick(() => server.off("upgrade", listener))
  })
  return server
}

type Platform = Layer.Layer.Success<ReturnType<typeof NodeHttpServer.layer>>

/** Listens where the settings say, and lends the server to `Drain`. */
export const layerFromConfig: Layer.Layer<Platform, HttpServerError.ServeError, GatewayConfig> = Layer.unwrapEffect(
  Effect.map(GatewayConfig, ({ host, port, responsesWebsocket, ...options }) => {
    const server = make({ ...options, socketPath: responsesWebsocket ? Registry.socket.path : undefined })
    return Layer.merge(
      NodeHttpServer.layer(() => server, { host, port }),
      Layer.succeed(CurrentServer, server)
    )
  })
)

/**
 * The messages that come over a socket, with bounds on what they take while they arrive and while they wait.
 */
import type { Socket } from "node:net"
import type { WebSocket } from "ws"
import type { Reservation } from "../chat/Bodies.ts"
import { FREE } from "../server/BodyBuffer.ts"
import type { Unread } from "../server/MessageRequest.ts"

/** So much over the limit a message is still taken in, and refused; what is larger cannot be read past. */
export const SLACK = 1 << 20
/** Of a control frame from a client. */
const CONTROL = 6
const nothing = Buffer.alloc(0)

export interface Arrived {
  readonly bytes: Uint8Array
  readonly unread: Unread | undefined
  /** Gives its memory back. */
  readonly release: () => void
}

export interface IntakeOptions {
  readonly ws: WebSocket
  readonly socket: Socket
  /** Most bytes of a message. */
  readonly limit: number
  readonly reservation: () => Reservation
  readonly onMessage: (message: Arrived) => void
  /** After a message that is not taken in to its end: nothing more is read. */
  readonly onBroken: (code: 1009 | 1013) => void
}

/** Tells since when a message is on its way, if one is. */
export const listen = (options: IntakeOptions): { readonly since: () => number | undefined } => {
  const { limit, onMessage, socket, ws } = options
  let memory = options.reservation()
  let arrived = 0
  let since: number | undefined
  let isBroken = false

  const breakOff = (unread: Unread, code: 1009 | 1013) => {
    isBroken = true
    since = undefined
    ws.pause()
    memory.release()
    onMessage({ bytes: nothing, unread, release: () => {} })
    options.onBroken(code)
  }
  // Before ws's own: what does not fit is refused before it is collected.
  socket.prependListener("data", (chunk: Buffer) => {
    if (isBroken) return
    const before = Math.max(0, arrived - FREE)
    arrived += chunk.length
    since ??= performance.now()
    const more = Math.max(0, arrived - FREE) - before
    if (arrived > limit + SLACK) breakOff("too_large", 1009)
    else if (more > 0 && !memory.reserve(more)) breakOff("not_reserved", 1013)
  })
  const control = (data: Buffer) => {
    arrived = Math.max(0, arrived - CONTROL - data.length)
    if (arrived === 0) since = undefined
  }
  ws.on("ping", control).on("pong", control)
  ws.on("message", (data, isBinary) => {
    if (isBroken) return
    const { release } = memory
    const bytes = data as Buffer
    memory = options.reservation()
    arrived = 0
    since = undefined
    const unread = isBinary ? "malformed" : bytes.length > limit ? "too_large" : undefined
    if (unread === undefined) return onMessage({ bytes, unread, release })
    release()
    onMessage({ bytes: nothing, unread, release: () => {} })
  })
  ws.once("close", () => memory.release())
  return { since: () => since }
}

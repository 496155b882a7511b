/**
 * One WebSocket connection to Lingma: framing, limits and heartbeat.
 */
import type { Socket } from "node:net"
import { Effect } from "effect"
import { WebSocket } from "ws"
import * as Frame from "./Frame.ts"
import { RpcDisconnected } from "./RpcError.ts"

export interface ConnectionOptions {
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  /** Milliseconds of a monotonic clock. */
  readonly now: () => number
  /** Called synchronously for each message; an exception closes the connection. */
  readonly onBody: (body: string, send: Send) => void
}

/** Sends one message; false if the socket is not open or its buffer is full. */
export type Send = (message: object) => boolean

const MAX_BODY = 8 << 20
/** Max bytes buffered in the socket. */
const MAX_BACKLOG = 64 << 20
const PING_EVERY = 15_000
const PONG_WITHIN = 10_000
const FRAME_WITHIN = 5_000

const lost = (reason: string) => new RpcDisconnected({ reason: reason.slice(0, 200) })

/** The server rejected the WebSocket upgrade at this path. */
export const isRefusal = ({ reason }: RpcDisconnected): boolean => reason.startsWith("Unexpected server response")

const connect = (url: string, headers: ConnectionOptions["headers"]) =>
  new WebSocket(url, {
    headers: { ...headers },
    perMessageDeflate: false,
    maxPayload: MAX_BODY + 4096,
    handshakeTimeout: 5000,
    followRedirects: false,
    maxFragments: 4096
  })

/** Batches the messages of one event-loop tick into one system call. */
const joining = (socket: WebSocket) => {
  let raw: Socket | undefined
  let isHeld = false
  socket.once("upgrade", (response) => {
    raw = response.socket
  })
  const end = () => {
    if (isHeld) raw?.uncork()
    isHeld = false
  }
  const begin = () => {
    if (isHeld || raw === undefined) return
    isHeld = true
    raw.cork()
    setImmediate(end)
  }
  return { begin, end }
}

/** Runs `use` while the socket is open; never succeeds, fails when the socket closes or the peer sends invalid data. */
export const run = <E>(
  options: ConnectionOptions,
  use: (send: Send) => Effect.Effect<never, E>
): Effect.Effect<never, RpcDisconnected | E> =>
  Effect.acquireUseRelease(
    Effect.sync(() => {
      const socket = connect(options.url, options.headers)
      return { socket, joined: joining(socket) }
    }),
    ({ joined, socket }) => {
      const { now } = options
      const decoder = Frame.makeDecoder({ maxBody: MAX_BODY })
      let heard = 0
      let noticed = 0
      let heardAt = now()
      let wholeAt = now()

      const send: Send = (message) => {
        if (socket.readyState !== WebSocket.OPEN || socket.bufferedAmount > MAX_BACKLOG) return false
        joined.begin()
        socket.send(Frame.encode(JSON.stringify(message)), { binary: false })
        return true
      }

      const onBody = (body: string) => options.onBody(body, send)

      const gone = Effect.async<never, RpcDisconnected>((resume) => {
        // Messages after this are ignored.
        const end = (reason: string) => {
          socket.removeAllListeners("message")
          resume(Effect.fail(lost(reason)))
        }
        socket.on("pong", () => {
          heard++
        })
        socket.on("message", (data: Buffer) => {
          heard++
          try {
            const broken = decoder.push(data, onBody)
            if (broken !== undefined) end(broken.message)
          } catch {
            end("invalid message")
          }
        })
        socket.on("error", (cause) => end(cause.message))
        socket.on("close", (code) => end(`closed (${code})`))
      })

      const opened = Effect.async<void>((resume) => {
        socket.once("open", () => resume(Effect.void))
      })
      const look = Effect.suspend(() => {
        const at = now()
        if (heard !== noticed) heardAt = at
        noticed = heard
        if (!decoder.partial) wholeAt = at
        if (at - wholeAt > FRAME_WITHIN) return lost("a frame was left unfinished")
        if (at - heardAt > PING_EVERY + PONG_WITHIN) return lost("no sign of life")
        if (at - heardAt > PING_EVERY && socket.readyState === WebSocket.OPEN) socket.ping()
        return Effect.void
      })
      const heartbeat = Effect.forever(Effect.zipRight(Effect.sleep("1 second"), look))

      return Effect.raceFirst(gone, Effect.raceFirst(heartbeat, Effect.zipRight(opened, use(send))))
    },
    ({ joined, socket }) =>
      Effect.sync(() => {
        joined.end()
        socket.removeAllListeners()
        socket.on("error", () => {}) // terminating a connecting socket emits an error
        socket.terminate()
      })
  )

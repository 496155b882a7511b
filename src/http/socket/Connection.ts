/**
 * One socket from its handshake to its end: its messages are served one after the other, each as a request of its own.
 *
 * A client that leaves ends what runs for it. A drain lets what runs end, and refuses the rest.
 */
import type { Socket } from "node:net"
import * as Headers from "@effect/platform/Headers"
import * as HttpServerError from "@effect/platform/HttpServerError"
import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import { Effect, type Fiber } from "effect"
import type { WebSocket } from "ws"
import type { Reservation } from "../chat/Bodies.ts"
import type { Drain } from "../server/Drain.ts"
import * as MessageRequest from "../server/MessageRequest.ts"
import * as Unread from "../server/Unread.ts"
import { deliver } from "./Deliver.ts"
import * as Intake from "./Intake.ts"
import * as Outlet from "./Outlet.ts"
import type { Protocol } from "./Protocol.ts"

/** Most messages that wait for the one that is served. */
export const DEEPEST = 16

/** In milliseconds. */
export interface Times {
  /** Of a connection, and then of one that nothing runs on. */
  readonly age: number
  readonly idle: number
  /** Between the parts of a message. */
  readonly arriving: number
  /** How often all of these are looked at, and a ping is sent so that nobody between takes the connection for dead. */
  readonly look: number
  readonly patience: number
}

export interface ConnectionOptions {
  readonly ws: WebSocket
  readonly socket: Socket
  readonly protocol: Protocol
  /** Of the request that opened it; each message has them, and a name of its own. */
  readonly headers: Headers.Headers
  readonly nameOf: (count: number) => string
  /** Most bytes of a message. */
  readonly limit: number
  readonly reservation: () => Reservation
  /** What waits for the readers of this gateway. */
  readonly backlog: Unread.Backlog
  readonly serve: (request: HttpServerRequest.HttpServerRequest) => Fiber.RuntimeFiber<void>
  /** The connection serves something, until the answer is called. */
  readonly serving: () => () => void
  readonly drain: Pick<typeof Drain.Service, "isDraining" | "onBegun">
  readonly times: Times
}

/** Ends when the connection is closed, and nothing runs on it. */
export const run = (options: ConnectionOptions): Effect.Effect<void> =>
  Effect.async<void>((resume) => {
    const { drain, protocol, socket, times, ws } = options
    const waiting: Array<Intake.Arrived> = []
    const forgets: Array<() => void> = []
    const connection: MessageRequest.Connection = {
      onClose: (forget) => void (isOver ? forget() : forgets.push(forget))
    }
    // Node's clock and timer: a socket's, which no fiber waits for.
    const began = performance.now()
    let count = 0
    let busySince = began
    let running: Fiber.RuntimeFiber<void> | undefined
    /** How it is closed as soon as nothing waits, and what is said before. */
    let ending: { readonly code: number; readonly reason: string; readonly words?: string } | undefined
    let isOver = false
    let waitsForReader = false
    const outlet = Outlet.make(ws, socket, options.backlog, times.patience)

    const end = (code: number, reason: string, words?: string) => {
      ending ??= { code, reason, ...(words === undefined ? {} : { words }) }
      next()
    }
    const close = ({ code, reason, words }: NonNullable<typeof ending>) => {
      if (words !== undefined) outlet.send(words)
      ws.close(code, reason)
    }
    const resumed = () => {
      waitsForReader = false
      next()
    }
    const next = () => {
      if (isOver || running !== undefined || waitsForReader || ws.readyState !== ws.OPEN) return
      // What was said is to be read first.
      if (waiting.length > 0 && socket.writableLength > Unread.SHARE) {
        waitsForReader = true
        socket.once("drain", resumed)
        return
      }
      const message = waiting.shift()
      if (message !== undefined) begin(message)
      else if (ending !== undefined) close(ending)
    }
    const begin = ({ bytes, release, unread }: Intake.Arrived) => {
      const served = options.serving()
      let isAnswered = false
      const message: MessageRequest.Message = {
        connection,
        bytes,
        unread,
        label: undefined,
        deliver: (response, source) =>
          Effect.suspend(() => {
            if (isAnswered) return Effect.void
            isAnswered = true
            const send = (text: string) =>
              outlet.send(message.label === undefined ? text : protocol.labelled(text, message.label))
            return deliver(response, source, protocol, { send, terminate: () => ws.terminate() })
          })
      }
      const headers = Headers.set(options.headers, "x-request-id", options.nameOf(++count))
      running = options.serve(MessageRequest.make(protocol.path, headers, message))
      running.addObserver(() => {
        running = undefined
        busySince = performance.now()
        release()
        served()
        if (isOver) resume(Effect.void)
        else next()
      })
    }

    const { since } = Intake.listen({
      ...options,
      onMessage: (message) => {
        // Else a client that always has one waiting is served for ever.
        if (ending !== undefined) return message.release()
        if (message.unread === undefined && protocol.isSilent(message.bytes)) return message.release()
        if (waiting.length === DEEPEST) {
          message.release()
          return outlet.send(protocol.tooMany(DEEPEST))
        }
        waiting.push(message)
        next()
      },
      onBroken: (code) => end(code, code === 1009 ? "the message is too large" : "try again later")
    })

    const look = () => {
      const now = performance.now()
      const isIdle = running === undefined && waiting.length === 0
      if (now - (since() ?? now) > times.arriving) ws.close(1008, "the message did not arrive in time")
      else if (now - began > times.age && ending === undefined) {
        for (const { release } of waiting.splice(0)) release()
        end(1001, "the connection is too old", protocol.tooOld(times.age / 60_000))
      } else if (isIdle && now - busySince > times.idle) end(1001, "nothing was asked for")
      else if (!outlet.isStalled() && ws.readyState === ws.OPEN) ws.ping()
    }
    const timer = setInterval(look, times.look)
    const release = drain.onBegun(() => end(1001, "the gateway is shutting down"))

    ws.on("error", () => {})
    ws.once("close", () => {
      isOver = true
      clearInterval(timer)
      release()
      for (const message of waiting.splice(0)) message.release()
      for (const forget of forgets) forget()
      if (running === undefined) resume(Effect.void)
      else running.unsafeInterruptAsFork(HttpServerError.clientAbortFiberId)
    })
    if (drain.isDraining()) end(1001, "the gateway is shutting down")
    return Effect.sync(() => ws.terminate())
  }).pipe(Effect.interruptible)

/**
 * A WebSocket server that speaks the framing and lets a test say the rest.
 */
import type { AddressInfo } from "node:net"
import { Deferred, Effect, FiberId } from "effect"
import { type ServerOptions, type WebSocket, WebSocketServer } from "ws"
import * as Frame from "../../src/lingma/rpc/Frame.ts"

export interface Message {
  readonly id?: number | string
  readonly method?: string
  readonly params?: Record<string, unknown>
  readonly result?: unknown
  readonly error?: unknown
}

export interface Peer {
  readonly send: (message: unknown) => void
  /** As it is; `fin: false` leaves the message open for more. */
  readonly raw: (data: string | Buffer, options?: { readonly fin: boolean }) => void
  readonly drop: () => void
}

export interface FakeLingma {
  readonly url: string
  /** Everything received, oldest first. */
  readonly received: ReadonlyArray<Message>
  /** Resolves when a message for which `want` holds has come, also when it came before. */
  readonly heard: (want: (message: Message) => boolean) => Effect.Effect<Message>
  readonly peers: ReadonlyArray<Peer>
}

/** `initialize` is answered; everything else goes to `on`. `greet` speaks first, `listen` says who may connect. */
export const make = (
  on: (message: Message, peer: Peer) => void = () => {},
  greet: (peer: Peer) => void = () => {},
  hello: object = { capabilities: {} },
  listen: ServerOptions = {}
) =>
  Effect.gen(function* () {
    const received: Array<Message> = []
    const peers: Array<Peer> = []
    const waiting = new Set<{
      readonly want: (message: Message) => boolean
      readonly done: Deferred.Deferred<Message>
    }>()
    const onConnection = (socket: WebSocket) => {
      const decoder = Frame.makeDecoder()
      const peer: Peer = {
        send: (message) => socket.send(Frame.encode(JSON.stringify(message))),
        raw: (data, options = { fin: true }) => socket.send(data, options),
        drop: () => socket.terminate()
      }
      peers.push(peer)
      greet(peer)
      socket.on("error", () => {})
      socket.on("message", (data: Buffer) =>
        decoder.push(data, (body) => {
          const message = JSON.parse(body) as Message
          received.push(message)
          for (const waiter of waiting) {
            if (waiter.want(message)) Deferred.unsafeDone(waiter.done, Effect.succeed(message))
          }
          if (message.method === "initialize") peer.send({ jsonrpc: "2.0", id: message.id, result: hello })
          else on(message, peer)
        })
      )
    }
    const server = yield* Effect.acquireRelease(
      Effect.async<WebSocketServer>((resume) => {
        const listening = new WebSocketServer({ host: "127.0.0.1", port: 0, ...listen })
        listening.on("connection", onConnection)
        listening.on("listening", () => resume(Effect.succeed(listening)))
      }),
      (listening) =>
        Effect.async<void>((resume) => {
          for (const client of listening.clients) client.terminate()
          listening.close(() => resume(Effect.void))
        })
    )
    const heard: FakeLingma["heard"] = (want) =>
      Effect.suspend(() => {
        const before = received.find(want)
        if (before !== undefined) return Effect.succeed(before)
        const waiter = { want, done: Deferred.unsafeMake<Message>(FiberId.none) }
        waiting.add(waiter)
        return Effect.ensuring(
          Deferred.await(waiter.done),
          Effect.sync(() => waiting.delete(waiter))
        )
      })
    return {
      url: `ws://127.0.0.1:${(server.address() as AddressInfo).port}/`,
      received,
      heard,
      peers
    } satisfies FakeLingma
  })

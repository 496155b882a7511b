/**
 * JSON-RPC with Lingma over one WebSocket that is reopened for as long as the scope lives.
 *
 * Replies are matched by id, pushes by the turn they name; every request of the other side is answered at once.
 * A lost connection fails what was pending.
 */

import { Context, Duration, Effect, Either, Layer, Schedule, type Scope, Stream, SubscriptionRef } from "effect"
import { isRecord } from "../../json/Json.ts"
import * as Metrics from "../../observe/Metrics.ts"
import * as Span from "../../observe/Span.ts"
import * as Scoped from "../../runtime/Scoped.ts"
import * as Product from "../process/Product.ts"
import * as Calls from "./Calls.ts"
import * as Connection from "./Connection.ts"
import * as Protocol from "./Protocol.ts"
import * as Pushes from "./Pushes.ts"
import { RpcDisconnected, type RpcError, RpcTimeout } from "./RpcError.ts"
import * as Subscribers from "./Subscribers.ts"

/** `reconnecting` after a loss; there is no end but that of the scope. */
export type RpcState = "connecting" | "ready" | "reconnecting"

export type OnReply<R> = (reply: Either.Either<R, RpcError>) => void

export interface RpcStats {
  readonly pending: number
  readonly turns: number
  /** Replies to nothing that was asked. */
  readonly strayReplies: number
  /** Pushes for turns that are over or were never ours. */
  readonly strayPushes: number
}

/** Where to connect, and as whom. */
export interface LingmaRpcOptions {
  readonly url: string
  /** How long a call waits for its reply. */
  readonly timeout: Duration.DurationInput
  /** Sent along with each connection. */
  readonly headers?: Effect.Effect<Readonly<Record<string, string>>>
  /** Asked before each connection; without a yes none is made. */
  readonly isOurs?: Effect.Effect<boolean>
  /** Where this Lingma lies on the disk, as far as is known. */
  readonly place?: string | undefined
  /** Parameters of the handshake. */
  readonly initialize: Readonly<Record<string, unknown>>
  /** Hears pushes that name no turn. */
  readonly onPush?: (method: string, params: Pushes.Json) => void
}

/** Doubles from a tenth of a second up to 0.8 s, jittered; starts over after a quiet minute. */
export const reconnect = Schedule.exponential("100 millis").pipe(
  Schedule.union(Schedule.spaced("800 millis")),
  Schedule.jittered,
  Schedule.resetAfter("1 minute")
)

/** How much longer than its caller a reply may come and still be heard. */
const lateReplies = 60_000

const spanOf = (method: string) => ({
  kind: "client" as const,
  attributes: { "rpc.system": "jsonrpc", "rpc.method": method }
})

/** Most errands kept for the next connection. */
const mostLater = 1023

/** Where no path is given: the root, which all are known to take, and what QoderCN's own client uses. */
const placesOf = (url: string): [string, string] =>
  /^wss?:\/\/[^/]+\/?$/.test(url) ? [url, new URL("/ws", url).href] : [url, url]

const notConnected = Effect.fail(new RpcDisconnected({ reason: "not connected" }))

/** One connection to one Lingma. Its calls fail with an `RpcError`, never with a throw. */
export class LingmaRpc extends Context.Tag("lingma-gateway/lingma/LingmaRpc")<
  LingmaRpc,
  {
    readonly state: SubscriptionRef.SubscriptionRef<RpcState>
    /** Suspends until the handshake is done. */
    readonly ready: Effect.Effect<void>
    /** By the last handshake. */
    readonly product: () => Product.Product
    /** Fails at once while the connection is down. `onReply` hears the result even when the caller has gone. */
    readonly call: <P, R, I>(
      method: Protocol.Method<P, R, I>,
      params: P,
      options?: { readonly timeout?: Duration.DurationInput; readonly onReply?: (result: R) => void }
    ) => Effect.Effect<R, RpcError>
    /** Sends now; the reply, a loss or the timeout goes to `onReply`. False, and no reply, when not connected. */
    readonly send: <P, R, I>(
      method: Protocol.Method<P, R, I>,
      params: P,
      options: { readonly timeout: Duration.DurationInput; readonly onReply: OnReply<R> }
    ) => boolean
    /** Sends now what is never answered. False when not connected. */
    readonly notify: (method: string, params: Pushes.Json) => boolean
    /** As `send`, but a reply that comes after the scope has closed is not heard. */
    readonly post: <P, R, I>(
      method: Protocol.Method<P, R, I>,
      params: P,
      onReply: OnReply<R>
    ) => Effect.Effect<void, RpcDisconnected, Scope.Scope>
    /** Runs once the connection is there again: what could not be tidied up before. The oldest give way to the newest. */
    readonly whenReady: (run: () => void) => void
    /** Routes the pushes that carry `requestId`, or carry none but `sessionId`, until the scope closes. */
    readonly subscribe: (
      turn: Subscribers.Address,
      sink: Subscribers.Sink
    ) => Effect.Effect<void, RpcDisconnected, Scope.Scope>
    readonly stats: Effect.Effect<RpcStats>
  }
>() {
  static readonly make = Effect.fnUntraced(function* (options: LingmaRpcOptions) {
    const clock = yield* Effect.clock
    const now = () => Number(clock.unsafeCurrentTimeNanos()) / 1e6
    const state = yield* SubscriptionRef.make<RpcState>("connecting")
    const calls = Calls.make(now)
    const subscribers = Subscribers.make(options.onPush)
    let write: Connection.Send = () => false
    let isReady = false
    let hello: unknown
    let later: Array<() => void> = []
    let strayReplies = 0

    const onRequest = (method: string, message: Pushes.Json, body: string, send: Connection.Send) => {
      const params = isRecord(message["params"]) ? message["params"] : {}
      const id = message["id"]
      // On the socket it came by: Lingma asks before the handshake, too.
      const isAnswered = id !== undefined && id !== null
      if (isAnswered)
        send({ jsonrpc: "2.0", id, ...(subscribers.answer(method, params) ?? Pushes.answer(method, params)) })
      subscribers.push(method, params, isAnswered ? undefined : body)
    }

    const onBody = (body: string, send: Connection.Send) => {
      if (subscribers.repeat(body)) return
      const message: unknown = JSON.parse(body)
      if (!isRecord(message)) throw new Error("not an object")
      const method = message["method"]
      if (typeof method === "string") onRequest(method, message, body, send)
      else if (!calls.reply(message)) strayReplies++
    }

    const request = (method: string, params: unknown, millis: number, settle: Calls.Settle): number | undefined => {
      const began = now()
      const id = calls.enter(method, millis, (reply) => {
        Metrics.mark(Metrics.rpcDuration, (now() - began) / 1000, { method })
        settle(reply)
      })
      if (write({ jsonrpc: "2.0", id, method, params })) return id
      calls.forget(id)
      return undefined
    }

    const call = <P, R, I>(
      method: Protocol.Method<P, R, I>,
      params: P,
      how: { readonly timeout?: Duration.DurationInput; readonly onReply?: (result: R) => void } = {}
    ): Effect.Effect<R, RpcError> => {
      const millis = Duration.toMillis(how.timeout ?? options.timeout)
      const reply = Effect.async<R, RpcError>((resume) => {
        const wait = how.onReply === undefined ? millis : millis + lateReplies
        const id = request(method.name, params, wait, (raw) => {
          const result = Calls.decode(method, raw)
          clearTimeout(timer)
          if (Either.isRight(result)) how.onReply?.(result.right)
          resume(result)
        })
        if (id === undefined) return resume(notConnected)
        const leave = () => {
          clearTimeout(timer)
          if (how.onReply === undefined) calls.forget(id)
        }
        // Not `Effect.timeout`, which is two fibers for each call.
        const timer = setTimeout(() => {
          leave()
          resume(new RpcTimeout({ method: method.name }))
        }, millis)
        return Effect.sync(leave)
      })
      return Span.within(method.name, spanOf(method.name))(reply)
    }

    const lose = (error: RpcDisconnected) =>
      Effect.sync(() => {
        write = () => false
        isReady = false
        calls.failAll(error)
        subscribers.lose(error)
      })
    /** Interrupted in its middle it would keep the permit that the next change waits for. */
    const to = (next: RpcState) => Effect.uninterruptible(SubscriptionRef.set(state, next))
    const noticed = ({ reason }: RpcDisconnected) =>
      Effect.whenEffect(
        Effect.zipRight(
          to("reconnecting"),
          Effect.annotateLogs(Effect.logWarning("connection to Lingma lost"), { reason })
        ),
        Effect.map(SubscriptionRef.get(state), (current) => current === "ready")
      )

    const talk = (send: Connection.Send) =>
      Effect.suspend(() => {
        write = send
        return call(Protocol.initialize, options.initialize)
      }).pipe(
        Effect.tap((answer) => {
          hello = answer
          isReady = true
        }),
        Effect.zipRight(to("ready")),
        Effect.zipRight(
          Effect.sync(() => {
            const runs = later
            later = []
            for (const run of runs) run()
          })
        ),
        Effect.zipRight(Effect.never),
        Effect.catchAll((error) => new RpcDisconnected({ reason: `handshake failed: ${error._tag}` }))
      )

    const ours = Effect.filterOrFail(
      options.isOurs ?? Effect.succeed(true),
      (yes) => yes,
      () => new RpcDisconnected({ reason: "nobody of ours listens there" })
    )
    const places = placesOf(options.url)
    const run = Effect.flatMap(options.headers ?? Effect.succeed({}), (headers) =>
      Connection.run({ url: places[0], headers, now, onBody }, talk)
    )
    yield* Effect.zipRight(ours, run).pipe(
      Effect.tapError((error) => {
        if (Connection.isRefusal(error)) places.reverse()
        return Effect.zipRight(lose(error), noticed(error))
      }),
      Effect.retry(reconnect),
      Effect.ensuring(lose(new RpcDisconnected({ reason: "closed" }))),
      Effect.annotateLogs({ service: "LingmaRpc" }),
      Effect.interruptible,
      Effect.forkScoped
    )
    yield* Effect.sync(calls.expire).pipe(
      Effect.repeat(Schedule.spaced("1 second")),
      Effect.interruptible,
      Effect.forkScoped
    )

    return LingmaRpc.of({
      state,
      ready: Stream.runDrain(Stream.takeUntil(state.changes, (current) => current === "ready")),
      product: () => Product.of({ hello, place: options.place }),
      call,
      send: (method, params, { onReply, timeout }) =>
        request(method.name, params, Duration.toMillis(timeout), (raw) => onReply(Calls.decode(method, raw))) !==
        undefined,
      notify: (method, params) => write({ jsonrpc: "2.0", method, params }),
      whenReady: (run) => {
        later = [...later.slice(-mostLater), run]
      },
      post: (method, params, onReply) =>
        Effect.zipRight(
          Span.scoped(method.name, spanOf(method.name)),
          Scoped.own(
            () => request(method.name, params, Number.POSITIVE_INFINITY, (raw) => onReply(Calls.decode(method, raw))),
            calls.forget
          )
        ).pipe(Effect.flatMap((id) => (id === undefined ? notConnected : Effect.void))),
      subscribe: (turn, sink) =>
        Scoped.own(
          () => {
            if (!isReady) return undefined
            subscribers.add(turn, sink)
            return sink
          },
          () => subscribers.remove(turn)
        ).pipe(Effect.flatMap((taken) => (taken === undefined ? notConnected : Effect.void))),
      stats: Effect.sync(() => ({
        pending: calls.size(),
        turns: subscribers.size(),
        strayReplies,
        strayPushes: subscribers.strays()
      }))
    })
  })

  /** Connects at once and again; nothing fails when nobody is there, `ready` waits. */
  static readonly layer = (options: LingmaRpcOptions): Layer.Layer<LingmaRpc> =>
    Layer.scoped(LingmaRpc, LingmaRpc.make(options))
}

/**
 * JSON-RPC client for Lingma over one WebSocket, which reconnects until the scope closes.
 *
 * Replies are matched by id, pushes by the turn they name; requests from Lingma are answered at once. A lost connection
 * fails all pending calls.
 */

import { Context, Duration, Effect, Either, Layer, Schedule, type Scope, Stream, SubscriptionRef } from "effect"
import { isRecord } from "../../json/Json.ts"
import * as MetricKeys from "../../observe/MetricKeys.ts"
import { Metrics } from "../../observe/Metrics.ts"
import * as Span from "../../observe/Span.ts"
import * as Scoped from "../../runtime/Scoped.ts"
import * as Product from "../process/Product.ts"
import * as Calls from "./Calls.ts"
import * as Connection from "./Connection.ts"
import * as Protocol from "./Protocol.ts"
import * as Pushes from "./Pushes.ts"
import { RpcDisconnected, type RpcError, RpcTimeout } from "./RpcError.ts"
import * as Subscribers from "./Subscribers.ts"

/** `reconnecting` after a loss; retries until the scope closes. */
export type RpcState = "connecting" | "ready" | "reconnecting"

/** Called once with the decoded reply or the error. */
export type OnReply<R> = (reply: Either.Either<R, RpcError>) => void

/** Current numbers of a connection, and counters since its creation. */
export interface RpcStats {
  /** Calls waiting for a reply. */
  readonly pending: number
  /** Subscribed turns. */
  readonly turns: number
  /** Replies with an unknown id. */
  readonly strayReplies: number
  /** Pushes for unknown or finished turns. */
  readonly strayPushes: number
}

/** Options of a connection. */
export interface LingmaRpcOptions {
  /** `ws://…`; without a path, `/` and `/ws` are tried. */
  readonly url: string
  /** Default timeout of a call. */
  readonly timeout: Duration.DurationInput
  /** Headers of each connection. */
  readonly headers?: Effect.Effect<Readonly<Record<string, string>>>
  /** Checked before each connection; false prevents it. Default: true. */
  readonly isOurs?: Effect.Effect<boolean>
  /** Path of this Lingma's binary or info file, if known. */
  readonly place?: string | undefined
  /** Parameters of `initialize`. */
  readonly initialize: Readonly<Record<string, unknown>>
  /** Called for pushes that name no turn. */
  readonly onPush?: (method: string, params: Pushes.Json) => void
}

/** Reconnect backoff: 0.1 s doubling up to 0.8 s, with jitter; reset after a minute without failures. */
export const reconnect = Schedule.exponential("100 millis").pipe(
  Schedule.union(Schedule.spaced("800 millis")),
  Schedule.jittered,
  Schedule.resetAfter("1 minute")
)

/** How long after its caller's timeout a reply is still passed to `onReply`, in ms. */
const LATE_REPLIES = 60_000

const spanOf = (method: string) => ({
  kind: "client" as const,
  attributes: { "rpc.system": "jsonrpc", "rpc.method": method }
})

/** Max callbacks queued until reconnect. */
const MOST_LATER = 1023

/** URLs to try if no path is given: the root, which all known builds accept, and `/ws`, which QoderCN's client uses. */
const placesOf = (url: string): [string, string] =>
  /^wss?:\/\/[^/]+\/?$/.test(url) ? [url, new URL("/ws", url).href] : [url, url]

const notConnected = Effect.fail(new RpcDisconnected({ reason: "not connected" }))

/** Connection to one Lingma. Calls fail with an `RpcError`, never with a defect. */
export class LingmaRpc extends Context.Tag("lingma-gateway/lingma/LingmaRpc")<
  LingmaRpc,
  {
    readonly state: SubscriptionRef.SubscriptionRef<RpcState>
    /** Waits for the handshake. */
    readonly ready: Effect.Effect<void>
    /** Product according to the last handshake. */
    readonly product: () => Product.Product
    /** Fails at once while disconnected. `onReply` gets the result even if the caller was interrupted. */
    readonly call: <P, R, I>(
      method: Protocol.Method<P, R, I>,
      params: P,
      options?: { readonly timeout?: Duration.DurationInput; readonly onReply?: (result: R) => void }
    ) => Effect.Effect<R, RpcError>
    /** Sends at once; `onReply` gets the reply, disconnect or timeout. False, without a callback, if not connected. */
    readonly send: <P, R, I>(
      method: Protocol.Method<P, R, I>,
      params: P,
      options: { readonly timeout: Duration.DurationInput; readonly onReply: OnReply<R> }
    ) => boolean
    /** Sends a notification at once. False if not connected. */
    readonly notify: (method: string, params: Pushes.Json) => boolean
    /** Like `send`, but without timeout; a reply after the scope has closed is ignored. */
    readonly post: <P, R, I>(
      method: Protocol.Method<P, R, I>,
      params: P,
      onReply: OnReply<R>
    ) => Effect.Effect<void, RpcDisconnected, Scope.Scope>
    /** Queues a cleanup for the next connection. If the queue is full, the oldest entry is dropped. */
    readonly whenReady: (run: () => void) => void
    /** Routes pushes with this `requestId`, or with only this `sessionId`, until the scope closes. */
    readonly subscribe: (
      turn: Subscribers.Address,
      sink: Subscribers.Sink
    ) => Effect.Effect<void, RpcDisconnected, Scope.Scope>
    readonly stats: Effect.Effect<RpcStats>
  }
>() {
  static readonly make = Effect.fnUntraced(function* (options: LingmaRpcOptions) {
    const clock = yield* Effect.clock
    const { mark } = yield* Metrics
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
      // Reply on the same socket: Lingma also sends requests before the handshake.
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
        mark(MetricKeys.rpcDuration, (now() - began) / 1000, { method })
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
        const wait = how.onReply === undefined ? millis : millis + LATE_REPLIES
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
        // Node's timer, which a TestClock does not move: `Effect.timeout` costs two fibers per call.
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
    /** Uninterruptible: an interrupt during `set` would leak its permit and block the next change. */
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
      () => new RpcDisconnected({ reason: "our process does not listen there" })
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
    // A schedule would take four times as much for each round, in every instance.
    const tick = Effect.zipRight(Effect.sleep("1 second"), Effect.sync(calls.expire))
    yield* Effect.forkScoped(Effect.interruptible(Effect.forever(tick)))

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
        later = [...later.slice(-MOST_LATER), run]
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

  /** Connects in the background and reconnects; without a server `ready` waits instead of failing. */
  static readonly layer = (options: LingmaRpcOptions): Layer.Layer<LingmaRpc> =>
    Layer.provide(Layer.scoped(LingmaRpc, LingmaRpc.make(options)), Metrics.layer)
}

/**
 * Graceful shutdown: new requests are rejected, running ones may finish within a time limit, the rest are aborted.
 *
 * Before that a balancer has time to notice: only the readiness tells, and everything is served. Acquired after the server,
 * so that it is released first.
 */
import type { Server } from "node:http"
import { Context, Deferred, Duration, Effect, Layer, type Scope } from "effect"
import { ChurnMap } from "../../runtime/ChurnMap.ts"
import * as Scoped from "../../runtime/Scoped.ts"
import { Connections } from "./Connections.ts"
import { CurrentServer } from "./CurrentServer.ts"

/** Max time for aborted requests to send their final error. */
const GRACE = "2 seconds"

export class Drain extends Context.Tag("lingma-gateway/http/Drain")<
  Drain,
  {
    readonly isDraining: () => boolean
    /** Going down soon, or draining: no balancer is to send more. */
    readonly isLeaving: () => boolean
    /** Announces it, and waits for balancers to notice. */
    readonly announce: (delay: Duration.Duration) => Effect.Effect<void>
    /** Counts a request as running until its last byte was sent. */
    readonly track: <A, E, R>(app: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
    /** Counts a request as running until its scope closes. */
    readonly enter: Effect.Effect<void, never, Scope.Scope>
    /** Registers a callback for the start of the drain; returns a function that removes it. */
    readonly onBegun: (stop: () => void) => () => void
    /** Registers a callback for when the time limit is reached; returns a function that removes it. */
    readonly onForced: (stop: () => void) => () => void
    readonly run: (limit: Duration.Duration) => Effect.Effect<"drained" | "forced">
  }
>() {
  static readonly make = Effect.fnUntraced(function* (server: Server | undefined) {
    const idle = yield* Deferred.make<void>()
    const begins = new Set<() => void>()
    const stops = new ChurnMap<object, () => void>()
    let leaving = false
    let draining = false
    let running = 0

    const leave = Effect.suspend(() => (--running === 0 && draining ? Deferred.succeed(idle, undefined) : Effect.void))

    const track = <A, E, R>(app: Effect.Effect<A, E, R>) =>
      Effect.suspend(() => {
        running++
        return Effect.ensuring(app, leave)
      })

    const enter = Scoped.acquire(
      Effect.sync(() => {
        running++
      }),
      () => leave
    )

    const onBegun = (stop: () => void) => {
      begins.add(stop)
      return () => {
        begins.delete(stop)
      }
    }

    const onForced = (stop: () => void) => {
      const key = {}
      stops.set(key, stop)
      return () => {
        stops.delete(key)
      }
    }

    const sweep = (node: Server) =>
      Effect.sync(() => node.closeIdleConnections()).pipe(Effect.zipRight(Effect.sleep("20 millis")), Effect.forever)

    // The last bytes are sent after the fiber has ended, so open sockets are awaited as well.
    const closed = (node: Server) =>
      Effect.async<void>((resume) => {
        if (!node.listening) return resume(Effect.void)
        node.close(() => resume(Effect.void))
      }).pipe(
        Effect.raceFirst(
          Effect.sync(() => node.closeIdleConnections()).pipe(
            Effect.zipRight(Effect.sleep("20 millis")),
            // By now, a first request that was in flight has arrived.
            Effect.zipRight(Effect.sync(() => node instanceof Connections && node.closeUnused())),
            Effect.forever
          )
        )
      )

    const announce = (delay: Duration.Duration) =>
      Effect.suspend(() => {
        leaving = true
        return Effect.sleep(delay)
      })

    const run = Effect.fnUntraced(
      function* (limit: Duration.Duration) {
        leaving = true
        draining = true
        for (const begin of begins) begin()
        if (running === 0) yield* Deferred.succeed(idle, undefined)
        // New connections are still answered: health checks with 503, chats with a retryable 503.
        const done =
          server === undefined
            ? Deferred.await(idle)
            : Effect.zipRight(Effect.raceFirst(Deferred.await(idle), sweep(server)), closed(server))
        const inTime = yield* Effect.timeoutOption(done, limit)
        if (inTime._tag === "Some") return "drained"
        for (const stop of stops.values()) stop()
        yield* Effect.timeoutOption(Deferred.await(idle), GRACE)
        server?.closeAllConnections()
        yield* Effect.timeoutOption(Deferred.await(idle), GRACE)
        return "forced"
      },
      // Finalizers are uninterruptible, so a timeout would never fire.
      Effect.interruptible
    )

    const isDraining = () => draining
    const isLeaving = () => leaving
    return Drain.of({ isDraining, isLeaving, announce, track, enter, onBegun, onForced, run })
  })

  static readonly layer: Layer.Layer<Drain> = Layer.effect(Drain, Effect.flatMap(CurrentServer, Drain.make))
}

/** Announces the end and drains when the scope closes, by the settings of then. */
export const onClose = Effect.fnUntraced(function* (
  settings: () => { readonly drainDelay: Duration.Duration; readonly drainTimeout: Duration.Duration }
): Effect.fn.Return<void, never, Drain | Scope.Scope> {
  const drain = yield* Drain
  yield* Effect.addFinalizer(() =>
    Effect.gen(function* () {
      const { drainDelay, drainTimeout } = settings()
      if (Duration.toMillis(drainDelay) > 0) {
        yield* Effect.annotateLogs(Effect.logInfo("server leaving"), { seconds: Duration.toSeconds(drainDelay) })
        yield* drain.announce(drainDelay)
      }
      yield* Effect.logInfo("server draining")
      yield* Effect.annotateLogs(Effect.logInfo("server drained"), { how: yield* drain.run(drainTimeout) })
    })
  )
})

/**
 * The way out: new work is refused, running work gets its time, what is left is told so and cut.
 *
 * Built after the server, so that it is finalized before it.
 */
import type { Server } from "node:http"
import { Context, Deferred, type Duration, Effect, Layer, type Scope } from "effect"
import { ChurnMap } from "../../runtime/ChurnMap.ts"
import * as Scoped from "../../runtime/Scoped.ts"
import { Connections } from "./Connections.ts"
import { CurrentServer } from "./CurrentServer.ts"

/** How long forced work may take to say its last words. */
const GRACE = "2 seconds"

export class Drain extends Context.Tag("lingma-gateway/http/Drain")<
  Drain,
  {
    readonly isDraining: () => boolean
    /** Counts a request from its first step to its last byte. */
    readonly track: <A, E, R>(app: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
    /** Counts a request until its scope closes. */
    readonly enter: Effect.Effect<void, never, Scope.Scope>
    /** Called once when it begins; the answer takes it back. */
    readonly onBegun: (stop: () => void) => () => void
    /** Called once when the time is up; the answer takes it back. */
    readonly onForced: (stop: () => void) => () => void
    readonly run: (limit: Duration.Duration) => Effect.Effect<"drained" | "forced">
  }
>() {
  static readonly make = Effect.fnUntraced(function* (server: Server | undefined) {
    const idle = yield* Deferred.make<void>()
    const begins = new Set<() => void>()
    const stops = new ChurnMap<object, () => void>()
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

    // The last bytes of an answer outlive its fiber: sockets are waited for, not only requests.
    const closed = (node: Server) =>
      Effect.async<void>((resume) => {
        if (!node.listening) return resume(Effect.void)
        node.close(() => resume(Effect.void))
      }).pipe(
        Effect.raceFirst(
          Effect.sync(() => node.closeIdleConnections()).pipe(
            Effect.zipRight(Effect.sleep("20 millis")),
            // A first request that was on its way has come by now.
            Effect.zipRight(Effect.sync(() => node instanceof Connections && node.closeUnused())),
            Effect.forever
          )
        )
      )

    const run = Effect.fnUntraced(
      function* (limit: Duration.Duration) {
        draining = true
        for (const begin of begins) begin()
        if (running === 0) yield* Deferred.succeed(idle, undefined)
        // While work runs, who comes anew is answered: a balancer's probe by 503, a chat by one that may be tried again.
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
      // Finalizers run uninterruptible, where no timeout would ever fire.
      Effect.interruptible
    )

    return Drain.of({ isDraining: () => draining, track, enter, onBegun, onForced, run })
  })

  static readonly layer: Layer.Layer<Drain> = Layer.effect(Drain, Effect.flatMap(CurrentServer, Drain.make))
}

/** Drains when the scope closes. */
export const onClose = Effect.fnUntraced(function* (
  limit: Duration.Duration
): Effect.fn.Return<void, never, Drain | Scope.Scope> {
  const drain = yield* Drain
  yield* Effect.addFinalizer(() =>
    Effect.flatMap(Effect.zipRight(Effect.logInfo("server draining"), drain.run(limit)), (how) =>
      Effect.annotateLogs(Effect.logInfo("server drained"), { how })
    )
  )
})

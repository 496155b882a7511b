/**
 * Backpressure: limits the requests in flight, and queues further ones in a bounded FIFO queue.
 *
 * Not Effect's `Semaphore`: an interrupt between the grant of a permit and the return of `take` under a timeout leaks the
 * permit, and each release wakes every waiter.
 */
import { Clock, Context, Duration, Effect, Exit, Layer, Random, type Scope } from "effect"
import { Overloaded } from "../domain/ChatError.ts"
import * as Scoped from "../runtime/Scoped.ts"

/** Limits of requests in flight and of the queue. */
export interface GuardOptions {
  /** Max requests at once. */
  readonly maxInFlight: number
  /** Max requests in the queue; further ones are rejected at once. */
  readonly queueMax: number
  /** Max time in the queue; zero means no queue. */
  readonly queueTimeout: Duration.DurationInput
}

/** Invariant: `accepted = completed + failed + cancelled + inFlight`. */
export interface GuardStats {
  readonly maxInFlight: number
  readonly inFlight: number
  readonly queued: number
  readonly accepted: number
  /** The queue was full, or the wait timed out. */
  readonly rejected: number
  /** Interrupted in the queue. */
  readonly abandoned: number
  readonly completed: number
  readonly failed: number
  readonly cancelled: number
}

/** Held until the scope closes. */
export interface Slot {
  /** Outcome of the request. Only the first call counts; without one it is counted as cancelled. */
  readonly settle: (outcome: "completed" | "failed") => void
}

interface Waiter {
  granted: boolean
  wake: (() => void) | undefined
}

// Weight of the latest gap in the moving average: about the last thirty releases count.
const SMOOTHING = 1 / 16

/** Limits the requests in flight. Fails with `Overloaded`, which has the seconds for `Retry-After`. */
export class Guard extends Context.Tag("lingma-gateway/Guard")<
  Guard,
  {
    /** Takes a slot and keeps it until the surrounding scope closes. */
    readonly slot: Effect.Effect<Slot, Overloaded, Scope.Scope>
    readonly stats: Effect.Effect<GuardStats>
  }
>() {
  static readonly make = Effect.fnUntraced(function* (options: GuardOptions) {
    const clock = yield* Clock.clockWith(Effect.succeed)
    const { maxInFlight } = options
    const queueTimeout = Duration.decode(options.queueTimeout)
    const queueMax = Duration.toMillis(queueTimeout) > 0 ? options.queueMax : 0
    const waiters = new Set<Waiter>()
    const counts = { inFlight: 0, accepted: 0, rejected: 0, abandoned: 0, completed: 0, failed: 0, cancelled: 0 }

    const seconds = () => Number(clock.unsafeCurrentTimeNanos()) / 1e9
    // Mean time between releases in seconds, measured only while all slots are taken: idle time must not count.
    let fullSince = 0
    let interval: number | undefined

    const enter = () => {
      counts.accepted++
      if (++counts.inFlight === maxInFlight) fullSince = seconds()
    }

    // The slot is handed to the oldest waiter: FIFO, and only one fiber is resumed.
    const leave = (outcome: "completed" | "failed" | "cancelled") => {
      counts[outcome]++
      if (counts.inFlight-- >= maxInFlight) {
        const now = seconds()
        const gap = Math.max(0, now - fullSince)
        interval = interval === undefined ? gap : interval + (gap - interval) * SMOOTHING
        fullSince = now
      }
      const { done, value: next } = waiters.values().next()
      if (done) return
      waiters.delete(next)
      next.granted = true
      enter()
      next.wake?.()
    }

    const holding = () => {
      let outcome: "completed" | "failed" | undefined
      const slot: Slot = {
        settle: (how) => {
          outcome ??= how
        }
      }
      return { slot, release: () => leave(outcome ?? "cancelled") }
    }
    const hold = Effect.suspend(() => {
      const { release, slot } = holding()
      return Effect.as(Scoped.later(release), slot)
    })
    /** Fast path: takes a free slot. */
    const free = Scoped.own(
      () => {
        if (counts.inFlight >= maxInFlight) return undefined
        enter()
        return holding()
      },
      ({ release }) => release()
    )

    const reject = (reason: Overloaded["reason"]) =>
      Effect.flatMap(Random.nextRange(0.8, 1.2), (jitter) => {
        counts.rejected++
        const expected = interval === undefined ? Duration.toSeconds(queueTimeout) : (waiters.size + 1) * interval
        const retryAfter = Math.ceil(Math.min(Math.max(expected, 1), 50) * jitter)
        return Effect.fail(new Overloaded({ reason, retryAfter }))
      })

    const queue = (restore: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>) => {
      const me: Waiter = { granted: false, wake: undefined }
      waiters.add(me)
      const granted = Effect.async<void>((resume) => {
        if (me.granted) resume(Effect.void)
        else me.wake = () => resume(Effect.void)
      })
      return granted.pipe(
        Effect.timeoutOption(queueTimeout),
        restore,
        Effect.exit,
        Effect.flatMap((exit): Effect.Effect<Slot, Overloaded, Scope.Scope> => {
          // Grant, timeout and interrupt race: `granted` alone decides.
          if (me.granted) {
            if (Exit.isSuccess(exit)) return hold
            leave("cancelled")
            return Effect.failCause(exit.cause)
          }
          waiters.delete(me)
          if (Exit.isSuccess(exit)) return reject("queue_timeout")
          counts.abandoned++
          return Effect.failCause(exit.cause)
        })
      )
    }

    return Guard.of({
      slot: Effect.flatMap(free, (taken) =>
        taken === undefined
          ? Effect.uninterruptibleMask((restore) => {
              if (counts.inFlight < maxInFlight) {
                enter()
                return hold
              }
              return waiters.size < queueMax ? queue(restore) : reject("queue_full")
            })
          : Effect.succeed(taken.slot)
      ),
      stats: Effect.sync(() => ({ maxInFlight, queued: waiters.size, ...counts }))
    })
  })

  /** All that share the layer share its slots. */
  static readonly layer = (options: GuardOptions): Layer.Layer<Guard> => Layer.effect(Guard, Guard.make(options))
}

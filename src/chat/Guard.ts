/**
 * Backpressure: a bounded number of requests in flight, a bounded and fair queue for the rest.
 *
 * The queue is our own: an interrupt that falls between the grant of an Effect `Semaphore` and the return of its
 * `take` under a timeout loses the permit for good, and each release wakes every waiter.
 */
import { Clock, Context, Duration, Effect, Exit, Layer, Random, type Scope } from "effect"
import { Overloaded } from "../domain/ChatError.ts"
import * as Scoped from "../runtime/Scoped.ts"

/** How many may run, and how many may wait for how long. */
export interface GuardOptions {
  readonly maxInFlight: number
  /** Most requests that may wait; beyond it they are refused at once. */
  readonly queueMax: number
  /** Longest wait; zero means nobody waits. */
  readonly queueTimeout: Duration.DurationInput
}

/** At any moment `accepted = completed + failed + cancelled + inFlight`. */
export interface GuardStats {
  readonly maxInFlight: number
  readonly inFlight: number
  readonly queued: number
  readonly accepted: number
  /** Refused: the queue was full, or the wait too long. */
  readonly rejected: number
  /** Gone while they waited. */
  readonly abandoned: number
  readonly completed: number
  readonly failed: number
  readonly cancelled: number
}

/** A place that is held until the scope closes. */
export interface Slot {
  /** How the request ended; the first word counts, and none at all means cancelled. */
  readonly settle: (outcome: "completed" | "failed") => void
}

interface Waiter {
  granted: boolean
  wake: (() => void) | undefined
}

// Averages over about the last thirty releases.
const SMOOTHING = 1 / 16

/** Bounds what runs at once. Fails with `Overloaded`, which tells when to come again. */
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
    // Measured only while every place is taken: gaps of an idle hour say nothing about the drain.
    let fullSince = 0
    let interval: number | undefined

    const enter = () => {
      counts.accepted++
      if (++counts.inFlight === maxInFlight) fullSince = seconds()
    }

    // A free place goes straight to the oldest waiter, so nobody overtakes and only one fiber wakes.
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
    /** Where there is a place, and nobody before. */
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
          // Who won between the grant, the timer and an interrupt is told by `granted` alone.
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

  /** A guard of its own: whatever shares it shares its places. */
  static readonly layer = (options: GuardOptions): Layer.Layer<Guard> => Layer.effect(Guard, Guard.make(options))
}

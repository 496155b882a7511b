/**
 * Backpressure: limits the requests in flight, and queues further ones in a bounded queue that is fair between API keys.
 *
 * Not Effect's `Semaphore`: an interrupt between the grant of a permit and the return of `take` under a timeout leaks the
 * permit, and each release wakes every waiter.
 */
import { Clock, Context, Duration, Effect, Exit, Layer, Random, type Scope } from "effect"
import { Overloaded } from "../domain/ChatError.ts"
import { anonymous, type Caller } from "../domain/keys/Caller.ts"
import * as Scoped from "../runtime/Scoped.ts"
import { FairQueue, type Ticket, type Used } from "./FairQueue.ts"
import type { Stop } from "./StopSignal.ts"

/** Limits of requests in flight and of the queue. */
export interface GuardOptions {
  /** Max requests at once. */
  readonly maxInFlight: number
  /** Max requests in the queue; a further one is rejected at once, or in its place one of a key that has more of them there. */
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
  /** The queue was full or became so, or the wait timed out. */
  readonly rejected: number
  /** Interrupted or stopped in the queue. */
  readonly abandoned: number
  readonly completed: number
  readonly failed: number
  readonly cancelled: number
}

/** Held until the scope closes. */
export interface Slot {
  /** Outcome of the request. Only the first call counts; without one it is counted as cancelled. */
  readonly settle: (outcome: "completed" | "failed") => void
  /** Tokens that it used, for the share of its key; the last call counts, without one its prompt alone. */
  readonly charge: (used: Used) => void
}

// Weight of the latest gap in the moving average: about the last thirty releases count.
const SMOOTHING = 1 / 16

const limitsOf = (options: GuardOptions) => {
  const queueTimeout = Duration.decode(options.queueTimeout)
  const queueMax = Duration.toMillis(queueTimeout) > 0 ? options.queueMax : 0
  return { maxInFlight: options.maxInFlight, queueMax, queueTimeout }
}

/** Limits the requests in flight. Fails with `Overloaded`, which has the seconds for `Retry-After`. */
export class Guard extends Context.Tag("lingma-gateway/Guard")<
  Guard,
  {
    /**
     * Takes a slot and keeps it until the surrounding scope closes. `prompt` is an estimate of its tokens. All that name
     * no caller are one. A chat that is stopped while it waits fails with that.
     */
    readonly slot: <E = never>(
      caller?: Caller,
      prompt?: number,
      stop?: Stop<E>
    ) => Effect.Effect<Slot, Overloaded | E, Scope.Scope>
    readonly stats: Effect.Effect<GuardStats>
    /**
     * Changes the limits: with more slots the next ones in the queue go on; with fewer, or with a shorter queue, those that
     * are in stay. Who waits already waits as long as was said then.
     */
    readonly limit: (options: GuardOptions) => void
  }
>() {
  static readonly make = Effect.fnUntraced(function* (options: GuardOptions) {
    const clock = yield* Clock.clockWith(Effect.succeed)
    let { maxInFlight, queueMax, queueTimeout } = limitsOf(options)
    const waiters = new FairQueue()
    const counts = { inFlight: 0, accepted: 0, rejected: 0, abandoned: 0, completed: 0, failed: 0, cancelled: 0 }

    const seconds = () => Number(clock.unsafeCurrentTimeNanos()) / 1e9
    // Mean time between releases in seconds, measured only while all slots are taken: idle time must not count.
    let fullSince = 0
    let interval: number | undefined

    const enter = () => {
      counts.accepted++
      if (++counts.inFlight === maxInFlight) fullSince = seconds()
    }

    // The slot is handed to the waiter whose turn it is: only one fiber is resumed.
    const leave = (ticket: Ticket, outcome: "completed" | "failed" | "cancelled", used: Used | undefined) => {
      counts[outcome]++
      waiters.end(ticket, used)
      if (counts.inFlight-- >= maxInFlight) {
        const now = seconds()
        const gap = Math.max(0, now - fullSince)
        interval = interval === undefined ? gap : interval + (gap - interval) * SMOOTHING
        fullSince = now
      }
      admitNext()
    }

    /** False if there is no slot, or nobody waits. */
    const admitNext = (): boolean => {
      const next = counts.inFlight < maxInFlight ? waiters.shift() : undefined
      if (next === undefined) return false
      enter()
      next.wake?.()
      return true
    }

    const holding = (ticket: Ticket) => {
      let outcome: "completed" | "failed" | undefined
      let used: Used = { prompt: ticket.prompt, completion: 0 }
      const slot: Slot = {
        settle: (how) => {
          outcome ??= how
        },
        charge: (tokens) => {
          used = tokens
        }
      }
      return { slot, release: () => leave(ticket, outcome ?? "cancelled", used) }
    }
    const hold = (ticket: Ticket) => {
      const { release, slot } = holding(ticket)
      return Effect.as(Scoped.later(release), slot)
    }
    const run = (caller: Caller, prompt: number) => {
      enter()
      return waiters.run(caller, prompt)
    }
    /** Fast path: takes a free slot. */
    const free = (caller: Caller, prompt: number) =>
      Scoped.own(
        () => (counts.inFlight < maxInFlight ? holding(run(caller, prompt)) : undefined),
        ({ release }) => release()
      )

    const reject = (reason: Overloaded["reason"]) =>
      Effect.flatMap(Random.nextRange(0.8, 1.2), (jitter) => {
        counts.rejected++
        const expected = interval === undefined ? Duration.toSeconds(queueTimeout) : (waiters.size + 1) * interval
        const retryAfter = Math.ceil(Math.min(Math.max(expected, 1), 50) * jitter)
        return Effect.fail(new Overloaded({ reason, retryAfter }))
      })

    const isRoom = (caller: Caller) => {
      if (waiters.size < queueMax) return true
      if (waiters.size > queueMax) return false
      const displaced = waiters.displace(caller)
      displaced?.wake?.()
      return displaced !== undefined
    }

    const queue = <E>(
      me: Ticket,
      stop: Stop<E> | undefined,
      restore: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
    ): Effect.Effect<Slot, Overloaded | E, Scope.Scope> => {
      stop?.onStop(() => {
        if (me.state !== "waiting") return
        waiters.leave(me)
        me.wake?.()
      })
      const decided = Effect.async<void>((resume) => {
        if (me.state !== "waiting") resume(Effect.void)
        else me.wake = () => resume(Effect.void)
      })
      return decided.pipe(
        Effect.timeoutOption(queueTimeout),
        restore,
        Effect.exit,
        Effect.flatMap((exit): Effect.Effect<Slot, Overloaded | E, Scope.Scope> => {
          // Grant, displacement, stop, timeout and interrupt race: the state alone decides.
          const { state } = me
          if (state === "running") {
            if (Exit.isSuccess(exit)) return hold(me)
            leave(me, "cancelled", undefined)
            return Effect.failCause(exit.cause)
          }
          if (state === "waiting") waiters.leave(me)
          if (state === "gone" && Exit.isSuccess(exit) && stop !== undefined) {
            counts.abandoned++
            return stop.failure
          }
          if (Exit.isSuccess(exit)) return reject(state === "displaced" ? "queue_full" : "queue_timeout")
          counts.abandoned++
          return Effect.failCause(exit.cause)
        })
      )
    }

    return Guard.of({
      slot: (caller = anonymous, prompt = 0, stop) =>
        Effect.flatMap(free(caller, prompt), (taken) =>
          taken === undefined
            ? Effect.uninterruptibleMask((restore) => {
                if (counts.inFlight < maxInFlight) return hold(run(caller, prompt))
                return isRoom(caller) ? queue(waiters.wait(caller, prompt), stop, restore) : reject("queue_full")
              })
            : Effect.succeed(taken.slot)
        ),
      stats: Effect.sync(() => ({ maxInFlight, queued: waiters.size, ...counts })),
      limit: (options) => {
        const before = maxInFlight
        ;({ maxInFlight, queueMax, queueTimeout } = limitsOf(options))
        // Times between releases tell nothing of another number of slots.
        if (maxInFlight !== before) {
          interval = undefined
          fullSince = seconds()
        }
        let isMore = admitNext()
        while (isMore) isMore = admitNext()
      }
    })
  })

  /** All that share the layer share its slots. */
  static readonly layer = (options: GuardOptions): Layer.Layer<Guard> => Layer.effect(Guard, Guard.make(options))
}

/**
 * Ends what takes too long: the beginning of a chat, and turns that give no event in time. One ticking fiber serves
 * all, so a token costs nothing here.
 */
import { Duration, Effect, Exit, Fiber, FiberId, type Scope } from "effect"
import { UpstreamTimeout } from "../domain/ChatError.ts"
import type { Turn } from "../domain/Turn.ts"
import { ChurnMap } from "../runtime/ChurnMap.ts"
import * as Scoped from "../runtime/Scoped.ts"

export interface Limits {
  readonly firstTokenTimeout: Duration.Duration
  readonly idleTimeout: Duration.Duration
  readonly totalTimeout: Duration.Duration
}

export interface Watchdog {
  /** When the first event of a chat that begins now must have come, in milliseconds of the clock. */
  readonly deadline: (limits?: Limits) => number
  /**
   * Interrupts what has not ended by the deadline, waits until it has, and goes on with `late`. `onWait` is handed what
   * does so earlier.
   */
  readonly within: <A, E, R, E2, R2>(
    effect: Effect.Effect<A, E, R>,
    deadline: number,
    late: Effect.Effect<never, E2, R2>,
    onWait?: (cut: () => void) => void
  ) => Effect.Effect<A, E | E2, R | R2>
  /** Watches the turn until the scope closes; its first event must come by the deadline. Its limits stay what they are. */
  readonly watch: (
    turn: Turn,
    instance: string,
    deadline: number,
    limits?: Limits
  ) => Effect.Effect<void, never, Scope.Scope>
}

interface Watched {
  readonly instance: string
  readonly end: number
  readonly idle: number
  seen: number
  worked: number
  deadline: number
}

interface Wait {
  readonly deadline: number
  readonly cut: () => void
}

/** How late a timeout may come. */
const tick = Duration.millis(100)

/** With limits for whoever names none. */
export const make = Effect.fnUntraced(function* (standard: Limits) {
  const clock = yield* Effect.clock
  const now = () => Number(clock.unsafeCurrentTimeNanos()) / 1e6
  const watched = new ChurnMap<Turn, Watched>()
  const waits = new ChurnMap<object, Wait>()
  const busy = yield* Effect.makeLatch(false)
  const rest = () => {
    if (watched.size === 0 && waits.size === 0) busy.unsafeClose()
  }

  const check = Effect.sync(() => {
    const at = now()
    waits.forEach((wait) => {
      if (at >= wait.deadline) wait.cut()
    })
    watched.forEach((entry, turn) => {
      const { idle, instance } = entry
      const count = turn.count()
      if (count !== entry.seen) {
        entry.seen = count
        entry.deadline = at + idle
      } else if (turn.worked() !== entry.worked) {
        entry.deadline = Math.max(entry.deadline, at + idle)
      }
      entry.worked = turn.worked()
      if (at >= entry.end) turn.fail(new UpstreamTimeout({ instance, phase: "total" }))
      else if (at >= entry.deadline) {
        turn.fail(new UpstreamTimeout({ instance, phase: count === 0 ? "first_token" : "idle" }))
      }
    })
  })
  yield* busy.await.pipe(
    Effect.zipRight(Effect.sleep(tick)),
    Effect.zipRight(check),
    Effect.forever,
    Effect.interruptible,
    Effect.forkScoped
  )

  // One fiber: `Effect.timeout` takes two, and a timer, for each chat.
  const within = <A, E, R, E2, R2>(
    effect: Effect.Effect<A, E, R>,
    deadline: number,
    late: Effect.Effect<never, E2, R2>,
    onWait?: (cut: () => void) => void
  ): Effect.Effect<A, E | E2, R | R2> =>
    Effect.uninterruptibleMask((restore) =>
      Effect.flatMap(Effect.fork(restore(effect)), (fiber) => {
        let isLate = false
        const key = {}
        const cut = () => {
          isLate = true
          fiber.unsafeInterruptAsFork(FiberId.none)
        }
        waits.set(key, { deadline, cut })
        onWait?.(cut)
        busy.unsafeOpen()
        return restore(Fiber.await(fiber)).pipe(
          Effect.onExit((exit) => {
            waits.delete(key)
            rest()
            return Exit.isSuccess(exit) ? Effect.void : Fiber.interrupt(fiber)
          }),
          Effect.flatMap(
            (exit): Effect.Effect<A, E | E2, R2> => (isLate && Exit.isInterrupted(exit) ? restore(late) : exit)
          )
        )
      })
    )

  const watch: Watchdog["watch"] = (turn, instance, deadline, limits = standard) =>
    Effect.asVoid(
      Scoped.own(
        () => {
          const idle = Duration.toMillis(limits.idleTimeout)
          const end = now() + Duration.toMillis(limits.totalTimeout)
          watched.set(turn, { instance, end, idle, seen: 0, worked: 0, deadline })
          busy.unsafeOpen()
          return turn
        },
        () => {
          watched.delete(turn)
          rest()
        }
      )
    )
  const deadline = (limits = standard) => now() + Duration.toMillis(limits.firstTokenTimeout)
  return { deadline, within, watch } satisfies Watchdog
})

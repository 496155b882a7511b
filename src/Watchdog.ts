/**
 * Ends turns that give no event in time. One ticking fiber serves all turns, so a token costs nothing here.
 */
import { Duration, Effect, type Scope } from "effect"
import { BriefMap } from "./domain/BriefMap.ts"
import { UpstreamTimeout } from "./domain/ChatError.ts"
import type { Turn } from "./domain/Turn.ts"
import * as Scoped from "./Scoped.ts"

export interface Limits {
  readonly firstTokenTimeout: Duration.Duration
  readonly idleTimeout: Duration.Duration
  readonly totalTimeout: Duration.Duration
}

export interface Watchdog {
  /** Watches the turn until the scope closes. */
  readonly watch: (turn: Turn, instance: string) => Effect.Effect<void, never, Scope.Scope>
}

interface Watched {
  readonly instance: string
  readonly end: number
  seen: number
  worked: number
  deadline: number
}

/** How late a timeout may come. */
const tick = Duration.millis(100)

export const make = Effect.fnUntraced(function* (limits: Limits) {
  const clock = yield* Effect.clock
  const now = () => Number(clock.unsafeCurrentTimeNanos()) / 1e6
  const first = Duration.toMillis(limits.firstTokenTimeout)
  const idle = Duration.toMillis(limits.idleTimeout)
  const total = Duration.toMillis(limits.totalTimeout)
  const watched = new BriefMap<Turn, Watched>()
  const busy = yield* Effect.makeLatch(false)

  const check = Effect.sync(() => {
    const at = now()
    watched.forEach((entry, turn) => {
      const { instance } = entry
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

  const watch: Watchdog["watch"] = (turn, instance) =>
    Effect.asVoid(
      Scoped.own(
        () => {
          const at = now()
          watched.set(turn, { instance, end: at + total, seen: 0, worked: 0, deadline: at + first })
          busy.unsafeOpen()
          return turn
        },
        () => {
          watched.delete(turn)
          if (watched.size === 0) busy.unsafeClose()
        }
      )
    )
  return { watch } satisfies Watchdog
})

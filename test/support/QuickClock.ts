/**
 * Moves the TestClock on, for tests in which all that runs between two timers is the program's own work.
 *
 * `TestClock.adjust` waits through several real timers after each timer that fires, to see that nothing moves any more:
 * ten seconds of a watchdog's ticks take half a second. Here each waits until all microtasks are done, which is as much
 * where nothing real is waited for.
 */
import { type Duration, Effect, TestClock } from "effect"

const settled = Effect.async<void>((resume) => {
  setImmediate(() => resume(Effect.void))
})

export const adjust = (duration: Duration.DurationInput): Effect.Effect<void> =>
  TestClock.testClockWith((clock) =>
    Effect.suspend(() => {
      Object.assign(clock, { awaitSuspended: () => settled })
      return clock.adjust(duration)
    })
  )

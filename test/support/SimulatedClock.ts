/**
 * A clock for simulations of thousands of chats: it leaps from one sleeper to the next, and lets all work be done between
 * them. TestClock sorts all its sleepers at each sleep.
 */
import { Clock, Duration, Effect } from "effect"
import { Heap } from "../../src/runtime/Heap.ts"

interface Sleeper {
  readonly at: number
  readonly order: number
  readonly wake: () => void
  /** In the heap; -1 once awake. */
  place: number
}

const idle = () => new Promise<void>((resolve) => setImmediate(resolve))

export const make = () => {
  let now = 0
  let order = 0
  const sleepers = new Heap<Sleeper>({
    isBefore: (a, b) => a.at < b.at || (a.at === b.at && a.order < b.order),
    placeOf: ({ place }) => place,
    setPlace: (sleeper, place) => {
      sleeper.place = place
    }
  })
  const drop = (sleeper: Sleeper) => {
    if (sleeper.place < 0) return
    sleepers.remove(sleeper)
    sleeper.place = -1
  }
  const clock: Clock.Clock = {
    ...Clock.make(),
    unsafeCurrentTimeMillis: () => now,
    unsafeCurrentTimeNanos: () => BigInt(Math.round(now * 1e6)),
    currentTimeMillis: Effect.sync(() => now),
    currentTimeNanos: Effect.sync(() => BigInt(Math.round(now * 1e6))),
    sleep: (duration) =>
      Effect.async((resume) => {
        const at = now + Duration.toMillis(duration)
        const sleeper = { at, order: order++, wake: () => resume(Effect.void), place: -1 }
        sleepers.add(sleeper)
        return Effect.sync(() => drop(sleeper))
      })
  }
  const advance = (duration: Duration.DurationInput) =>
    Effect.promise(async () => {
      await idle()
      const until = now + Duration.toMillis(duration)
      for (let next = sleepers.first; next !== undefined && next.at <= until; next = sleepers.first) {
        now = next.at
        drop(next)
        next.wake()
        if (sleepers.first?.at !== now) await idle()
      }
      now = until
    })
  return { clock, advance }
}

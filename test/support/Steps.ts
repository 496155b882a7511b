/**
 * Runs an effect and interrupts it after its k-th step: for sweeps through every place where an interrupt may fall.
 */
import { Effect, type Exit, Fiber, FiberId, Runtime, Scheduler } from "effect"

/** Between two steps, or when the effect waits for something after that step. */
export type When = "at once" | "a microtask later"

export interface Stepped<A, E> {
  readonly exit: Exit.Exit<A, E>
  /** Whether there was a k-th step; if not, the effect has ended by itself. */
  readonly wasInterrupted: boolean
}

/** Steps of the fibers that it forks count too; the interrupt goes to the first. */
export const interruptAfter = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  k: number,
  when: When = "at once"
): Effect.Effect<Stepped<A, E>, never, R> =>
  Effect.flatMap(Effect.runtime<R>(), (runtime) => {
    let steps = 0
    let root: Fiber.RuntimeFiber<unknown, unknown> | undefined
    let ended = false
    const { defaultScheduler } = Scheduler
    const scheduler: Scheduler.Scheduler = {
      scheduleTask: (task, priority, fiber) => defaultScheduler.scheduleTask(task, priority, fiber),
      shouldYield: (fiber) => {
        root ??= fiber
        if (!ended && ++steps === k) {
          if (when === "at once") root.unsafeInterruptAsFork(FiberId.none)
          else queueMicrotask(() => root?.unsafeInterruptAsFork(FiberId.none))
        }
        return defaultScheduler.shouldYield(fiber)
      }
    }
    const fiber = Runtime.runFork(runtime)(effect, { scheduler })
    fiber.addObserver(() => {
      ended = true
    })
    return Effect.map(Fiber.await(fiber), (exit) => ({ exit, wasInterrupted: steps >= k }))
  })

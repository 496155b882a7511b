/**
 * Runs an effect and interrupts it after its k-th step: for sweeps through every place where an interrupt may fall.
 */
import { Effect, type Exit, Fiber, FiberId, FiberRef, Runtime, Scheduler } from "effect"

/** Between two steps, or when the effect waits for something after that step. */
export type When = "at once" | "a microtask later"

export interface Stepped<A, E> {
  readonly exit: Exit.Exit<A, E>
  /** The last step before the interrupt; undefined when there was no k-th step, and the effect ended by itself. */
  readonly interruptedAt: number | undefined
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
    let interruptedAt: number | undefined
    let ended = false
    const interrupt = () => {
      if (ended) return
      interruptedAt = steps
      root?.unsafeInterruptAsFork(FiberId.none)
    }
    const { defaultScheduler } = Scheduler
    const scheduler: Scheduler.Scheduler = {
      scheduleTask: (task, priority, fiber) => defaultScheduler.scheduleTask(task, priority, fiber),
      shouldYield: (fiber) => {
        root ??= fiber
        if (!ended && ++steps === k) {
          if (when === "at once") {
            interrupt()
            // One that the first waits for stops here, until the interrupt has reached it.
            if (fiber !== root) return fiber.getFiberRef(FiberRef.currentSchedulingPriority)
          } else queueMicrotask(interrupt)
        }
        return defaultScheduler.shouldYield(fiber)
      }
    }
    const fiber = Runtime.runFork(runtime)(effect, { scheduler })
    fiber.addObserver(() => {
      ended = true
    })
    return Effect.map(Fiber.await(fiber), (exit) => ({ exit, interruptedAt }))
  })

/**
 * Runs `one` for every k from the first step to the last, and says how many there were. Of the interrupts that come a
 * microtask later one for each wait will do: all steps before it lead to the same place.
 */
export const sweep = <E, R>(
  one: (k: number, when: When) => Effect.Effect<{ readonly interruptedAt: number | undefined }, E, R>
): Effect.Effect<number, E, R> =>
  Effect.gen(function* () {
    let swept = 0
    for (const when of ["at once", "a microtask later"] as const) {
      let at: number | undefined = 0
      while (at !== undefined) {
        at = (yield* one(at + 1, when)).interruptedAt
        if (at !== undefined) swept++
      }
    }
    return swept
  })

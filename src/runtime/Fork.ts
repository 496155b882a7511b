/**
 * Forks from plain callbacks, with the services of where it was made.
 *
 * `Runtime.runFork` alone also keeps that place's interruptibility: a fiber from an uninterruptible region could never
 * be ended.
 */
import { Effect, type Fiber, Runtime } from "effect"

export const make = <R = never>(): Effect.Effect<
  <A, E>(effect: Effect.Effect<A, E, R>, options?: Runtime.RunForkOptions) => Fiber.RuntimeFiber<A, E>,
  never,
  R
> =>
  Effect.map(Effect.runtime<R>(), (runtime) => {
    const fork = Runtime.runFork(runtime)
    return (effect, options) => fork(Effect.interruptible(effect), options)
  })

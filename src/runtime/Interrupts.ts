/**
 * Whose interrupt it is: one that was sent to a fiber, or one that only came out of what the fiber waited for.
 *
 * The first is somebody's leaving. The second is a bug, and its cause may even name somebody else who left.
 */
import { Cause, Effect, type Fiber, FiberRef } from "effect"

/** What was sent to the fiber itself; empty while nobody has. */
export const sentTo = (fiber: Fiber.RuntimeFiber<unknown, unknown>): Cause.Cause<never> =>
  fiber.getFiberRef(FiberRef.interruptedCause)

/** An interrupt that nobody sent to this fiber becomes a defect, so that nobody takes it for the caller's leaving. */
export const fromWithinAsDefect = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.catchAllCause(effect, (cause) =>
    Effect.withFiberRuntime((fiber) =>
      Cause.isInterruptedOnly(cause) && Cause.isEmpty(sentTo(fiber))
        ? Effect.die(new Cause.InterruptedException("what was waited for was interrupted"))
        : Effect.failCause(cause)
    )
  )

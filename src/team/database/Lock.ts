/**
 * A mutual exclusion, first come first served, held until the scope closes.
 *
 * Not Effect's `Semaphore`: an interrupt between the grant and the return of `take` loses the permit, see `chat/Guard`.
 */
import { Effect, Exit, type Scope } from "effect"

interface Waiter {
  granted: boolean
  wake: (() => void) | undefined
}

export const make = (): Effect.Effect<void, never, Scope.Scope> => {
  const waiters = new Set<Waiter>()
  let isHeld = false

  const release = () => {
    const { done, value: next } = waiters.values().next()
    if (done) isHeld = false
    else {
      waiters.delete(next)
      next.granted = true
      next.wake?.()
    }
  }
  const hold = Effect.addFinalizer(() => Effect.sync(release))

  return Effect.uninterruptibleMask((restore) => {
    if (!isHeld) {
      isHeld = true
      return hold
    }
    const me: Waiter = { granted: false, wake: undefined }
    waiters.add(me)
    const granted = Effect.async<void>((resume) => {
      if (me.granted) resume(Effect.void)
      else me.wake = () => resume(Effect.void)
    })
    return Effect.flatMap(Effect.exit(restore(granted)), (exit) => {
      if (Exit.isSuccess(exit)) return hold
      if (me.granted) release()
      else waiters.delete(me)
      return exit
    })
  })
}

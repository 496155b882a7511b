/**
 * Work that several callers wait for and none owns: a caller who leaves ends its own wait, never the work.
 *
 * `Effect.cached` runs in the fiber of its first caller and keeps that fiber's interrupt as the result for everybody.
 */
import { Cause, Data, Duration, Effect, Exit, Fiber, type Scope } from "effect"
import * as Fork from "./Fork.ts"

/** The work itself ended without a result: by a defect, or because the scope that it runs in closed. */
export class WorkBroken extends Data.TaggedError("WorkBroken")<{ readonly cause: Cause.Cause<unknown> }> {}

export interface SharedWork<A, E> {
  /** The last result while it is kept, else that of `join`. */
  readonly result: Effect.Effect<A, E | WorkBroken>
  /** Begins the work unless it runs, in one step; the effect waits for that run and may be left out. */
  readonly join: () => Effect.Effect<A, E | WorkBroken>
  readonly isRunning: () => boolean
  /** Whoever asks from now on gets a run that begins from now on; those who wait keep theirs. */
  readonly forget: () => void
}

export interface SharedWorkOptions {
  /** How long a success stands, from the beginning of its run. A failure goes to those who wait and to nobody else. */
  readonly keep: Duration.DurationInput
}

interface Run<A, E> {
  readonly waiters: Set<(end: Effect.Effect<A, E | WorkBroken>) => void>
  end: Effect.Effect<A, E | WorkBroken> | undefined
}

const broken = (cause: Cause.Cause<unknown>) => Effect.fail(new WorkBroken({ cause }))

/** What a run means to those who waited for it: never their own interruption. */
const endOf = <A, E>(exit: Exit.Exit<A, E>): Effect.Effect<A, E | WorkBroken> => {
  if (Exit.isSuccess(exit)) return exit
  const failure = Cause.failureOption(exit.cause)
  return failure._tag === "Some" ? Effect.fail(failure.value) : broken(exit.cause)
}

const logDefect = (cause: Cause.Cause<unknown>) => Effect.logError("shared work broke", cause)

/** Runs of `work` belong to the scope of this effect. */
export const make = Effect.fnUntraced(function* <A, E, R>(
  work: Effect.Effect<A, E, R>,
  options: SharedWorkOptions
): Effect.fn.Return<SharedWork<A, E>, never, R | Scope.Scope> {
  const clock = yield* Effect.clock
  const now = () => Number(clock.unsafeCurrentTimeNanos()) / 1e6
  const fork = yield* Fork.make<R>()
  const keep = Duration.toMillis(options.keep)
  const logged = Effect.tapDefect(work, logDefect)
  const fibers = new Set<Fiber.RuntimeFiber<A, E>>()
  let run: Run<A, E> | undefined
  let kept: Effect.Effect<A> | undefined
  let keptUntil = 0
  let isClosed = false
  yield* Effect.addFinalizer(() =>
    Effect.suspend(() => {
      isClosed = true
      kept = undefined
      return Fiber.interruptAll(fibers)
    })
  )

  const begin = (): Run<A, E> => {
    const mine: Run<A, E> = { waiters: new Set(), end: undefined }
    run = mine
    const began = now()
    const fiber = fork(logged)
    fibers.add(fiber)
    // An observer is told of every end, also of one that no effect of the fiber would see.
    fiber.addObserver((exit) => {
      fibers.delete(fiber)
      mine.end = endOf(exit)
      if (run === mine) {
        run = undefined
        if (Exit.isSuccess(exit) && keep > 0) {
          kept = Effect.succeed(exit.value)
          keptUntil = began + keep
        }
      }
      for (const resume of mine.waiters) resume(mine.end)
      mine.waiters.clear()
    })
    return mine
  }

  const join = (): Effect.Effect<A, E | WorkBroken> => {
    if (isClosed) return broken(Cause.empty)
    const mine = run ?? begin()
    return (
      mine.end ??
      Effect.async<A, E | WorkBroken>((resume) => {
        if (mine.end !== undefined) return resume(mine.end)
        mine.waiters.add(resume)
        return Effect.sync(() => mine.waiters.delete(resume))
      })
    )
  }

  return {
    result: Effect.suspend(() => (kept !== undefined && now() < keptUntil ? kept : join())),
    join,
    isRunning: () => run !== undefined,
    forget: () => {
      run = undefined
      kept = undefined
    }
  }
})

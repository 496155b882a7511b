/**
 * What goes with a scope, for paths that run once per chat: `Effect.addFinalizer` and `Effect.acquireRelease` capture,
 * compare and patch every fiber reference around each release, at several times the cost of the release itself.
 */
import { Context, Effect, FiberRef, Scope } from "effect"

/** The scope of the fiber, in one step. */
const withScope = <A, E>(use: (scope: Scope.Scope) => Effect.Effect<A, E>): Effect.Effect<A, E, Scope.Scope> =>
  Effect.withFiberRuntime((fiber) => use(Context.unsafeGet(fiber.currentContext, Scope.Scope)))

/** Runs when the scope closes. */
export const onClose = (release: Effect.Effect<unknown>): Effect.Effect<void, never, Scope.Scope> =>
  withScope((scope) => Scope.addFinalizer(scope, release))

/** Nothing comes between taking and owning; `take` must not wait. */
export const acquire = <A, E, R>(
  take: Effect.Effect<A, E, R>,
  release: (taken: A) => Effect.Effect<unknown>
): Effect.Effect<A, E, R | Scope.Scope> =>
  Effect.uninterruptible(Effect.flatMap(take, (taken) => Effect.as(onClose(release(taken)), taken)))

/** What is taken in one step is owned before: its release waits in the scope already. Undefined is nothing. */
export const own = <A>(
  take: () => A | undefined,
  release: (taken: A) => void
): Effect.Effect<A | undefined, never, Scope.Scope> =>
  withScope((scope) => {
    let taken: A | undefined
    let isClosed = false
    const giveBack = () => {
      isClosed = true
      if (taken !== undefined) release(taken)
    }
    return Effect.map(Scope.addFinalizer(scope, Effect.sync(giveBack)), () => {
      taken = take()
      if (isClosed) giveBack()
      return taken
    })
  })

const within = (context: Context.Context<never>, scope: Scope.Scope) =>
  FiberRef.set(FiberRef.currentContext, Context.add(context, Scope.Scope, scope) as Context.Context<never>)

/** As `Scope.extend`, at half the steps. */
export const extend = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  scope: Scope.Scope
): Effect.Effect<A, E, Exclude<R, Scope.Scope>> =>
  Effect.withFiberRuntime((fiber) => {
    const before = fiber.currentContext
    return Effect.zipRight(
      within(before, scope),
      Effect.onExit(effect as Effect.Effect<A, E>, () => FiberRef.set(FiberRef.currentContext, before))
    )
  })

/** For the whole of a fiber: nothing is put back. */
export const extendFiber = <A, E, R>(
  effect: Effect.Effect<A, E, R>,
  scope: Scope.Scope
): Effect.Effect<A, E, Exclude<R, Scope.Scope>> =>
  Effect.withFiberRuntime((fiber) =>
    Effect.zipRight(within(fiber.currentContext, scope), effect as Effect.Effect<A, E>)
  )

/**
 * What goes with a scope, for paths that run once per chat: `Effect.addFinalizer` and `Effect.acquireRelease` capture,
 * compare and patch every fiber reference around each release, at several times the cost of the release itself.
 *
 * Whichever of these ways things are added to a scope, they are released in the reverse order.
 */
import { Context, Effect, Exit, FiberRef, Scope } from "effect"

/** How a scope closes. */
type Closing = Exit.Exit<unknown, unknown>

/** The scope of the fiber, in one step. */
const withScope = <A, E>(use: (scope: Scope.Scope) => Effect.Effect<A, E>): Effect.Effect<A, E, Scope.Scope> =>
  Effect.withFiberRuntime((fiber) => use(Context.unsafeGet(fiber.currentContext, Scope.Scope)))

type Release = (exit: Closing) => void

/** Plain releases in a row, which are one finalizer of their scope. */
const rows = new WeakMap<Scope.Scope.Finalizer, Array<Release>>()

/** Last in, first out; one that throws does not keep the others from running. */
const rowOf = (first: Release): Scope.Scope.Finalizer => {
  const releases = [first]
  const finalizer = (exit: Closing) =>
    Effect.suspend(() => {
      const defects: Array<unknown> = []
      for (let release = releases.pop(); release !== undefined; release = releases.pop()) {
        try {
          release(exit)
        } catch (defect) {
          defects.push(defect)
        }
      }
      return defects.length === 0 ? Effect.void : Effect.die(defects[0])
    })
  rows.set(finalizer, releases)
  return finalizer
}

/** What Effect's own scopes hold: finalizers in the order in which they were added, or how they were closed. */
type State =
  | { readonly _tag: "Open"; readonly finalizers: Map<object, Scope.Scope.Finalizer> }
  | { readonly _tag: "Closed"; readonly exit: Closing }

const isKnown = (state: Partial<State> | undefined): state is State =>
  state?._tag === "Closed" || (state?._tag === "Open" && state.finalizers instanceof Map)

/** Beyond this many finalizers nobody looks for the last of them. */
const MOST_LOOKED_AT = 32

/** A release joins a row that is the last thing in the scope, and else begins another one. */
const add = (state: State, release: Release): void => {
  if (state._tag === "Closed") {
    release(state.exit)
    return
  }
  const { finalizers } = state
  let last: Scope.Scope.Finalizer | undefined
  if (finalizers.size <= MOST_LOOKED_AT) for (const one of finalizers.values()) last = one
  const row = last === undefined ? undefined : rows.get(last)
  if (row === undefined) finalizers.set({}, rowOf(release))
  else row.push(release)
}

interface Taken<A> {
  readonly taken: A
  readonly release: Release | undefined
}

/** For a scope that is not Effect's own: each release is a finalizer. */
const addElsewhere = <A>(scope: Scope.Scope, take: () => Taken<A>): Effect.Effect<A> =>
  Effect.uninterruptible(
    Effect.suspend(() => {
      const { release, taken } = take()
      if (release === undefined) return Effect.succeed(taken)
      return Effect.as(
        Scope.addFinalizerExit(scope, (exit) => Effect.sync(() => release(exit))),
        taken
      )
    })
  )

/** Takes and adds in one step. */
const withRelease = <A>(take: () => Taken<A>): Effect.Effect<A, never, Scope.Scope> =>
  withScope((scope: Scope.Scope & { readonly state?: Partial<State> }) => {
    const { state } = scope
    if (!isKnown(state)) return addElsewhere(scope, take)
    const { release, taken } = take()
    if (release !== undefined) add(state, release)
    return Effect.succeed(taken)
  })

/** Runs when the scope closes. */
export const onClose = (release: Effect.Effect<unknown>): Effect.Effect<void, never, Scope.Scope> =>
  withScope((scope) => Scope.addFinalizer(scope, release))

/** The same, told how the scope closes. */
export const onExit = (release: (exit: Closing) => Effect.Effect<unknown>): Effect.Effect<void, never, Scope.Scope> =>
  withScope((scope) => Scope.addFinalizerExit(scope, release))

/** Runs when the scope closes, at once if it has. */
export const later = (release: Release): Effect.Effect<void, never, Scope.Scope> =>
  withRelease(() => ({ taken: undefined, release }))

/** Nothing comes between taking and owning; `take` must not wait. */
export const acquire = <A, E, R>(
  take: Effect.Effect<A, E, R>,
  release: (taken: A) => Effect.Effect<unknown>
): Effect.Effect<A, E, R | Scope.Scope> =>
  Effect.uninterruptible(Effect.flatMap(take, (taken) => Effect.as(onClose(release(taken)), taken)))

/** Taken and owned in one step. Undefined is nothing. */
export const own = <A>(
  take: () => A | undefined,
  release: (taken: A) => void
): Effect.Effect<A | undefined, never, Scope.Scope> =>
  withRelease(() => {
    const taken = take()
    return { taken, release: taken === undefined ? undefined : () => release(taken) }
  })

/** Closes it whole: interrupted in its middle, `Scope.close` would lose the finalizers that it has not run yet. */
export const close = (
  scope: Scope.CloseableScope,
  exit: Exit.Exit<unknown, unknown> = Exit.void
): Effect.Effect<void> => Effect.uninterruptible(Scope.close(scope, exit))

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

/**
 * What goes with a scope, for paths that run once per chat: `Effect.addFinalizer` and `Effect.acquireRelease` capture,
 * compare and patch every fiber reference around each release, at several times the cost of the release itself.
 */
import { Context, Effect, Exit, FiberRef, Scope } from "effect"

/** How a scope closes. */
type Closing = Exit.Exit<unknown, unknown>

/** The scope of the fiber, in one step. */
const withScope = <A, E>(use: (scope: Scope.Scope) => Effect.Effect<A, E>): Effect.Effect<A, E, Scope.Scope> =>
  Effect.withFiberRuntime((fiber) => use(Context.unsafeGet(fiber.currentContext, Scope.Scope)))

/** Plain releases of one scope in a row, with one finalizer for them all. */
interface Row {
  readonly releases: Array<(exit: Closing) => void>
  isClosed: boolean
}

/** The row that the next plain release of a scope may join: nothing else was added since. */
const rows = new WeakMap<Scope.Scope, Row>()

/** Last in, first out; one that throws does not keep the others from running. */
const closed = (row: Row, exit: Closing) =>
  Effect.suspend(() => {
    row.isClosed = true
    const defects: Array<unknown> = []
    for (let release = row.releases.pop(); release !== undefined; release = row.releases.pop()) {
      try {
        release(exit)
      } catch (defect) {
        defects.push(defect)
      }
    }
    return defects.length === 0 ? Effect.void : Effect.die(defects[0])
  })

const withRow = <A>(use: (row: Row) => A): Effect.Effect<A, never, Scope.Scope> =>
  withScope((scope) => {
    const known = rows.get(scope)
    if (known !== undefined) return Effect.succeed(use(known))
    const row: Row = { releases: [], isClosed: false }
    return Effect.map(
      Scope.addFinalizerExit(scope, (exit) => closed(row, exit)),
      () => {
        if (!row.isClosed) rows.set(scope, row)
        return use(row)
      }
    )
  })

/** What is added to the scope by other means keeps its place among the releases of this module. */
export const inOrder = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R | Scope.Scope> =>
  Effect.tap(effect, () => withScope((scope) => Effect.sync(() => rows.delete(scope))))

/** Runs when the scope closes. */
export const onClose = (release: Effect.Effect<unknown>): Effect.Effect<void, never, Scope.Scope> =>
  withScope((scope) => {
    rows.delete(scope)
    return Scope.addFinalizer(scope, release)
  })

/** The same, told how the scope closes. */
export const onExit = (release: (exit: Closing) => Effect.Effect<unknown>): Effect.Effect<void, never, Scope.Scope> =>
  withScope((scope) => {
    rows.delete(scope)
    return Scope.addFinalizerExit(scope, release)
  })

/** Runs when the scope closes, at once if it has. */
export const later = (release: (exit: Closing) => void): Effect.Effect<void, never, Scope.Scope> =>
  withRow((row) => {
    if (row.isClosed) release(Exit.void)
    else row.releases.push(release)
  })

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
  withRow((row) => {
    const taken = take()
    if (taken === undefined) return taken
    if (row.isClosed) release(taken)
    else row.releases.push(() => release(taken))
    return taken
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

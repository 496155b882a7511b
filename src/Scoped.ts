/**
 * What goes with a scope, for paths that run once per chat: `Effect.addFinalizer` and `Effect.acquireRelease` capture,
 * compare and patch every fiber reference around each release, at several times the cost of the release itself.
 */
import { Effect, Scope } from "effect"

/** Runs when the scope closes. */
export const onClose = (release: Effect.Effect<unknown>): Effect.Effect<void, never, Scope.Scope> =>
  Effect.flatMap(Effect.scope, (scope) => Scope.addFinalizer(scope, release))

/** Nothing comes between taking and owning; `take` must not wait. */
export const acquire = <A, E, R>(
  take: Effect.Effect<A, E, R>,
  release: (taken: A) => Effect.Effect<unknown>
): Effect.Effect<A, E, R | Scope.Scope> => Effect.uninterruptible(Effect.tap(take, (taken) => onClose(release(taken))))

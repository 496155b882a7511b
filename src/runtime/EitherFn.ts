/**
 * `Effect.fnUntraced` for `Either`.
 *
 * A generator function that is made anew for each call gets, when it is called, a hidden class of its own, which V8
 * keeps until the next full collection, and with it all that is in sight of the function: on paths that run once per
 * request it is made once, at the top of its module.
 */
import { Either, type Utils } from "effect"

/** What the body gives back; for a body whose type cannot be told without it. */
export type Return<A, E> = Generator<Utils.YieldWrap<Either.Either<unknown, E>>, A, never>

type ErrorOf<K> = [K] extends [never]
  ? never
  : [K] extends [Utils.YieldWrap<Either.Either<infer _, infer E>>]
    ? E
    : never

export const fn =
  <Args extends ReadonlyArray<unknown>, K extends Utils.YieldWrap<Either.Either<unknown, unknown>>, A>(
    body: (...args: Args) => Generator<K, A, never>
  ): ((...args: Args) => Either.Either<A, ErrorOf<K>>) =>
  (...args) =>
    Either.gen(() => body(...args)) as Either.Either<A, ErrorOf<K>>

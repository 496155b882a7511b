/**
 * What stands for `@effect/vitest` in a bundle of tests: it keeps them instead of running them, so that one process can
 * run the same tests hundreds of times.
 */

import { assert } from "chai"
import { Effect, FastCheck, Logger, type Scope, TestContext } from "effect"

export { assert }

export interface Test {
  readonly name: string
  readonly run: () => unknown
}

/** Where the runner looks for them. */
const { keptTests } = globalThis as unknown as { readonly keptTests: { readonly tests: Array<Test> } }

let names: ReadonlyArray<string> = []

export const describe = (name: string, body: () => void): void => {
  names = [...names, name]
  body()
  names = names.slice(0, -1)
}

const keep = (name: string, run: () => unknown) => {
  keptTests.tests.push({ name: [...names, name].join(" > "), run })
}

type Run = (effect: Effect.Effect<unknown, unknown>) => unknown
const run = (effect: Effect.Effect<unknown, unknown>) => Effect.runPromise(effect)
const runTest: Run = (effect) =>
  run(Effect.provide(Effect.provide(effect, TestContext.TestContext), Logger.remove(Logger.defaultLogger)))
const scoped = (effect: Effect.Effect<unknown, unknown, Scope.Scope>) => Effect.scoped(effect)

type Body = () => Effect.Effect<unknown, unknown, Scope.Scope>
type Arbitraries = ReadonlyArray<FastCheck.Arbitrary<unknown>> | Readonly<Record<string, FastCheck.Arbitrary<unknown>>>

// Few draws, the same in each run: a change that is noticed once is noticed always, and soon.
FastCheck.configureGlobal({ seed: 1, numRuns: 30 })

const isList = (arbitraries: Arbitraries): arbitraries is ReadonlyArray<FastCheck.Arbitrary<unknown>> =>
  Array.isArray(arbitraries)

const property = (arbitraries: Arbitraries, holds: (values: unknown) => unknown) =>
  FastCheck.assert(
    FastCheck.asyncProperty(
      isList(arbitraries) ? FastCheck.tuple(...arbitraries) : FastCheck.record(arbitraries),
      async (values) => (await holds(values)) !== false
    )
  )

const tester = (how: Run) =>
  Object.assign((name: string, body: Body) => keep(name, () => how(scoped(Effect.suspend(body)))), {
    prop: (
      name: string,
      arbitraries: Arbitraries,
      holds: (values: unknown) => Effect.Effect<unknown, unknown, Scope.Scope>
    ) => keep(name, () => property(arbitraries, (values) => how(scoped(holds(values)))))
  })

export const it = Object.assign((name: string, body: () => unknown) => keep(name, body), {
  effect: tester(runTest),
  scoped: tester(runTest),
  live: tester(run),
  scopedLive: tester(run),
  prop: (name: string, arbitraries: Arbitraries, holds: (values: unknown) => unknown) =>
    keep(name, () => property(arbitraries, holds))
})

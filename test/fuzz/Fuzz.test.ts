import { assert, describe, it } from "@effect/vitest"
import { Effect, FastCheck as fc } from "effect"
import * as Gateway from "./gateway.ts"
import * as Requests from "./requests.ts"
import { ask, judge, targets } from "./targets.ts"

/** The same in every run; `npm run fuzz` takes others. */
const seed = 20_261

describe("any input", () => {
  for (const { name, property, runs } of targets) {
    it.scopedLive(`is handled without an error in the log: ${name}`, () =>
      Effect.gen(function* () {
        const { drained, lines, port } = yield* Gateway.serve
        yield* Effect.promise(() => Promise.resolve(fc.assert(property(port), { seed, numRuns: runs })))
        yield* drained
        assert.deepStrictEqual(
          lines.filter(({ level }) => level === "ERROR"),
          []
        )
      })
    )
  }

  it.scopedLive("of the corpus is answered on every route that reads a body", () =>
    Effect.gen(function* () {
      const { drained, lines, port } = yield* Gateway.serve
      for (const [name, body] of Requests.corpus) {
        for (const path of Requests.paths) {
          const heard = yield* Effect.promise(() => ask(port, path, body))
          yield* Effect.try({ try: () => judge(heard), catch: (cause) => new Error(`${name} at ${path}`, { cause }) })
        }
      }
      yield* drained
      assert.isTrue(lines.every(({ level }) => level !== "ERROR"))
    })
  )
})

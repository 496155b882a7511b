import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as FastCheck from "effect/FastCheck"
import { spread } from "../../src/runtime/Spread.ts"

const turn = Effect.async<void>((resume) => void setImmediate(() => resume(Effect.void)))

describe("work that is spread", () => {
  it.effect.prop(
    "is done once for each thing, in order, and never for more than so many in a turn",
    [FastCheck.integer({ min: 1, max: 5 }), FastCheck.array(FastCheck.integer({ min: 0, max: 12 }), { maxLength: 8 })],
    ([perTurn, arrivals]) =>
      Effect.gen(function* () {
        const done: Array<number> = []
        const take = spread<number>(perTurn, (thing) => done.push(thing))
        let given = 0
        const step = Effect.gen(function* () {
          const before = done.length
          yield* turn
          assert.isAtMost(done.length - before, perTurn)
        })
        for (const count of arrivals) {
          for (let i = 0; i < count; i++) take(given++)
          yield* step
        }
        // At least one a turn.
        for (let left = given + 2; left > 0; left--) yield* step
        assert.deepStrictEqual(
          done,
          Array.from({ length: given }, (_, i) => i)
        )
      })
  )
})

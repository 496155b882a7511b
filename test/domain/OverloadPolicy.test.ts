import { assert, describe, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import * as OverloadPolicy from "../../src/domain/OverloadPolicy.ts"

const limits = { lagMillis: 1000, memoryShare: 0.9 }
const run = (looks: ReadonlyArray<readonly [lagMillis: number, memoryShare: number]>, under = limits) => {
  let state = OverloadPolicy.calm
  return looks.map(([lagMillis, memoryShare]) => {
    state = OverloadPolicy.next(state, { lagMillis, memoryShare }, under)
    return state.shedding
  })
}

describe("the rejection of chats on overload", () => {
  it("begins at the second late look, and ends when the loop is well in time", () => {
    const lags = [1500, 10, 1000, 1000, 999, 501, 500, 1200]
    assert.deepStrictEqual(run(lags.map((lag) => [lag, 0])), [false, false, false, true, true, true, false, false])
  })

  it("begins at once when memory is short, and ends when there is some to spare", () => {
    const shares = [0.89, 0.9, 0.86, 0.84, 0.86, 0.95]
    assert.deepStrictEqual(run(shares.map((share) => [0, share])), [false, true, true, false, false, true])
  })

  it("never happens for a reason that is switched off, nor in a process that is well", () => {
    const look = fc.tuple(fc.nat(100_000), fc.double({ min: 0, max: 1, noNaN: true }))
    fc.assert(
      fc.property(fc.array(look), (looks) => {
        assert.notInclude(run(looks, { lagMillis: 0, memoryShare: 0 }), true)
        assert.notInclude(run(looks.map(([lag, share]) => [lag % 1000, share * 0.89])), true)
        // However it came about, a calm look ends it.
        assert.isFalse(run([...looks, [0, 0]]).at(-1))
      })
    )
  })
})

import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import * as Page from "../../dashboard/state/Changes.ts"
import * as Changes from "../../src/http/admin/dashboard/Changes.ts"
import type { Overview } from "../../src/http/admin/dashboard/Overview.ts"

const stream = FastCheck.record({
  id: FastCheck.constantFrom("a", "b", "c", "d", "e", "f"),
  phase: FastCheck.constantFrom("queued", "waiting", "streaming"),
  model: FastCheck.constantFrom(null, "auto"),
  tokens: FastCheck.nat(9),
  tokens_per_second: FastCheck.constantFrom(null, 1.5, 20)
})
const state = FastCheck.record({
  queued: FastCheck.nat(3),
  streams: FastCheck.uniqueArray(stream, { selector: ({ id }) => id })
}) as unknown as FastCheck.Arbitrary<Overview>

describe("what differs between two states of the gateway", () => {
  it("makes of the one before the one after, whichever streams came, ended, changed or moved", () => {
    FastCheck.assert(
      FastCheck.property(state, state, (before, after) => {
        const sent = JSON.parse(JSON.stringify(Changes.between(before, after))) as Page.Changes
        assert.deepStrictEqual(Page.after(before, sent), after)
      }),
      { numRuns: 2000 }
    )
  })

  it("is three numbers for a stream of which only the tokens have grown", () => {
    const one = { id: "a", phase: "streaming", tokens: 5, tokens_per_second: 2 }
    const before = { streams: [{ ...one, id: "gone" }, one] } as unknown as Overview
    const after = {
      streams: [
        { ...one, tokens: 9 },
        { ...one, id: "new" }
      ]
    } as unknown as Overview
    assert.deepStrictEqual(Changes.between(before, after).streams as ReadonlyArray<unknown>, [
      [1, 9, 2],
      { ...one, id: "new" }
    ])
  })
})

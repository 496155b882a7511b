import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import * as RetryBudget from "../../src/domain/RetryBudget.ts"

describe("RetryBudget", () => {
  it("keeps a few for quiet times, and gives them back in time", () => {
    const budget = RetryBudget.make()
    const taken = Array.from({ length: 20 }, () => budget.take(0)).filter((got) => got).length
    assert.strictEqual(taken, 10)
    assert.isFalse(budget.take(9_000))
    assert.isTrue(budget.take(11_000))
  })

  it.prop(
    "never allows more than a fifth of the recent requests and the reserve",
    [FastCheck.array(FastCheck.nat(300), { size: "max", maxLength: 150 })],
    ([gaps]) => {
      const budget = RetryBudget.make()
      const retries: Array<number> = []
      const requests: Array<number> = []
      let now = 0
      for (const gap of gaps) {
        now += gap
        budget.request(now)
        requests.push(now)
        if (budget.take(now)) retries.push(now)
        const recent = (times: ReadonlyArray<number>, span: number) => times.filter((at) => at >= now - span).length
        assert.isAtMost(recent(retries, 10_000), 10 + 0.2 * recent(requests, 11_000) + 1)
      }
    }
  )
})

import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import * as RetryBudget from "../../src/domain/RetryBudget.ts"

describe("RetryBudget", () => {
  it("has a reserve of ten retries, which refills after ten seconds", () => {
    const budget = RetryBudget.make()
    const taken = Array.from({ length: 20 }, () => budget.take(0)).filter((got) => got).length
    assert.strictEqual(taken, 10)
    assert.isFalse(budget.take(9_000))
    assert.isTrue(budget.take(11_000))
  })

  const start = 1_700_000_000_000
  const left = (budget: RetryBudget.RetryBudget, now: number) => {
    let taken = 0
    while (budget.take(now)) taken++
    return taken
  }

  it("allows a fifth of the requests of the last ten seconds beside its reserve, and no more", () => {
    for (const [requests, retries] of [
      [0, 10],
      [1, 11],
      [5, 11],
      [6, 12],
      [100, 30]
    ] as const) {
      const budget = RetryBudget.make()
      for (let i = 0; i < requests; i++) budget.request(start + i)
      assert.strictEqual(left(budget, start + 100), retries, `${requests} requests`)
      assert.isFalse(budget.take(start + 100))
    }
  })

  it("counts each request for ten seconds from the beginning of its second", () => {
    const allowedAfter = (millis: number) => {
      const budget = RetryBudget.make()
      for (let i = 0; i < 50; i++) budget.request(start + i)
      for (let i = 0; i < 10; i++) budget.request(start + 5000)
      return left(budget, start + millis)
    }
    assert.strictEqual(allowedAfter(10_000), 10 + 10 + 2)
    assert.strictEqual(allowedAfter(10_001), 10 + 2)
    assert.strictEqual(allowedAfter(15_000), 10 + 2)
    assert.strictEqual(allowedAfter(15_001), 10)
  })

  it("counts each retry for ten seconds", () => {
    const budget = RetryBudget.make()
    for (let i = 0; i < 4; i++) assert.isTrue(budget.take(start))
    assert.strictEqual(left(budget, start + 1000), 6)
    assert.strictEqual(left(budget, start + 10_000), 0)
    assert.strictEqual(left(budget, start + 10_001), 4)
    assert.strictEqual(left(budget, start + 11_000), 0)
    assert.strictEqual(left(budget, start + 11_001), 6)
  })

  it("forgets old requests while new ones come, too", () => {
    const budget = RetryBudget.make()
    for (let second = 0; second < 60; second++) budget.request(start + second * 1000)
    assert.strictEqual(left(budget, start + 59_000), 10 + 3)
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

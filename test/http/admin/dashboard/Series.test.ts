import { assert, describe, it } from "@effect/vitest"
import * as PlotsView from "../../../../src/http/admin/dashboard/PlotsView.ts"
import * as Series from "../../../../src/http/admin/dashboard/Series.ts"

const STEP = 10_000
const ring = () => new Series.Ring(STEP, 6)
const start = 1_700_000_000_000
const sample = (queued: number, tokens = 0): Series.Sample => ({
  tokens,
  seconds: 10,
  queued,
  inFlight: new Map([["inst-0", queued]])
})

describe("Figures over time", () => {
  it("tell 0 for a step in which nothing happened, and null for one that nobody saw", () => {
    const one = ring()
    one.sampled(start, sample(0))
    one.sampled(start + 2 * STEP, sample(3, 50))
    one.ended(start + 2 * STEP, "failed", 200)
    const { at, series, step_seconds } = PlotsView.of("3h", one, ["inst-0", "inst-1"], start + 2 * STEP)
    assert.strictEqual(step_seconds, 10)
    assert.strictEqual(at.at(-1), (start + 2 * STEP) / 1000)
    assert.deepStrictEqual(series.failed, [null, null, null, 0, null, 1])
    assert.deepStrictEqual(series.completed, [null, null, null, 0, null, 0])
    assert.deepStrictEqual(series.queued, [null, null, null, 0, null, 3])
    assert.deepStrictEqual(series.tokens_per_second, [null, null, null, 0, null, 5])
    assert.deepStrictEqual(series.first_token_p50_ms.slice(0, 5), [null, null, null, null, null])
    assert.approximately(series.first_token_p95_ms[5] ?? 0, 200, 25)
    assert.deepStrictEqual(
      series.in_flight.map(({ instance, values }) => [instance, values[5]]),
      [
        ["inst-0", 3],
        ["inst-1", null]
      ]
    )
  })

  it("forget what is older than the ring, however long nothing came", () => {
    const one = ring()
    one.ended(start, "completed", 10)
    assert.isTrue(one.read(start + 5 * STEP).some(({ slot }) => slot !== undefined))
    assert.isTrue(one.read(start + 6 * STEP).every(({ slot }) => slot === undefined))
    assert.isTrue(one.read(start + 600 * STEP).every(({ slot }) => slot === undefined))
  })

  it("mix no steps when the clock jumps, forth or back", () => {
    const one = ring()
    one.ended(start, "completed", 10)
    // At the same place of the ring as the step that comes next.
    one.ended(start + 601 * STEP, "completed", 10)
    one.ended(start + STEP, "completed", 10)
    const seen = one.read(start + STEP).map(({ slot }) => slot?.outcomes.completed ?? null)
    // The jump took the place of what lay there before it; nothing of it is told as something else.
    assert.strictEqual(seen.at(-1), 1)
    assert.isTrue(seen.every((n) => n === null || n === 1))
    one.ended(-5 * STEP, "completed", 10)
    assert.strictEqual(one.at(-5 * STEP).outcomes.completed, 1)
  })

  it("have a quantile that is right within a bucket's width", () => {
    const one = ring()
    for (let i = 1; i <= 1000; i++) one.ended(start, "completed", i * 10)
    const counts = one.at(start).firstTokens
    for (const q of [0.5, 0.95]) {
      const told = Series.quantile(counts, q) ?? 0
      assert.isBelow(Math.abs(Math.log(told / (q * 10_000))), Math.log(1.25))
    }
    assert.isNull(Series.quantile(undefined, 0.5))
  })

  it("come back from the ledger in the buckets of its statement", () => {
    assert.deepStrictEqual(
      Series.BOUNDS.map((bound) => Series.bucketOf(bound)),
      Series.BOUNDS.map((_, i) => i)
    )
    assert.strictEqual(Series.bucketOf(Number.MAX_VALUE), Series.BOUNDS.length - 1)
    const one = ring()
    one.restore(start, { outcome: "completed", chats: 4, tokens: 100, bucket: 3 })
    one.restore(start, { outcome: "rejected", chats: 2, tokens: 0, bucket: -1 })
    const { series } = PlotsView.of("3h", one, [], start)
    assert.deepStrictEqual(
      [series.completed[5], series.rejected[5], series.tokens_per_second[5], series.queued[5]],
      [4, 2, 10, null]
    )
  })
})

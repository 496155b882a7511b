import { assert, describe, it } from "@effect/vitest"
import type { Plots } from "../../dashboard/api/Types.ts"
import { coarse } from "../../dashboard/plots/Coarse.ts"

const minutes = Array.from({ length: 1440 }, (_, i) => i)
const of = (value: (i: number) => number | null) => minutes.map(value)

const day: Plots = {
  range: "24h",
  step_seconds: 60,
  at: minutes.map((i) => i * 60),
  series: {
    completed: of(() => 2),
    failed: of((i) => (i < 10 ? null : 0)),
    cancelled: of(() => 0),
    rejected: of(() => 0),
    first_token_p50_ms: of((i) => i % 10),
    first_token_p95_ms: of((i) => i % 10),
    tokens_per_second: of((i) => i % 10),
    queued: of((i) => (i % 10 === 3 ? 7 : null)),
    in_flight: [{ instance: "inst-0", values: of((i) => i % 10) }]
  }
}

describe("a plot without room for all of its steps", () => {
  const { at, series, step_seconds } = coarse(day)

  it("has ten minutes of a day in one", () => {
    assert.strictEqual(step_seconds, 600)
    assert.deepStrictEqual([at.length, at[0], at[1]], [144, 0, 600])
    for (const values of Object.values(series).flatMap((one) => [one.length, series.in_flight[0]?.values.length]))
      assert.include([1, 144], values)
  })

  it("adds up requests, keeps what was most, and leaves unknown what is", () => {
    assert.strictEqual(series.completed[0], 20)
    assert.deepStrictEqual(series.failed.slice(0, 2), [null, 0])
    assert.strictEqual(series.queued[0], 7)
    assert.strictEqual(series.in_flight[0]?.values[0], 9)
    assert.strictEqual(series.first_token_p95_ms[0], 9)
    assert.strictEqual(series.first_token_p50_ms[0], 4)
    assert.strictEqual(series.tokens_per_second[0], 4.5)
  })

  it("stays as it is where there is room", () => {
    const short = { ...day, at: day.at.slice(0, 180) }
    assert.strictEqual(coarse(short), short)
  })
})

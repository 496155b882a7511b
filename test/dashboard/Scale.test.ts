import { assert, describe, it } from "@effect/vitest"
import { linear, linePath, mostOf, nearest, ticksOf, timeTicks } from "../../dashboard/plots/Scale.ts"

describe("the axes of a plot", () => {
  it("have round ticks up to at least the largest value", () => {
    assert.deepStrictEqual(ticksOf(14), [0, 5, 10, 15])
    assert.deepStrictEqual(ticksOf(100), [0, 50, 100])
    assert.deepStrictEqual(ticksOf(0.3), [0, 0.1, 0.2, 0.3])
    assert.deepStrictEqual(ticksOf(3_800), [0, 1000, 2000, 3000, 4000])
    for (let most = 0.001; most < 1e9; most *= 1.37) {
      const ticks = ticksOf(most)
      assert.isAtLeast(ticks.at(-1)!, most * (1 - 1e-9))
      assert.isAtMost(ticks.length, 6)
    }
  })

  it("are there also where all values are 0 or none is known", () => {
    assert.deepStrictEqual(ticksOf(0).at(-1), 1)
    assert.deepStrictEqual(ticksOf(Number.NaN).at(-1), 1)
    assert.strictEqual(linear({ from: 5, to: 5 }, { from: 10, to: 90 })(5), 10)
  })

  it("name round times of the reader's zone", () => {
    const from = Date.UTC(2026, 10, 29, 1, 10)
    const ticks = timeTicks({ from, to: from + 3 * 3_600_000 }, 6)
    assert.deepStrictEqual(
      ticks.map((time) => new Date(time).toISOString().slice(11, 16)),
      ["01:30", "02:00", "02:30", "03:00", "03:30", "04:00"]
    )
    const days = timeTicks({ from, to: from + 10 * 86_400_000 }, 12, 8 * 3_600_000)
    assert.deepStrictEqual([...new Set(days.map((time) => new Date(time).toISOString().slice(11, 16)))], ["16:00"])
    assert.deepStrictEqual(timeTicks({ from, to: from }, 6), [])
  })
})

describe("the marks of a plot", () => {
  const same = (n: number) => n

  it("are a line with gaps where nothing is known, and a dash where a value stands alone", () => {
    assert.strictEqual(linePath([0, 1, 2, 3, 4], [1, 2, null, 4, null], same, same), "M0,1L1,2M3,4h0.01")
    assert.strictEqual(linePath([0, 1], [null, null], same, same), "")
  })

  it("are as high as their sum where they are stacked", () => {
    const series = [
      [1, 5, null],
      [2, 3, null]
    ]
    assert.strictEqual(mostOf(series, true), 8)
    assert.strictEqual(mostOf(series, false), 5)
    assert.strictEqual(mostOf([], true), 0)
  })

  it("are read at the nearest time", () => {
    assert.strictEqual(nearest([0, 10, 20], 14), 1)
    assert.strictEqual(nearest([0, 10, 20], 99), 2)
    assert.strictEqual(nearest([], 5), 0)
  })
})

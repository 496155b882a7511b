import { assert, describe, it } from "@effect/vitest"
import { duration, share, short, UNKNOWN, whole } from "../../dashboard/format/Numbers.ts"

const units = { ms: "ms", s: "s", min: "min", h: "h", d: "d" }

describe("figures of the dashboard", () => {
  it("say that they are unknown, and never 0, where nothing is known", () => {
    for (const nothing of [null, undefined, Number.NaN, Number.POSITIVE_INFINITY]) {
      assert.strictEqual(whole(nothing, "en-GB"), UNKNOWN)
      assert.strictEqual(short(nothing, "en-GB"), UNKNOWN)
      assert.strictEqual(share(nothing, 1, "en-GB"), UNKNOWN)
      assert.strictEqual(duration(nothing, units), UNKNOWN)
    }
    assert.strictEqual(share(1, 0, "en-GB"), UNKNOWN)
    assert.strictEqual(whole(0, "en-GB"), "0")
  })

  it("are short from ten thousand on, by the language's own units", () => {
    assert.strictEqual(short(1204, "en-GB"), "1,204")
    assert.strictEqual(short(8_123_456, "en-GB"), "8.12M")
    assert.strictEqual(short(8_123_456, "zh-CN"), "812万")
    assert.strictEqual(short(41.72, "en-GB"), "42")
    assert.strictEqual(short(1.25, "en-GB"), "1.3")
  })

  it("show that a share is small rather than none", () => {
    assert.strictEqual(share(1, 1000, "en-GB"), "< 1 %")
    assert.strictEqual(share(0, 1000, "en-GB"), "0 %")
    assert.strictEqual(share(61, 100, "en-GB"), "61 %")
  })

  it("tell durations by their two largest units", () => {
    const told = [0, 340, 2_449, 9_999, 10_000, 61_000, 200_000, 3_600_000, 90_061_000].map((ms) => duration(ms, units))
    assert.deepStrictEqual(told, [
      "0 ms",
      "340 ms",
      "2.4 s",
      "9.9 s",
      "10 s",
      "1 min 1 s",
      "3 min 20 s",
      "1 h",
      "1 d 1 h"
    ])
    assert.strictEqual(duration(-5, units), "0 ms")
  })
})

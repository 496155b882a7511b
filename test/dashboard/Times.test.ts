import { assert, describe, it } from "@effect/vitest"
import { timesOf } from "../../dashboard/format/RequestTimes.ts"
import { clock, exact, offsetOf, since } from "../../dashboard/format/Times.ts"

const at = new Date(2026, 10, 29, 14, 5, 9).getTime()

describe("times of the dashboard", () => {
  it("are a time of day today, and have their day else", () => {
    assert.strictEqual(clock(at, at + 1000, "en-GB"), "14:05")
    assert.strictEqual(clock(at, at + 86_400_000, "en-GB"), "29 Nov, 14:05")
    assert.strictEqual(exact(at, "en-GB"), "29 Nov, 14:05:09")
  })

  it("are a dash where they are none", () => {
    assert.deepStrictEqual(
      [clock(null, at, "en-GB"), clock("nonsense", at, "en-GB"), exact(undefined, "en-GB")],
      ["—", "—", "—"]
    )
    assert.isUndefined(since(null, at))
  })

  it("are measured by the server's clock, and an age is never negative", () => {
    const here = at - 7_200_000
    const offset = offsetOf(new Date(at).toISOString(), here)
    assert.strictEqual(offset, 7_200_000)
    assert.strictEqual(since(new Date(at - 5_000).toISOString(), here + offset), 5_000)
    assert.strictEqual(since(at + 1, at), 0)
    assert.strictEqual(offsetOf("nonsense", here), 0)
  })
})

describe("a request's times", () => {
  const parts = (times: Parameters<typeof timesOf>[0]) => timesOf(times).map(({ millis, name }) => [name, millis])

  it("follow each other and make up the whole", () => {
    const all = { queue_ms: 100, login_ms: 300, first_token_ms: 1_000, total_ms: 3_000 }
    assert.deepStrictEqual(parts(all), [
      ["queue", 100],
      ["login", 300],
      ["wait", 600],
      ["answer", 2_000]
    ])
    assert.approximately(
      timesOf(all).reduce((sum, { share }) => sum + share, 0),
      100,
      1e-9
    )
  })

  it("leave out what took no time or is unknown", () => {
    assert.deepStrictEqual(parts({ queue_ms: 0, login_ms: null, first_token_ms: 500, total_ms: 900 }), [
      ["wait", 500],
      ["answer", 400]
    ])
  })

  it("are all queue where it got no slot, and all waiting where no answer began", () => {
    assert.deepStrictEqual(parts({ queue_ms: null, login_ms: null, first_token_ms: null, total_ms: 900 }), [
      ["queue", 900]
    ])
    assert.deepStrictEqual(parts({ queue_ms: 100, login_ms: null, first_token_ms: null, total_ms: 900 }), [
      ["queue", 100],
      ["wait", 800]
    ])
  })

  it("never exceed the whole, whatever is told", () => {
    for (const times of [
      { queue_ms: 5_000, login_ms: 5_000, first_token_ms: 9_000, total_ms: 100 },
      { queue_ms: -1, login_ms: -1, first_token_ms: -1, total_ms: 100 },
      { queue_ms: 0, login_ms: null, first_token_ms: 0, total_ms: 0 }
    ])
      assert.isAtMost(
        timesOf(times).reduce((sum, { share }) => sum + share, 0),
        100.0001
      )
  })
})

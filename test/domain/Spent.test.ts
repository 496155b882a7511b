import { assert, describe, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import * as Spent from "../../src/domain/Spent.ts"

const {
  FIRST_WAIT: firstWait,
  LONGEST_MILLIS: longestMillis,
  LONGEST_WAIT: longestWait,
  MOST: most,
  nothing,
  REST_MILLIS: restMillis
} = Spent

const model = fc.constantFrom("a", "b", "c", "d")
const until = fc.option(fc.integer({ min: -5_000, max: 2 * longestMillis }), { nil: undefined })
const steps = fc.array(
  fc.oneof(
    fc.record({ what: fc.constant("failed" as const), model: fc.option(model, { nil: undefined }), until }),
    fc.record({ what: fc.constant("succeeded" as const), model, begunAgo: fc.nat(10_000) }),
    fc.record({ what: fc.constant("probed" as const) }),
    fc.record({ what: fc.constant("waited" as const), millis: fc.nat(longestMillis) })
  ),
  { maxLength: 40 }
)

/** An account after all that, and the time by then. */
const played = (history: ReturnType<typeof steps.generate>["value"]) => {
  let now = 1_000_000
  let spent = nothing
  for (const step of history) {
    if (step.what === "waited") now += step.millis
    else if (step.what === "probed") spent = Spent.probed(spent, now)
    else if (step.what === "failed") spent = Spent.failed(spent, step, now)
    else spent = Spent.succeeded(spent, step.model, now - step.begunAgo)
  }
  return { now, spent }
}

describe("Spent", () => {
  it("marks a model until it returns, and no other model", () => {
    const spent = Spent.failed(nothing, { model: "a", until: 500 }, 100)
    assert.strictEqual(Spent.returns(spent, "a", 100), 500)
    assert.strictEqual(Spent.returns(spent, "a", 499), 500)
    assert.isUndefined(Spent.returns(spent, "a", 500))
    assert.isUndefined(Spent.returns(spent, "b", 100))
    assert.isUndefined(Spent.returns(spent, undefined, 100))
  })

  it("takes a second model for the account, until one of the two returns", () => {
    const one = Spent.failed(nothing, { model: "a", until: 500 }, 100)
    const spent = Spent.failed(one, { model: "b", until: 900 }, 200)
    assert.strictEqual(Spent.returns(spent, "c", 200), 500)
    assert.strictEqual(Spent.returns(spent, undefined, 200), 500)
    assert.strictEqual(Spent.returns(spent, "b", 200), 900)
    assert.isUndefined(Spent.returns(spent, "c", 500))
    assert.strictEqual(Spent.returns(spent, "b", 500), 900)
    const again = Spent.failed(one, { model: "a", until: 900 }, 200)
    assert.isUndefined(Spent.returns(again, "c", 200), "the same model twice is one")
  })

  it("takes a failure without a model for the account, and rests a minute where nothing says how long", () => {
    const spent = Spent.failed(nothing, {}, 100)
    assert.strictEqual(Spent.returns(spent, "a", 100), 100 + restMillis)
    const longer = Spent.failed(Spent.failed(nothing, { until: 9_000 }, 0), { until: 8_000 }, 0)
    assert.strictEqual(Spent.returns(longer, "a", 100), 9_000, "the later word does not shorten the rest")
  })

  it("believes a chat of a model that ended well, and of an account one that began since", () => {
    const both = Spent.failed(Spent.failed(nothing, { model: "a", until: 500 }, 100), { model: "b", until: 500 }, 100)
    const spent = Spent.succeeded(both, "a", 50)
    assert.isUndefined(Spent.returns(spent, "a", 100))
    assert.strictEqual(Spent.returns(spent, "b", 100), 500)
    const account = Spent.failed(nothing, { until: 500 }, 100)
    assert.strictEqual(Spent.succeeded(account, "a", 100), account)
    assert.isUndefined(Spent.returns(Spent.succeeded(account, "a", 101), "a", 102))
  })

  it("does not take two models for the account once a chat that began since ended well", () => {
    const both = Spent.failed(Spent.failed(nothing, { model: "a", until: 500 }, 100), { model: "b", until: 500 }, 101)
    assert.strictEqual(Spent.succeeded(both, "c", 100), both, "it began before")
    const proved = Spent.succeeded(both, "c", 102)
    assert.isUndefined(Spent.returns(proved, "c", 200))
    assert.isUndefined(Spent.returns(proved, undefined, 200))
    assert.deepStrictEqual([Spent.returns(proved, "a", 200), Spent.returns(proved, "b", 200)], [500, 500])
    const once = Spent.failed(proved, { model: "a", until: 600 }, 200)
    assert.isUndefined(Spent.returns(once, "c", 200))
    assert.strictEqual(Spent.returns(Spent.failed(once, { model: "b", until: 700 }, 200), "c", 200), 600)
  })

  it("may be asked at once, then after pauses that double, until it is no longer spent", () => {
    let now = 100
    let spent = Spent.failed(nothing, { until: 10 * longestWait }, now)
    assert.isTrue(Spent.mayProbe(spent, now))
    for (let wait = firstWait; wait < 4 * longestWait; wait *= 2) {
      const pause = Math.min(wait, longestWait)
      spent = Spent.failed(Spent.probed(spent, now), { until: 10 * longestWait }, now)
      assert.isFalse(Spent.mayProbe(spent, now + pause - 1), String(pause))
      now += pause
      assert.isTrue(Spent.mayProbe(spent, now), String(pause))
    }
    const anew = Spent.failed(Spent.succeeded(Spent.probed(spent, now), "a", now), { model: "a" }, now + 1)
    assert.isTrue(Spent.mayProbe(anew, now + 1), "after a good end it begins anew")
  })

  it("lists what is spent: the account, and models by name", () => {
    const both = Spent.failed(Spent.failed(nothing, { model: "a", until: 500 }, 100), { model: "b", until: 900 }, 100)
    assert.deepStrictEqual(Spent.listed(both, 200), [
      { until: 500 },
      { model: "b", until: 900 },
      { model: "a", until: 500 }
    ])
    assert.deepStrictEqual(Spent.listed(both, 500), [{ model: "b", until: 900 }])
    assert.deepStrictEqual(Spent.listed(nothing, 0), [])
  })

  it("lets everything return by itself, within a day", () =>
    fc.assert(
      fc.property(steps, (history) => {
        const { now, spent } = played(history)
        for (const name of ["a", "b", undefined])
          assert.isUndefined(Spent.returns(spent, name, now + longestMillis), String(name))
      })
    ))

  it("never says that a model returns before its account", () =>
    fc.assert(
      fc.property(steps, model, (history, name) => {
        const { now, spent } = played(history)
        assert.isAtLeast(Spent.returns(spent, name, now) ?? 0, Spent.returns(spent, undefined, now) ?? 0)
      })
    ))

  it("asks nothing again before it returns, and all of it then", () =>
    fc.assert(
      fc.property(steps, model, (history, name) => {
        const { now, spent } = played(history)
        const back = Spent.returns(spent, name, now)
        if (back === undefined) return
        assert.isAbove(back, now)
        assert.strictEqual(Spent.returns(spent, name, back - 1), back)
        assert.isUndefined(Spent.returns(spent, name, back))
      })
    ))

  it("forgets a model's mark at its success, and no other model's", () =>
    fc.assert(
      fc.property(steps, model, model, (history, name, other) => {
        const { now, spent } = played(history)
        const cleared = Spent.succeeded(spent, name, now + 1)
        assert.isFalse(cleared.models.some((mark) => mark.model === name))
        if (other !== name)
          assert.deepStrictEqual(
            cleared.models.filter((mark) => mark.model === other),
            spent.models.filter((mark) => mark.model === other)
          )
      })
    ))

  it("remembers no more models than a few, and keeps an account spent all the same", () => {
    let spent = nothing
    for (let i = 0; i < 1_000; i++) spent = Spent.failed(spent, { model: `m${i}`, until: 10_000 + i }, 0)
    assert.lengthOf(spent.models, most)
    assert.strictEqual(Spent.returns(spent, "another", 0), 10_998)
  })
})

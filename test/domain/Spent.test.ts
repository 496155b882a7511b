import { assert, describe, it } from "@effect/vitest"
import { FastCheck as fc } from "effect"
import * as Spent from "../../src/domain/Spent.ts"

const { longestMillis, most, nothing, restMillis } = Spent

const model = fc.constantFrom("a", "b", "c", "d")
const until = fc.option(fc.integer({ min: -5_000, max: 2 * longestMillis }), { nil: undefined })
const steps = fc.array(
  fc.oneof(
    fc.record({ what: fc.constant("failed" as const), model: fc.option(model, { nil: undefined }), until }),
    fc.record({ what: fc.constant("succeeded" as const), model, begunAgo: fc.nat(10_000) }),
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

import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import * as Health from "../../src/domain/Health.ts"

const failed = (health: Health.Health, times: number, now: number, spare = true) => {
  let current = health
  for (let i = 0; i < times; i++) current = Health.ended(current, "failed", now, spare)
  return current
}

describe("Health", () => {
  it("leaves an instance out after failures in a row, longer each time", () => {
    const four = failed(Health.well, Health.tolerated - 1, 0)
    assert.isTrue(Health.mayServe(four, 0))
    const out = failed(four, 1, 0)
    assert.isTrue(Health.isEjected(out, Health.ejectionMillis - 1))
    const probe = Health.begun(out, Health.ejectionMillis)
    const again = Health.ended(probe, "failed", Health.ejectionMillis, true)
    assert.strictEqual(again.until, Health.ejectionMillis + 2 * Health.ejectionMillis)
  })

  it("lets one chat try at a time, and believes the first good one", () => {
    const out = failed(Health.well, Health.tolerated, 0)
    const at = Health.ejectionMillis
    assert.isTrue(Health.mayServe(out, at))
    const probing = Health.begun(out, at)
    assert.isFalse(Health.mayServe(probing, at))
    assert.isTrue(Health.mayServe(Health.ended(probing, "cancelled", at, true), at))
    assert.deepStrictEqual(Health.ended(probing, "completed", at, true), Health.well)
  })

  it("takes all that one broken connection ended for one failure", () => {
    let health = Health.well
    for (let i = 0; i < 50; i++) health = Health.ended(health, "lost", 0, true)
    assert.strictEqual(health.failures, 1)
    for (let at = 1000; at < 5000; at += 1000) health = Health.ended(health, "lost", at, true)
    assert.isTrue(Health.isEjected(health, 4000))
  })

  it("never puts the last one out", () => {
    assert.isTrue(Health.mayServe(failed(Health.well, 100, 0, false), 0))
  })

  it("forgets failures at a good turn, and takes a client's leaving for nothing", () => {
    const four = failed(Health.well, Health.tolerated - 1, 0)
    assert.deepStrictEqual(Health.ended(four, "completed", 0, true), Health.well)
    assert.deepStrictEqual(Health.ended(four, "cancelled", 0, true), four)
  })

  it("lets an account whose quota is used up rest at once", () => {
    const out = Health.ended(Health.well, "exhausted", 0, true)
    assert.isTrue(Health.isEjected(out, Health.restMillis - 1))
    assert.isFalse(Health.isEjected(out, Health.restMillis))
  })

  it.prop(
    "is never stuck: whatever happened, some time later it may serve again",
    [
      FastCheck.array(
        FastCheck.tuple(
          FastCheck.constantFrom(
            "completed" as const,
            "failed" as const,
            "lost" as const,
            "exhausted" as const,
            "cancelled" as const
          ),
          FastCheck.nat(60_000),
          FastCheck.boolean()
        )
      )
    ],
    ([history]) => {
      let now = 0
      let health = Health.well
      for (const [outcome, wait, spare] of history) {
        now += wait
        if (Health.mayServe(health, now)) health = Health.begun(health, now)
        health = Health.ended(health, outcome, now, spare)
      }
      assert.isTrue(Health.mayServe(health, now + 10 * Health.ejectionMillis))
    }
  )
})

import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import * as Health from "../../src/domain/Health.ts"

type Outcome = Health.Outcome

const end = (health: Health.Health, outcome: Outcome, now: number, spare = true, begunAt = now) =>
  Health.ended(health, { outcome, begunAt, spare }, now)
const failed = (health: Health.Health, times: number, now: number, spare = true) => {
  let current = health
  for (let i = 0; i < times; i++) current = end(current, "failed", now, spare)
  return current
}
const why = (health: Health.Health, now: number, ...trying: ReadonlyArray<number>) => Health.why(health, now, trying)

const {
  EJECTION_MILLIS: ejectionMillis,
  FAILING_MILLIS: failingMillis,
  SAME_LOSS_MILLIS: sameLossMillis,
  TOLERATED: tolerated,
  well
} = Health
const out = failed(well, tolerated, 0)

describe("Health", () => {
  it("leaves an instance out after failures in a row, and not a failure earlier", () => {
    const four = failed(well, tolerated - 1, 0)
    assert.deepStrictEqual(four, { ...well, failures: tolerated - 1, failedAt: 0 })
    assert.isUndefined(why(four, 0))
    assert.isFalse(Health.isOnProbation(four, 0))
    assert.deepStrictEqual(out, { failures: 0, failedAt: 0, lostAt: 0, ejections: 1, until: ejectionMillis })
    assert.strictEqual(why(out, 0), "ejected")
    assert.strictEqual(why(out, ejectionMillis - 1), "ejected")
    assert.isTrue(Health.isEjected(out, ejectionMillis - 1))
    assert.isFalse(Health.isOnProbation(out, ejectionMillis - 1))
    assert.isFalse(Health.isEjected(out, ejectionMillis))
    assert.isTrue(Health.isOnProbation(out, ejectionMillis))
  })

  it("leaves an instance out longer each time, up to five minutes", () => {
    let health = out
    const lengths: Array<number> = []
    for (let i = 0; i < 11; i++) {
      const at = health.until
      health = end(health, "failed", at)
      assert.strictEqual(health.failedAt, at)
      lengths.push(health.until - at)
    }
    assert.deepStrictEqual(
      lengths,
      [60, 90, 120, 150, 180, 210, 240, 270, 300, 300, 300].map((s) => s * 1000)
    )
  })

  it("sends an instance on probation one chat at a time, and the next once that one is no longer told of", () => {
    const at = ejectionMillis
    assert.isUndefined(why(out, at))
    assert.strictEqual(why(out, at, at), "probing")
    assert.strictEqual(why(out, at + 5, at + 1, at - 1), "probing")
    assert.strictEqual(why(out, at + 5, at - 1, at + 1), "probing")
    assert.isUndefined(why(out, at + 5, at - 1), "a chat from before the probation tries nothing")
    assert.isUndefined(why(well, at, at))
    assert.strictEqual(end(out, "cancelled", at), out)
    assert.deepStrictEqual(end(out, "completed", at), well)
  })

  it("takes the good end of a chat for a proof that began since the instance was left out, and of no other", () => {
    const later = failed(well, tolerated, 1000)
    assert.strictEqual(end(later, "completed", 5000, true, 999), later)
    assert.strictEqual(end(later, "completed", 5000, true, 1000), later)
    assert.deepStrictEqual(end(later, "completed", 5000, true, 1001), well)
    assert.deepStrictEqual(end(later, "completed", later.until, true, 0), well)
  })

  it("counts nothing against an instance that is left out", () => {
    for (const outcome of ["failed", "lost", "cancelled"] as const) {
      assert.strictEqual(end(out, outcome, ejectionMillis - 1), out, outcome)
    }
  })

  it("takes all that one broken connection ended for one failure", () => {
    let health = end(well, "lost", 1000)
    assert.deepStrictEqual(health, { ...well, failures: 1, failedAt: 1000, lostAt: 1000 })
    for (let i = 0; i < 50; i++) health = end(health, "lost", 1000 + sameLossMillis - 1)
    assert.strictEqual(health.failures, 1)
    health = end(health, "lost", 1000 + sameLossMillis)
    assert.strictEqual(health.failures, 2)
    for (let i = 2; i < tolerated; i++) health = end(health, "lost", 1000 * i)
    assert.isTrue(Health.isEjected(health, 4000))
    assert.strictEqual(health.lostAt, 4000)
  })

  it("never puts the last one out, but calls it failing for half a minute after each failure", () => {
    const four = failed(well, tolerated - 1, 0, false)
    assert.isFalse(Health.isFailing(four, 0))
    const five = failed(four, 1, 10, false)
    assert.isFalse(Health.isEjected(five, 10))
    assert.isTrue(Health.isFailing(five, 10))
    assert.strictEqual(why(five, 10), "failing")
    assert.strictEqual(why(five, 10 + failingMillis - 1), "failing")
    assert.isUndefined(why(five, 10 + failingMillis))
    const again = end(five, "failed", 100_000, false)
    assert.strictEqual(why(again, 100_000), "failing", "one more failure is enough")
    assert.deepStrictEqual(end(again, "completed", 100_000, false), well)
    assert.isTrue(Health.isEjected(end(again, "failed", 100_000), 100_000), "it is left out once another can stand in")
  })

  it("calls the last one failing at its first failure on probation", () => {
    const at = ejectionMillis
    const again = end(out, "failed", at, false)
    assert.isFalse(Health.isEjected(again, at))
    assert.strictEqual(why(again, at), "failing")
    assert.isUndefined(why(again, at + failingMillis))
    assert.isFalse(Health.isFailing({ ...again, until: at + 100 }, at), "an instance that is left out is that alone")
  })

  it("forgets failures at a good turn, and takes a client's leaving for nothing", () => {
    const four = failed(well, tolerated - 1, 0)
    assert.deepStrictEqual(end(four, "completed", 0), well)
    assert.strictEqual(end(four, "cancelled", 0), four)
  })

  it("does not lose its way when two chats on probation are lost at once while no other can stand in", () => {
    const at = ejectionMillis + 1000
    const once = end(out, "lost", at, false)
    const twice = end(once, "lost", at + 100, false)
    assert.strictEqual(twice, once)
    assert.strictEqual(why(twice, at + 100), "failing")
    assert.isUndefined(why(twice, at + failingMillis))
  })

  const event = FastCheck.record({
    wait: FastCheck.oneof(FastCheck.constant(0), FastCheck.nat(600), FastCheck.nat(60_000), FastCheck.nat(400_000)),
    what: FastCheck.constantFrom<"begin" | Outcome>("begin", "completed", "failed", "lost", "cancelled"),
    which: FastCheck.nat(5),
    spare: FastCheck.boolean()
  })

  it.prop(
    "is never stuck: from whatever state, once the chats there have ended it may serve within a bound, and is well after one good chat",
    [FastCheck.array(event, { maxLength: 60 })],
    ([history]) => {
      let now = 0
      let health = well
      const running: Array<number> = []
      for (const { spare, wait, what, which } of history) {
        now += wait
        if (what === "begin") {
          running.push(now)
          continue
        }
        const [begunAt] = running.splice(which % Math.max(1, running.length), 1)
        if (begunAt !== undefined) health = Health.ended(health, { outcome: what, begunAt, spare }, now)
        assert.isAtMost(health.until - now, 10 * ejectionMillis)
        assert.isTrue(health.failures >= 0 && health.ejections >= 0)
      }
      const later = Math.max(health.until, health.failedAt + failingMillis, now)
      assert.isAtMost(later - now, 10 * ejectionMillis)
      assert.isUndefined(Health.why(health, later, []))
      assert.isUndefined(
        Health.why(
          health,
          later,
          running.filter((at) => at < health.until)
        )
      )
      assert.deepStrictEqual(end(health, "completed", later, true, later), well)
    },
    { fastCheck: { numRuns: 1000 } }
  )
})

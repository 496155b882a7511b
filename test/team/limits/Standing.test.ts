import { assert, describe, it } from "@effect/vitest"
import { Standing } from "../../../src/team/limits/Standing.ts"

const DAY = 86_400_000
const day = (n: number) => ({ start: n * DAY, end: (n + 1) * DAY })
const NOON = 20_000 * DAY + DAY / 2
const today = day(20_000)

describe("what a key has used of its limits", () => {
  it("is counted by the minute whatever the wall clock does meanwhile", () => {
    for (const jump of [-365 * DAY, -3_600_000, 3_600_000, 365 * DAY]) {
      const standing = new Standing("k")
      assert.isUndefined(standing.request(1, { steady: 1000, wall: NOON }))
      const jumped = { steady: 31_000, wall: NOON + jump }
      assert.deepStrictEqual(standing.request(1, jumped), { limit: "requests", most: 1, retryAfter: 30 }, `${jump}`)
      assert.isUndefined(standing.request(1, { steady: 61_000, wall: NOON + jump }))
    }
  })

  it("goes on when the clock is set back by a day, and is nothing on each day that begins after that", () => {
    const standing = new Standing("k")
    standing.charge(100, today)
    const refused = (wall: number, of = today) => standing.tokens(100, { steady: 0, wall }, of)?.limit
    assert.strictEqual(refused(NOON), "tokens")
    assert.strictEqual(refused(NOON - DAY, day(19_999)), "tokens")
    assert.strictEqual(refused(NOON), undefined)
    standing.charge(100, today)
    assert.isUndefined(refused(NOON + DAY, day(20_001)))
  })

  it("that a restart finds from the future counts from now on", () => {
    const standing = new Standing("k")
    const now = { steady: 500, wall: NOON }
    standing.restore({ keyId: "k", kind: "minute", startedAt: NOON + DAY, used: 3 }, now, today)
    assert.strictEqual(standing.requestsLeft(3, now).remaining, 0)
    assert.strictEqual(standing.requestsLeft(3, { steady: 60_500, wall: NOON }).remaining, 3)
    standing.restore({ keyId: "k", kind: "day", startedAt: today.start + DAY, used: 70 }, now, today)
    assert.strictEqual(standing.tokensLeft(100, now, today).remaining, 30)
  })

  it("and was not told to the others yet is not told once it limits nothing any more", () => {
    const standing = new Standing("k")
    standing.charge(70, today)
    standing.untoldRequests = 4
    standing.setMinute(4, 0, { steady: 0, wall: NOON })
    standing.forgetMinute({ steady: 59_999, wall: NOON })
    assert.deepStrictEqual([standing.untoldTokens, standing.untoldRequests], [70, 4])
    standing.forgetMinute({ steady: 60_000, wall: NOON })
    standing.enterDay(day(20_001))
    assert.deepStrictEqual([standing.untoldTokens, standing.untoldRequests], [0, 0])
  })
})

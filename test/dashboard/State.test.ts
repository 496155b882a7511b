import { assert, describe, it } from "@effect/vitest"
import type { ChatRow } from "../../dashboard/api/Types.ts"
import { waitMillis } from "../../dashboard/state/Backoff.ts"
import { dayOf, type Filter, matches, noFilter, queryOf } from "../../dashboard/state/Filter.ts"
import { emptyForm, ofKey, toChanges } from "../../dashboard/state/KeyForm.ts"

const row = {
  id: "chat_1",
  request_id: "req-97304770c55b",
  key: "ann",
  model: "qwen3-coder",
  model_asked: "claude-sonnet",
  outcome: "failed",
  instance: "inst-1"
} as ChatRow

describe("the filter of requests", () => {
  const shows = (filter: Partial<Filter>) => matches({ ...noFilter, ...filter }, row)

  it("lets a row pass by each of its fields, by the model asked for and the one that answered", () => {
    const right = [
      {},
      { key: "ann" },
      { model: "qwen3-coder" },
      { model: "claude-sonnet" },
      { outcome: "failed" },
      { instance: "inst-1" },
      { id: "4770c" },
      { id: "chat_1" }
    ]
    const wrong = [{ key: "an" }, { model: "x" }, { outcome: "completed" }, { instance: "inst-2" }, { id: "zzz" }]
    assert.deepStrictEqual(
      right.map(shows),
      right.map(() => true)
    )
    assert.deepStrictEqual(
      wrong.map(shows),
      wrong.map(() => false)
    )
  })

  it("adds nothing of today to another day", () => {
    assert.isFalse(shows({ day: "2026-11-28" }))
  })

  it("asks for a day by its first moment and the next day's, in the browser's zone", () => {
    const day = dayOf("2026-11-30")
    assert.strictEqual(new Date(day!.since).getTime(), new Date(2026, 10, 30).getTime())
    assert.strictEqual(new Date(day!.until).getTime(), new Date(2026, 11, 1).getTime())
    assert.isUndefined(dayOf("yesterday"))
    assert.deepStrictEqual(
      Object.entries(queryOf(noFilter)).filter(([, value]) => value !== undefined),
      []
    )
  })
})

describe("the form of a key", () => {
  const key = {
    id: "key_1",
    name: "ann",
    source: "database",
    last_four: "abcd",
    tokens_per_day: 1000,
    requests_per_minute: null,
    max_in_flight: null,
    weight: 1,
    models: ["qwen*", "auto"],
    expires: "2027-01-31T18:00:00.000Z",
    admin: false,
    created: null,
    last_used: null
  } as const

  it("tells only what was changed, so that an end by the minute keeps its minute", () => {
    const before = ofKey(key)
    assert.deepStrictEqual(toChanges(before, before), {})
    assert.deepStrictEqual(toChanges({ ...before, requestsPerMinute: "60" }, before), { requests_per_minute: 60 })
    assert.deepStrictEqual(toChanges({ ...before, expires: "" }, before), { expires: null })
  })

  it("takes an empty field for no limit, and patterns with commas between", () => {
    const before = ofKey(key)
    assert.deepStrictEqual(toChanges({ ...before, tokensPerDay: "", models: " auto ,, " }, before), {
      tokens_per_day: null,
      models: ["auto"]
    })
    assert.deepStrictEqual(toChanges({ ...emptyForm, name: "x", isAdmin: true }), { admin: true })
  })
})

describe("a page that lost its gateway", () => {
  it("tries again soon, then less often, but at least each 7 seconds", () => {
    const waits = [1, 2, 3, 4, 5, 6, 50, 5000].map((failures) => waitMillis(failures, 0.5))
    assert.deepStrictEqual(waits, [500, 1000, 2000, 4000, 5000, 5000, 5000, 5000])
    assert.isAtMost(waitMillis(5000, 1), 6_500)
    assert.isAbove(waitMillis(1, 0), 300)
  })
})

import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import type { Head } from "../../../../src/http/chat/inspect/Record.ts"
import { MOST_RECORDS, Records } from "../../../../src/http/chat/inspect/Records.ts"
import { BoundedText, Quota } from "../../../../src/http/chat/inspect/Room.ts"

const KIB = 1024
const record = (id: string, bytes: number) => ({ head: { id } as Head, json: Buffer.alloc(bytes) })
const unbounded = { take: () => true, give: () => {} }

describe("The records of requests", () => {
  it("make way, the oldest first, for a new one: by number and by bytes", () => {
    const records = new Records(() => ({ bytes: 100 * KIB, millis: 1000 }))
    for (let i = 0; i < 20; i++) assert.isTrue(records.keep(record(`r${i}`, 10 * KIB), 0))
    assert.isAtMost(records.bytes, 100 * KIB)
    assert.isUndefined(records.find("r0", 0))
    assert.isDefined(records.find("r19", 0))
    assert.strictEqual(records.heads(0)[0]?.id, "r19")
    const many = new Records(() => ({ bytes: 1 << 30, millis: 1000 }))
    for (let i = 0; i < MOST_RECORDS + 5; i++) many.keep(record(`r${i}`, 1), 0)
    assert.strictEqual(many.size, MOST_RECORDS)
    assert.isUndefined(many.find("r4", 0))
    assert.isDefined(many.find("r5", 0))
  })

  it("are refused where one alone is too large, and give back all they took", () => {
    const records = new Records(() => ({ bytes: 100 * KIB, millis: 1000 }))
    assert.isFalse(records.keep(record("large", 200 * KIB), 0))
    records.keep(record("a", 10), 0)
    // The same id again: there is one record of it.
    records.keep(record("a", 10), 0)
    assert.strictEqual(records.size, 1)
    assert.strictEqual(records.clear(), 1)
    assert.strictEqual(records.bytes, 0)
  })

  it("are gone when they are too old, and when a setting leaves less place", () => {
    let bytes = 100 * KIB
    const records = new Records(() => ({ bytes, millis: 1000 }))
    records.keep(record("old", 10 * KIB), 0)
    records.keep(record("young", 10 * KIB), 600)
    assert.isDefined(records.find("old", 999))
    assert.isUndefined(records.find("old", 1000))
    assert.deepStrictEqual(
      records.heads(1000).map(({ id }) => id),
      ["young"]
    )
    bytes = KIB
    assert.deepStrictEqual(records.heads(1000), [])
    assert.strictEqual(records.bytes, 0)
  })

  it.prop(
    "and the requests on their way never take more than there is place for",
    [
      FastCheck.array(FastCheck.record({ bytes: FastCheck.nat(60 * KIB), isText: FastCheck.boolean() }), {
        maxLength: 40
      })
    ],
    ([all]) => {
      const records = new Records(() => ({ bytes: 100 * KIB, millis: 1000 }))
      const quotas = all.map(({ bytes, isText }, i) => {
        const quota = new Quota(50 * KIB, records)
        if (isText) new BoundedText(quota).add("x".repeat(bytes))
        else records.keep(record(`r${i}`, bytes), 0)
        assert.isAtMost(records.bytes, 100 * KIB)
        return quota
      })
      for (const quota of quotas) quota.release()
      records.clear()
      assert.strictEqual(records.bytes, 0)
    }
  )
})

describe("A text that is gathered", () => {
  it.prop(
    "is what was added, as far as there was place, and tells how much there was not",
    [FastCheck.array(FastCheck.string({ unit: "grapheme" }))],
    ([texts]) => {
      const whole = texts.join("")
      const free = new BoundedText(unbounded)
      const bound = new BoundedText(new Quota(300, unbounded))
      for (const text of texts) {
        free.add(text)
        bound.add(text)
      }
      assert.strictEqual(free.toString(), whole)
      assert.isTrue(whole.startsWith(bound.toString()))
      assert.strictEqual(Buffer.byteLength(bound.toString()) + bound.dropped, Buffer.byteLength(whole))
      assert.isAtMost(Buffer.byteLength(bound.toString()), 300)
    }
  )
})

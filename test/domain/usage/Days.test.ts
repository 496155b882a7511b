import { assert, describe, it } from "@effect/vitest"
import * as Days from "../../../src/domain/usage/Days.ts"

const at = (text: string) => Date.parse(text)

describe("Days", () => {
  it("begin at midnight of their zone", () => {
    const shanghai = Days.make("Asia/Shanghai")
    assert.strictEqual(shanghai.of(at("2026-11-27T15:59:59.999Z")), "2026-11-27")
    assert.strictEqual(shanghai.of(at("2026-11-27T16:00:00Z")), "2026-11-28")
    assert.strictEqual(shanghai.start("2026-11-28"), at("2026-11-27T16:00:00Z"))
    assert.strictEqual(Days.make("UTC").start("2026-11-28"), at("2026-11-28T00:00:00Z"))
    assert.strictEqual(Days.make("Asia/Kathmandu").start("2026-11-28"), at("2026-11-27T18:15:00Z"))
    assert.strictEqual(Days.make("Pacific/Kiritimati").start("2026-11-28"), at("2026-11-27T10:00:00Z"))
    assert.strictEqual(Days.make("Pacific/Pago_Pago").start("2026-11-28"), at("2026-11-28T11:00:00Z"))
  })

  it("may be longer or shorter where clocks change, also at midnight", () => {
    const berlin = Days.make("Europe/Berlin")
    assert.strictEqual(berlin.start("2026-03-30") - berlin.start("2026-03-29"), 23 * 3_600_000)
    assert.strictEqual(berlin.start("2026-10-26") - berlin.start("2026-10-25"), 25 * 3_600_000)
    // There is no midnight on this day.
    const santiago = Days.make("America/Santiago")
    assert.strictEqual(santiago.start("2026-09-06"), at("2026-09-06T04:00:00Z"))
    assert.strictEqual(santiago.of(santiago.start("2026-09-06")), "2026-09-06")
    assert.strictEqual(santiago.of(santiago.start("2026-09-06") - 1), "2026-09-05")
  })

  it("are counted by the calendar", () => {
    assert.strictEqual(Days.plus("2026-03-01", -1), "2026-02-28")
    assert.strictEqual(Days.plus("2028-02-28", 1), "2028-02-29")
    assert.isTrue(Days.isDay("2028-02-29"))
    for (const text of ["2026-02-29", "2026-13-01", "2026-1-1", "20261101", "", "2026-11-01T00"])
      assert.isFalse(Days.isDay(text), text)
  })
})

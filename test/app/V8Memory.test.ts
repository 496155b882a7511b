import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as FastCheck from "effect/FastCheck"
import * as V8Memory from "../../src/app/V8Memory.ts"

const MEBIBYTE = 1 << 20

/** A process whose memory is `base`, and `burst` more of which a collection frees only what is `free` by then. */
const process = () => {
  const collections = V8Memory.make()
  let kept = 0
  let garbage = 0
  let collected = 0
  const resident = () => (140 + kept + garbage) * MEBIBYTE
  return {
    look: () =>
      collections.look(resident(), () => {
        collected++
        garbage = 0
        return resident()
      }),
    hold: (more: number) => {
      kept += more
    },
    release: () => {
      garbage += kept
      kept = 0
    },
    resident: () => resident() / MEBIBYTE,
    collected: () => collected
  }
}

const times = (count: number, work: () => void) => {
  for (let i = 0; i < count; i++) work()
}

describe("the memory of an idle process", () => {
  it.effect.prop(
    "comes back after a burst, also of what is let go of long after its collection",
    [FastCheck.integer({ min: 20, max: 500 }), FastCheck.integer({ min: 0, max: 30 })],
    ([burst, later]) =>
      Effect.sync(() => {
        const one = process()
        times(3, one.look)
        one.hold(burst)
        times(later, one.look)
        one.release()
        times(32, one.look)
        assert.strictEqual(one.resident(), 140)
      })
  )

  it.effect.prop(
    "is collected a few times only where it has grown for good",
    [FastCheck.integer({ min: 20, max: 500 })],
    ([growth]) =>
      Effect.sync(() => {
        const one = process()
        times(100, one.look)
        one.hold(growth)
        const before = one.collected()
        times(1_000, one.look)
        assert.isAtMost(one.collected() - before, 7)
      })
  )

  it("is collected once after a start, and then left alone", () => {
    const one = process()
    times(1_000, one.look)
    assert.isAtMost(one.collected(), 7)
  })
})

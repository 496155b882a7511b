import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import { ChurnMap } from "../../src/runtime/ChurnMap.ts"

const key = FastCheck.nat(50)
const step = FastCheck.oneof(
  { weight: 10, arbitrary: FastCheck.record({ set: key, value: FastCheck.nat() }) },
  { weight: 10, arbitrary: FastCheck.record({ delete: key }) },
  FastCheck.constant({ clear: true as const })
)

describe("ChurnMap", () => {
  it.prop("holds what a Map holds, in its order", [FastCheck.array(step, { maxLength: 400 })], ([steps]) => {
    const brief = new ChurnMap<number, number>()
    const map = new Map<number, number>()
    for (const one of steps) {
      if ("set" in one) {
        brief.set(one.set, one.value)
        map.set(one.set, one.value)
      } else if ("delete" in one) assert.strictEqual(brief.delete(one.delete), map.delete(one.delete))
      else {
        brief.clear()
        map.clear()
      }
      assert.strictEqual(brief.size, map.size)
      assert.deepStrictEqual(brief.values(), [...map.values()])
    }
    const seen: Array<readonly [number, number]> = []
    brief.forEach((value, at) => {
      seen.push([at, value])
    })
    assert.deepStrictEqual(seen, [...map])
    for (const at of map.keys()) assert.strictEqual(brief.get(at), map.get(at))
  })

  it("visits no entry that was removed before its turn, also when it was renewed meanwhile", () => {
    const brief = new ChurnMap<number, number>()
    for (let at = 0; at < 100; at++) brief.set(at, at)
    const seen: Array<number> = []
    brief.forEach((value) => {
      seen.push(value)
      for (let at = value; at < value + 60; at++) brief.delete(at)
    })
    assert.deepStrictEqual(seen, [0, 60])
    assert.strictEqual(brief.size, 0)
  })
})

import { assert, describe, it } from "@effect/vitest"
import { Lru } from "../../src/runtime/Lru.ts"

describe("Lru", () => {
  it("drops what was not used for longest, and makes it anew", () => {
    const made: Array<string> = []
    const cache = new Lru<string, string>(2)
    const ask = (key: string) =>
      cache.getOrMake(key, () => {
        made.push(key)
        return key.toUpperCase()
      })
    for (const key of ["a", "b", "a", "c", "a", "b"]) assert.strictEqual(ask(key), key.toUpperCase())
    assert.deepStrictEqual(made, ["a", "b", "c", "b"])
    assert.strictEqual(cache.cost, 2)
  })

  it("finds what it has, which counts as a use, and makes nothing for it", () => {
    const cache = new Lru<string, string>(2)
    for (const key of ["a", "b"]) cache.getOrMake(key, () => key.toUpperCase())
    assert.strictEqual(cache.get("a"), "A")
    cache.getOrMake("c", () => "C")
    assert.deepStrictEqual(
      ["a", "b", "c"].map((key) => cache.get(key)),
      ["A", undefined, "C"]
    )
    assert.strictEqual(cache.cost, 2)
  })

  it("counts what entries cost, and keeps none that costs too much by itself", () => {
    const cache = new Lru<string, number>(10, (cost) => cost)
    for (const cost of [4, 5, 6]) cache.getOrMake(`${cost}`, () => cost)
    assert.strictEqual(cache.cost, 6)
    assert.strictEqual(
      cache.getOrMake("huge", () => 11),
      11
    )
    assert.strictEqual(cache.cost, 0)
  })
})

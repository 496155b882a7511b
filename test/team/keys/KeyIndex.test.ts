import { assert, describe, it } from "@effect/vitest"
import { Effect, TestClock } from "effect"
import * as Digest from "../../../src/team/keys/Digest.ts"
import * as Key from "../../../src/team/keys/Key.ts"
import * as KeyIndex from "../../../src/team/keys/KeyIndex.ts"

const NOW = 1_800_000_000_000

const known = (name: string, more: Partial<Key.Key> = {}, until?: number): Key.Known => ({
  digest: Digest.of(`sk-${name}`),
  until,
  key: {
    ...Key.noLimits,
    id: `id-${name}`,
    name,
    lastFour: "",
    createdAt: 0,
    lastUsedAt: undefined,
    source: "database",
    ...more
  }
})
const make = Effect.zipRight(
  TestClock.setTime(NOW),
  Effect.map(Effect.clock, (clock) => KeyIndex.make(clock, true))
)

describe("the index of keys", () => {
  it.effect("finds each of a thousand by its own secret, and nothing by another", () =>
    Effect.gen(function* () {
      const index = yield* make
      index.replace(Array.from({ length: 1000 }, (_, i) => known(`n${i}`)))
      for (let i = 0; i < 1000; i++) {
        assert.strictEqual(index.find(`sk-n${i}`)?.name, `n${i}`)
        assert.isUndefined(index.find(`sk-n${i} `))
      }
      index.replace([known("n7")])
      assert.strictEqual(index.find("sk-n7")?.name, "n7")
      assert.isUndefined(index.find("sk-n8"))
    })
  )

  it.effect("ends a key at its expiry or its grace, whichever comes first, and knows which has expired", () =>
    Effect.gen(function* () {
      const index = yield* make
      index.replace([
        known("expires", { expiresAt: NOW + 10 }),
        known("grace", {}, NOW + 10),
        known("both", { expiresAt: NOW + 10 }, NOW + 20),
        known("never")
      ])
      const all = ["expires", "grace", "both", "never"]
      const found = () => all.filter((name) => index.find(`sk-${name}`) !== undefined)
      yield* TestClock.setTime(NOW + 9)
      assert.deepStrictEqual(found(), all)
      yield* TestClock.setTime(NOW + 10)
      assert.deepStrictEqual(found(), ["never"])
      assert.deepStrictEqual(
        all.filter((name) => index.hasExpired(`sk-${name}`)),
        ["expires", "both"]
      )
    })
  )

  it.effect("takes the first of a name and of a digest, in the order of their sources", () =>
    Effect.gen(function* () {
      const index = yield* make
      const other = { ...known("x"), key: { ...known("x").key, id: "other", name: "alice" } }
      const again = { ...known("y"), digest: Digest.of("sk-alice") }
      index.replace([known("alice", { source: "file" }), other, again])
      assert.strictEqual(index.find("sk-alice")?.source, "file")
      assert.isUndefined(index.find("sk-x"))
      assert.deepStrictEqual(
        index.all().map(({ name }) => name),
        ["alice", "y"]
      )
    })
  )

  it.effect("tells once when keys of the database were used, also those that changed places meanwhile", () =>
    Effect.gen(function* () {
      const index = yield* make
      index.replace([known("a"), known("b"), known("file", { source: "file" })])
      index.find("sk-b")
      index.find("sk-file")
      index.replace([known("b"), known("c"), known("file", { source: "file" })])
      yield* TestClock.setTime(NOW + 5)
      index.find("sk-c")
      assert.deepStrictEqual([...index.takeUsed()].sort(), [
        ["id-b", NOW],
        ["id-c", NOW + 5]
      ])
      assert.strictEqual(index.takeUsed().size, 0)
    })
  )
})

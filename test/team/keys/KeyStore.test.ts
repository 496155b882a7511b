import * as SqlClient from "@effect/sql/SqlClient"
import { assert, describe, it, layer } from "@effect/vitest"
import { Context, Effect, Layer, Redacted, TestClock } from "effect"
import type { DatabaseUrl } from "../../../src/config/DatabaseUrl.ts"
import * as Database from "../../../src/team/database/Database.ts"
import * as Digest from "../../../src/team/keys/Digest.ts"
import * as Key from "../../../src/team/keys/Key.ts"
import { KeyStore } from "../../../src/team/keys/KeyStore.ts"
import * as Postgres from "../../support/Postgres.ts"

class Server extends Context.Tag("test/Postgres")<Server, Postgres.Postgres>() {}

const open = (url: DatabaseUrl) =>
  Layer.build(Layer.provideMerge(KeyStore.layer, Database.layer(url, { workDir: "/nowhere", isServing: true })))

const lives = Effect.gen(function* () {
  yield* TestClock.setTime(1_800_000_000_000)
  const store = yield* KeyStore
  const sql = yield* SqlClient.SqlClient
  const before = yield* store.version
  const models = ["qwen*", "auto"]
  const { key, secret } = yield* store.add("alice", { ...Key.noLimits, tokensPerDay: 1e9, weight: 0.5, models })
  assert.match(Redacted.value(secret), /^sk-lgw-[0-9A-Za-z]{40}$/)
  assert.strictEqual(key.lastFour, Redacted.value(secret).slice(-4))
  assert.deepStrictEqual(yield* store.get("alice"), key)
  assert.deepStrictEqual(yield* store.some(["nobody", "alice"]), [key])
  assert.deepStrictEqual(yield* store.some([]), [])
  const known = yield* store.known
  assert.deepStrictEqual(known, [{ key, digest: Digest.of(Redacted.value(secret)) }])

  const again = yield* Effect.flip(store.add("alice", Key.noLimits))
  assert.strictEqual(again.message, "there is a key named alice already")
  const changed = yield* store.set("alice", { requestsPerMinute: 5, tokensPerDay: undefined })
  assert.deepInclude(changed, { requestsPerMinute: 5, tokensPerDay: undefined, weight: 0.5, models })

  const rotated = yield* store.rotate("alice", 60_000)
  assert.deepStrictEqual(
    (yield* store.known).map(({ digest, until }) => [digest, until]),
    [
      [Digest.of(Redacted.value(rotated.secret)), undefined],
      [Digest.of(Redacted.value(secret)), 1_800_000_060_000]
    ]
  )
  yield* store.used(new Map([[key.id, 1_800_000_000_007]]))
  assert.strictEqual((yield* store.get("alice")).lastUsedAt, 1_800_000_000_007)

  yield* store.revoke("alice")
  assert.deepStrictEqual(yield* store.known, [])
  assert.deepStrictEqual(yield* store.some(["alice"]), [])
  assert.strictEqual((yield* Effect.flip(store.revoke("alice"))).message, "there is no key named alice")
  // Its name is free again.
  const second = yield* store.add("alice", Key.noLimits)
  assert.notStrictEqual(second.key.id, key.id)
  assert.strictEqual((yield* store.version) - before, 5)

  // Of the secrets nothing is in the database but their last letters.
  const rows = JSON.stringify(yield* sql`SELECT * FROM api_keys`)
  for (const one of [secret, rotated.secret, second.secret]) assert.notInclude(rows, Redacted.value(one).slice(7, -4))
})

const bothAtOnce = Effect.gen(function* () {
  const store = yield* KeyStore
  const results = yield* Effect.all(
    Array.from({ length: 8 }, () => Effect.either(store.add("twin", Key.noLimits))),
    { concurrency: "unbounded" }
  )
  assert.strictEqual(results.filter(({ _tag }) => _tag === "Right").length, 1)
  for (const result of results) if (result._tag === "Left") assert.strictEqual(result.left._tag, "KeyProblem")
})

describe("the keys of the database", () => {
  layer(Layer.scoped(Server, Postgres.make), { timeout: 120_000 })((it) => {
    it.scoped("on PostgreSQL are made, changed, rotated with grace and revoked", () =>
      Effect.gen(function* () {
        const url = yield* Effect.flatMap(Server, ({ database }) => database("keys"))
        const context = yield* open({ _tag: "Postgres", url: Redacted.make(url) })
        yield* Effect.provide(lives, context)
        yield* Effect.provide(bothAtOnce, context)
      })
    )

    it.scoped("on PostgreSQL keep each of two changes that hosts make at once", () =>
      Effect.gen(function* () {
        const url: DatabaseUrl = {
          _tag: "Postgres",
          url: Redacted.make(yield* Effect.flatMap(Server, ({ database }) => database("changes")))
        }
        const [here, there] = [Context.get(yield* open(url), KeyStore), Context.get(yield* open(url), KeyStore)]
        yield* here.add("alice", Key.noLimits)
        for (let n = 1; n <= 20; n++) {
          yield* Effect.all([here.set("alice", { requestsPerMinute: n }), there.set("alice", { maxInFlight: n })], {
            concurrency: 2
          })
          assert.deepInclude(yield* here.get("alice"), { requestsPerMinute: n, maxInFlight: n })
        }
      })
    )
  })

  it.scoped("on SQLite are made, changed, rotated with grace and revoked", () =>
    Effect.gen(function* () {
      const context = yield* open({ _tag: "Memory" })
      yield* Effect.provide(lives, context)
      yield* Effect.provide(bothAtOnce, context)
    })
  )

  it.scoped("are refused with words where they are wrong, and nothing is written", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(1_800_000_000_000)
      const store = yield* KeyStore
      const refusal = (name: string, grants: Partial<Key.Grants>) =>
        Effect.map(Effect.flip(store.add(name, { ...Key.noLimits, ...grants })), ({ message }) => message)
      assert.include(yield* refusal("a b", {}), "name must have 1 to 64 letters")
      assert.include(yield* refusal("key-1", {}), "are the keys of API_KEYS")
      assert.strictEqual(yield* refusal("a", { weight: 0 }), "weight must be a number from 0.01 to 1000")
      assert.strictEqual(yield* refusal("a", { expiresAt: 1_799_999_999_999 }), "expires must lie in the future")
      assert.include(yield* refusal("a", { requestsPerMinute: 0 }), "requests_per_minute must be an integer from 1")
      assert.include(yield* refusal("a", { models: ["qwen,auto"] }), "models must be at most")
      assert.deepStrictEqual(yield* store.list, [])
      assert.strictEqual(yield* store.version, 0)
    }).pipe(
      Effect.provide(KeyStore.layer),
      Effect.provide(Database.layer({ _tag: "Memory" }, { workDir: "", isServing: true }))
    )
  )
})

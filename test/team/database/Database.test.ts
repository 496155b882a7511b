import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"
import * as SqlClient from "@effect/sql/SqlClient"
import { assert, describe, it, layer } from "@effect/vitest"
import { Context, Effect, Either, Exit, Fiber, Layer, Redacted } from "effect"
import type { DatabaseUrl } from "../../../src/config/DatabaseUrl.ts"
import * as Database from "../../../src/team/database/Database.ts"
import * as Key from "../../../src/team/keys/Key.ts"
import { KeyStore } from "../../../src/team/keys/KeyStore.ts"
import * as Postgres from "../../support/Postgres.ts"

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "database-"))),
  (dir) => Effect.sync(() => rmSync(dir, { recursive: true, force: true }))
)
const open = (url: DatabaseUrl, workDir = "/nowhere", isServing = true) =>
  Layer.build(Database.layer(url, { workDir, isServing }))
const sqlite = (path: string): DatabaseUrl => ({ _tag: "Sqlite", path })

/** The superuser may write everything. */
const asNobody = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  process.geteuid?.() !== 0
    ? effect
    : Effect.acquireUseRelease(
        Effect.sync(() => process.seteuid?.(65_534)),
        () => effect,
        () => Effect.sync(() => process.seteuid?.(0))
      )

const counted = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* sql`INSERT INTO counters ${sql.insert([
    { name: "a", value: 2 ** 40 },
    { name: "b", value: 1 }
  ])}`
  const rows = yield* sql<{ name: string; total: number }>`
    SELECT name, SUM(value) AS total FROM counters WHERE name <> 'keys' GROUP BY name ORDER BY name`
  return rows.map(({ name, total }) => [name, total])
})
const rollsBack = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const write = sql`INSERT INTO counters ${sql.insert({ name: "c", value: 1 })}`
  const exit = yield* Effect.exit(Database.transaction(Effect.zipRight(write, Effect.fail("no"))))
  assert.isTrue(Exit.isFailure(exit))
  const twice = yield* Effect.either(Database.transaction(Effect.zipRight(write, write)))
  assert.isTrue(Either.isLeft(twice))
  return yield* sql`SELECT name FROM counters WHERE name = 'c'`
})

class Server extends Context.Tag("test/Postgres")<Server, Postgres.Postgres>() {}

describe("the database", () => {
  layer(Layer.scoped(Server, Postgres.make), { timeout: 120_000 })((it) => {
    it.scoped("on PostgreSQL adds up whole numbers as numbers, and takes back a transaction that fails", () =>
      Effect.gen(function* () {
        const url = yield* Effect.flatMap(Server, ({ database }) => database("figures"))
        const context = yield* open({ _tag: "Postgres", url: Redacted.make(url) })
        assert.deepStrictEqual(yield* Effect.provide(counted, context), [
          ["a", 2 ** 40],
          ["b", 1]
        ])
        assert.deepStrictEqual(yield* Effect.provide(rollsBack, context), [])
        // A second gateway on the same database finds its tables there.
        const second = yield* open({ _tag: "Postgres", url: Redacted.make(url) })
        assert.strictEqual(Context.get(second, Database.Database).kind, "postgres")
      })
    )
    it.scoped("on PostgreSQL is shown without its password", () =>
      Effect.gen(function* () {
        const url = yield* Effect.flatMap(Server, ({ database }) => database("shown"))
        const context = yield* open({
          _tag: "Postgres",
          url: Redacted.make(url.replace("gateway@", "gateway:hunter2@"))
        })
        assert.notInclude(Context.get(context, Database.Database).place, "hunter2")
      })
    )
  })

  it.scoped("in a file adds up whole numbers as numbers, and takes back a transaction that fails", () =>
    Effect.gen(function* () {
      const path = join(yield* folder, "deep", "gateway.db")
      const context = yield* open(sqlite(path))
      assert.deepStrictEqual(yield* Effect.provide(counted, context), [
        ["a", 2 ** 40],
        ["b", 1]
      ])
      assert.deepStrictEqual(yield* Effect.provide(rollsBack, context), [])
      assert.strictEqual(statSync(path).mode & 0o777, 0o600)
    })
  )

  it.scoped("in memory keeps what a transaction wrote", () =>
    Effect.gen(function* () {
      const context = yield* open({ _tag: "Memory" })
      const kept = Effect.flatMap(SqlClient.SqlClient, (sql) =>
        Database.transaction(sql`INSERT INTO counters VALUES ('d', 1)`)
      )
      yield* Effect.provide(kept, context)
      assert.deepStrictEqual(yield* Effect.provide(counted, context), [
        ["a", 2 ** 40],
        ["b", 1],
        ["d", 1]
      ])
    })
  )

  it.scopedLive("in a file serves one gateway, and commands beside it", () =>
    Effect.gen(function* () {
      const path = join(yield* folder, "gateway.db")
      yield* open(sqlite(path))
      const refused = yield* Effect.flip(Effect.scoped(open(sqlite(path))))
      assert.strictEqual(
        refused.message,
        `DATABASE_URL: ${path} is in use by another gateway (pid ${process.pid}): stop that one, choose another file, or use PostgreSQL`
      )
      yield* open(sqlite(path), "/nowhere", false)
    })
  )

  it.scopedLive("that nobody named falls back to memory where its file cannot be used", () =>
    Effect.gen(function* () {
      const dir = yield* folder
      const first = yield* open({ _tag: "Default" }, dir)
      assert.strictEqual(Context.get(first, Database.Database).place, join(dir, "gateway.db"))
      const second = yield* open({ _tag: "Default" }, dir)
      assert.strictEqual(Context.get(second, Database.Database).kind, "memory")
    })
  )

  it.scopedLive("that nobody named and that has a key is needed: memory would let everybody in", () =>
    Effect.gen(function* () {
      const dir = yield* folder
      const first = yield* open({ _tag: "Default" }, dir)
      const kept = Effect.flatMap(KeyStore.make, (store) => store.add("alice", Key.noLimits))
      yield* Effect.provide(kept, first)
      const refused = yield* Effect.flip(Effect.scoped(open({ _tag: "Default" }, dir)))
      assert.include(refused.message, `DATABASE_URL: ${join(dir, "gateway.db")} is in use by another gateway`)
      // One that was revoked was a wish as well.
      yield* Effect.provide(
        Effect.flatMap(KeyStore.make, (store) => store.revoke("alice")),
        first
      )
      assert.isTrue(Either.isLeft(yield* Effect.either(Effect.scoped(open({ _tag: "Default" }, dir)))))
    })
  )

  it.scopedLive("in a file that cannot be written is refused by name, and left as it is", () =>
    Effect.gen(function* () {
      const path = join(yield* folder, "gateway.db")
      yield* Effect.scoped(open(sqlite(path)))
      const before = readFileSync(path)
      chmodSync(path, 0o444)
      chmodSync(dirname(path), 0o755)
      const refused = yield* asNobody(Effect.flip(Effect.scoped(open(sqlite(path)))))
      assert.match(refused.message, /^DATABASE_URL: .*gateway\.db cannot be written: EACCES/)
      assert.isTrue(readFileSync(path).equals(before))
    })
  )

  it.scoped("of a newer version is refused by name", () =>
    Effect.gen(function* () {
      const path = join(yield* folder, "gateway.db")
      const newer = Effect.flatMap(
        SqlClient.SqlClient,
        (sql) => sql`INSERT INTO gateway_migrations (migration_id, name) VALUES (9999, 'later')`
      )
      yield* Effect.scoped(Effect.flatMap(open(sqlite(path)), (context) => Effect.provide(newer, context)))
      const refused = yield* Effect.flip(open(sqlite(path)))
      assert.include(refused.message, "belongs to a newer version of the gateway")
    })
  )

  it.scoped("that is no database is refused by name", () =>
    Effect.gen(function* () {
      const path = join(yield* folder, "gateway.db")
      writeFileSync(path, "not a database, but long enough to be read as one, one would think".repeat(100))
      const refused = yield* Effect.flip(open(sqlite(path)))
      assert.match(refused.message, /^DATABASE_URL: .*gateway\.db cannot be used: /)
      assert.isTrue(existsSync(path))
    })
  )

  it.scoped("runs a transaction by itself: statements beside it wait, and an interrupt gives it back", () =>
    Effect.gen(function* () {
      const context = yield* open({ _tag: "Memory" })
      const test = Effect.gen(function* () {
        const sql = yield* SqlClient.SqlClient
        const begun = yield* Effect.makeLatch()
        const never = Effect.zipRight(begun.open, Effect.never)
        const held = yield* Effect.fork(
          Database.transaction(Effect.zipRight(sql`INSERT INTO counters VALUES ('x', 1)`, never))
        )
        yield* begun.await
        const beside = yield* Effect.fork(sql`SELECT name FROM counters WHERE name = 'x'`)
        const left = yield* Effect.fork(sql`SELECT 1`)
        yield* Effect.yieldNow()
        yield* Fiber.interrupt(left)
        yield* Fiber.interrupt(held)
        assert.deepStrictEqual(yield* Fiber.join(beside), [])
      })
      yield* Effect.provide(test, context)
    })
  )
})

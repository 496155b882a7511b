import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as SqlClient from "@effect/sql/SqlClient"
import { assert, describe, it } from "@effect/vitest"
import { Context, Duration, Effect, Exit, Layer, Queue, Scope } from "effect"
import * as SqliteClient from "../../../src/team/database/SqliteClient.ts"

const file = Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "sqlite-"))),
    (dir) => Effect.sync(() => rmSync(dir, { recursive: true, force: true }))
  ),
  (dir) => join(dir, "gateway.db")
)

describe("the thread of SQLite", () => {
  it.scopedLive("is asked no more than 10,000 statements at once; the others fail", () =>
    Effect.gen(function* () {
      const sql = Context.get(yield* Layer.build(SqliteClient.layer(":memory:")), SqlClient.SqlClient)
      const all = yield* Effect.forEach(
        Array.from({ length: 10_003 }, () => Effect.exit(sql`SELECT 1`)),
        (one) => one,
        { concurrency: "unbounded" }
      )
      const failed = all.filter(Exit.isFailure)
      assert.lengthOf(failed, 3)
      assert.include(String(failed[0]?.cause), "the database does not keep up")
      assert.deepStrictEqual(yield* sql`SELECT 1 AS one`, [{ one: 1 }])
    })
  )

  it.scopedLive("ends after what it was asked before, and in time where another process keeps the file locked", () =>
    Effect.gen(function* () {
      const path = yield* file
      const scope = yield* Scope.make()
      const sql = Context.get(yield* Layer.buildWithScope(SqliteClient.layer(path), scope), SqlClient.SqlClient)
      yield* sql`CREATE TABLE one (value INTEGER)`
      const other = Context.get(yield* Layer.build(SqliteClient.layer(path)), SqlClient.SqlClient)
      const written = yield* Effect.fork(sql`INSERT INTO one VALUES (1)`)
      yield* Effect.yieldNow()
      yield* Scope.close(scope, Exit.void)
      yield* Effect.flatten(written.await)
      assert.deepStrictEqual(yield* other`SELECT value FROM one`, [{ value: 1 }])
      const late = yield* Scope.make()
      const waits = Context.get(yield* Layer.buildWithScope(SqliteClient.layer(path), late), SqlClient.SqlClient)
      yield* other`BEGIN EXCLUSIVE`
      yield* Effect.fork(Effect.forEach([1, 2, 3, 4], (n) => Effect.exit(waits`INSERT INTO one VALUES (${n})`)))
      yield* Effect.yieldNow()
      const [took] = yield* Effect.timed(Scope.close(late, Exit.void))
      assert.isBelow(Duration.toMillis(took), 6000)
      yield* other`ROLLBACK`
    })
  )

  it.scopedLive("tells of a change by whomever, also after its table was altered, and of nothing else", () =>
    Effect.gen(function* () {
      const path = yield* file
      const context = yield* Layer.build(SqliteClient.layer(path))
      const sql = Context.get(context, SqlClient.SqlClient)
      const other = Context.get(yield* Layer.build(SqliteClient.layer(path)), SqlClient.SqlClient)
      yield* sql`CREATE TABLE one (value INTEGER)`
      const told = yield* Queue.unbounded<void>()
      const scope = yield* Scope.make()
      const watch = Context.get(context, SqliteClient.Watcher)
      yield* Scope.extend(
        watch("SELECT value FROM one", 5, () => told.unsafeOffer(undefined)),
        scope
      )
      // At first in any case.
      yield* told.take
      yield* sql`INSERT INTO one VALUES (1)`
      yield* told.take
      yield* other`UPDATE one SET value = 2`
      yield* told.take
      yield* other`UPDATE one SET value = 2`
      yield* other`ALTER TABLE one ADD COLUMN more INTEGER`
      yield* other`UPDATE one SET value = 3`
      yield* told.take
      // It holds nothing that others wait for.
      assert.deepInclude((yield* other`PRAGMA wal_checkpoint(TRUNCATE)`)[0], { busy: 0 })
      yield* other`DROP TABLE one`
      yield* told.take
      yield* other`CREATE TABLE one (value INTEGER)`
      yield* told.take
      yield* Scope.close(scope, Exit.void)
      yield* sql`INSERT INTO one VALUES (4)`
      // In the thread it comes after whatever was to be told.
      yield* sql`SELECT 1`
      assert.strictEqual(yield* told.size, 0)
    })
  )
})

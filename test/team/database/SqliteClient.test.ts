import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as SqlClient from "@effect/sql/SqlClient"
import { assert, describe, it } from "@effect/vitest"
import { Context, Duration, Effect, Exit, Layer, Scope } from "effect"
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
})

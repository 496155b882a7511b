import * as SqlClient from "@effect/sql/SqlClient"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, Either, Fiber, Layer, Redacted } from "effect"
import * as Database from "../../../src/team/database/Database.ts"
import * as PostgresClient from "../../../src/team/database/PostgresClient.ts"
import * as Postgres from "../../support/Postgres.ts"
import * as SilentProxy from "../../support/SilentProxy.ts"

const SILENCE = 400

describe("a PostgreSQL that falls silent without closing its connections", () => {
  it.scopedLive(
    "fails each statement, transaction and start in bounded time, and serves again once it answers",
    () =>
      Effect.gen(function* () {
        const server = yield* Postgres.make
        const proxy = yield* SilentProxy.make(yield* server.database("silent"))
        const open = Layer.build(PostgresClient.layer(Redacted.make(proxy.url), { silence: SILENCE }))
        const context = yield* open
        const sql = Context.get(context, SqlClient.SqlClient)
        const transaction = (value: number) =>
          Effect.provide(Database.transaction(sql`SELECT ${value}::int AS value`), context)
        const failed = (effect: Effect.Effect<unknown, unknown>) =>
          Effect.map(Effect.timeoutOption(Effect.disconnect(Effect.either(effect)), "10 seconds"), (exit) =>
            exit._tag === "Some" ? (Either.isLeft(exit.value) ? "failed" : "succeeded") : "waits"
          )
        yield* sql`CREATE TABLE one (value INT)`
        const begun = yield* Effect.makeLatch()
        const goOn = yield* Effect.makeLatch()
        const inside = yield* Effect.fork(
          failed(
            Effect.provide(
              Database.transaction(
                sql`INSERT INTO one VALUES (1)`.pipe(
                  Effect.zipRight(begun.open),
                  Effect.zipRight(goOn.await),
                  Effect.zipRight(sql`INSERT INTO one VALUES (2)`)
                )
              ),
              context
            )
          )
        )
        yield* begun.await
        yield* proxy.silence
        yield* goOn.open
        // More than there are connections.
        const all = yield* Effect.forEach(
          Array.from({ length: 20 }, (_, i) => i),
          (i) => failed(i % 2 === 0 ? sql`SELECT 1` : transaction(i)),
          { concurrency: "unbounded" }
        )
        assert.deepStrictEqual([...new Set(all)], ["failed"])
        assert.strictEqual(yield* Fiber.join(inside), "failed")
        assert.strictEqual(yield* failed(Effect.scoped(open)), "failed")
        yield* proxy.resume
        const rows = yield* Effect.retry(sql<{ readonly value: number }>`SELECT value FROM one`, { times: 8 })
        assert.deepStrictEqual(rows, [])
        assert.deepStrictEqual(yield* transaction(7), [{ value: 7 }])
      }),
    120_000
  )

  it.scopedLive(
    "lets nobody wait for the locks of a host that was cut off",
    () =>
      Effect.gen(function* () {
        const server = yield* Postgres.make
        const url = yield* server.database("locked")
        const context = yield* Layer.build(PostgresClient.layer(Redacted.make(url)))
        const sql = Context.get(context, SqlClient.SqlClient)
        const settings = sql<{ readonly name: string; readonly setting: string }>`
          SELECT name, setting FROM pg_settings
          WHERE name IN ('idle_in_transaction_session_timeout', 'statement_timeout') ORDER BY name`
        const values = (rows: ReadonlyArray<{ readonly setting: string }>) => rows.map(({ setting }) => setting)
        assert.deepStrictEqual(values(yield* Effect.provide(Database.transaction(settings), context)), [
          "15000",
          "15000"
        ])
        assert.deepStrictEqual(values(yield* settings), ["0", "0"])
      }),
    60_000
  )

  it.scopedLive(
    "is waited for longer while the tables are brought up to date",
    () =>
      Effect.gen(function* () {
        const server = yield* Postgres.make
        const url = Redacted.make(yield* server.database("slow"))
        const context = yield* Layer.build(PostgresClient.layer(url))
        const sql = Context.get(context, SqlClient.SqlClient)
        const begun = yield* Effect.makeLatch()
        // Another gateway makes the tables, and takes its time.
        const other = sql`CREATE TABLE gateway_migrations (id INT)`.pipe(
          Effect.zipRight(begun.open),
          Effect.zipRight(sql`SELECT pg_sleep(4)`),
          Effect.zipRight(Effect.fail("over" as const)),
          sql.withTransaction
        )
        yield* Effect.fork(other)
        yield* begun.await
        const database = Database.layer(
          { _tag: "Postgres", url },
          { workDir: "/nowhere", isServing: true, silence: SILENCE }
        )
        assert.isTrue(yield* Effect.isSuccess(Layer.build(database)))
      }),
    60_000
  )
})

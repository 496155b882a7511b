import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as Reactivity from "@effect/experimental/Reactivity"
import * as SqlClient from "@effect/sql/SqlClient"
import * as Statement from "@effect/sql/Statement"
import { assert, describe, it, layer } from "@effect/vitest"
import { Context, Duration, Effect, Exit, Fiber, Layer, Option, Redacted, Scope, TestClock } from "effect"
import { GatewayConfig } from "../../../src/config/Config.ts"
import type { DatabaseUrl } from "../../../src/config/DatabaseUrl.ts"
import * as Database from "../../../src/team/database/Database.ts"
import * as SqliteClient from "../../../src/team/database/SqliteClient.ts"
import { KeptResponses } from "../../../src/team/responses/KeptResponses.ts"
import * as Postgres from "../../support/Postgres.ts"

class Places extends Context.Tag("test/Places")<
  Places,
  { readonly url: (kind: "sqlite" | "postgres") => Effect.Effect<DatabaseUrl> }
>() {}

const places = Layer.scoped(
  Places,
  Effect.gen(function* () {
    const postgres = yield* Postgres.make
    const dir = yield* Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "kept-"))),
      (dir) => Effect.sync(() => rmSync(dir, { recursive: true, force: true }))
    )
    let made = 0
    return {
      url: (kind: "sqlite" | "postgres") =>
        kind === "sqlite"
          ? Effect.sync((): DatabaseUrl => ({ _tag: "Sqlite", path: join(dir, `${++made}.db`) }))
          : Effect.map(
              postgres.database(`kept_${++made}`),
              (url): DatabaseUrl => ({ _tag: "Postgres", url: Redacted.make(url) })
            )
    }
  })
)

/** A gateway's share of the database: closing its scope writes what waits. */
const gateway = (url: DatabaseUrl, responsesStore = 100) =>
  Layer.build(
    KeptResponses.layer.pipe(
      Layer.provideMerge(Database.layer(url, { workDir: "/nowhere", isServing: true })),
      Layer.provide(GatewayConfig.layer({ responsesStore }))
    )
  )
const using = <A, E>(
  url: DatabaseUrl,
  use: (kept: Context.Tag.Service<typeof KeptResponses>) => Effect.Effect<A, E, SqlClient.SqlClient>,
  responsesStore?: number
) =>
  Effect.scoped(
    Effect.flatMap(gateway(url, responsesStore), (context) =>
      Effect.provide(Effect.flatMap(KeptResponses, use), context)
    )
  )
const gone = (id: string) => ({ id, body: undefined })
const body = (id: string) => ({ id, body: JSON.stringify({ items: [], id }) })

describe("kept responses", () => {
  it.scoped("are waited for once, however many items are looked for, while the database says nothing", () =>
    Effect.gen(function* () {
      const silent = SqlClient.make({
        acquirer: Effect.never,
        compiler: Statement.makeCompilerSqlite(),
        spanAttributes: []
      })
      const kept = yield* Effect.provide(KeptResponses, KeptResponses.layer).pipe(
        Effect.provide([
          Layer.provide(Layer.effect(SqlClient.SqlClient, silent), Reactivity.layer),
          Layer.succeed(Database.Database, { kind: "postgres", place: "", host: "h" }),
          GatewayConfig.layer({ responsesStore: 100 })
        ])
      )
      const items = Array.from({ length: 5000 }, (_, i) => `msg_${i}`)
      const asked = yield* Effect.fork(kept.holding("ann", items))
      let seconds = 0
      while (seconds < 20 && Option.isNone(yield* Fiber.poll(asked))) {
        yield* TestClock.adjust("1 second")
        seconds++
      }
      assert.isAtMost(seconds, 3)
      assert.deepStrictEqual(yield* Fiber.join(asked), [])
    })
  )

  it.scopedLive(
    "are seen by another host that asks for them at once, and gone there when they are removed",
    () =>
      Effect.gen(function* () {
        const server = yield* Postgres.make
        const url: DatabaseUrl = { _tag: "Postgres", url: Redacted.make(yield* server.database("hosts")) }
        const hosts = yield* Effect.all([gateway(url), gateway(url)])
        const [here, there] = yield* Effect.forEach(hosts, (context) => Effect.provide(KeptResponses, context))
        assert.isTrue(here !== undefined && there !== undefined)
        for (let i = 0; i < 20; i++) {
          here!.put("A", body(`resp_${i}`), [`msg_${i}`])
          assert.deepStrictEqual(yield* there!.find("A", [`resp_${i}`]), [body(`resp_${i}`)])
          here!.put("A", body(`conv_${i}`), [`item_${i}`])
          assert.deepStrictEqual(yield* there!.holding("A", [`item_${i}`]), [body(`conv_${i}`)])
        }
        here!.remove("A", "conv_1")
        yield* here!.settled("A")
        assert.deepStrictEqual(yield* there!.removed("A", ["conv_1", "conv_2"]), ["conv_1"])
        // It still had it, and goes on with it.
        there!.put("A", body("conv_1"), ["item_1"])
        there!.put("A", body("conv_2"), ["item_2"])
        yield* there!.settled("A")
        for (const host of [here!, there!]) {
          assert.deepStrictEqual(yield* host.find("A", ["conv_1"]), [gone("conv_1")])
          assert.deepStrictEqual(yield* host.holding("A", ["item_1", "item_2"]), [body("conv_2")])
        }
      }),
    60_000
  )

  it.scopedLive(
    "wait for a database in bounded number, the newest, and hold nobody up at the end",
    () =>
      Effect.gen(function* () {
        const dir = yield* Effect.acquireRelease(
          Effect.sync(() => mkdtempSync(join(tmpdir(), "kept-"))),
          (dir) => Effect.sync(() => rmSync(dir, { recursive: true, force: true }))
        )
        const path = join(dir, "gateway.db")
        const url: DatabaseUrl = { _tag: "Sqlite", path }
        yield* using(
          url,
          (kept) =>
            Effect.gen(function* () {
              const sql = yield* SqlClient.SqlClient
              for (let i = 0; i < 1003; i++) kept.put("A", body(`r${i}`), [])
              yield* Effect.repeat(sql`SELECT id FROM kept_responses WHERE id = 'r1002'`, {
                until: (rows) => rows.length > 0
              })
            }),
          9000
        )
        yield* using(
          url,
          (kept) =>
            Effect.map(kept.find("A", ["r0", "r2", "r3", "r1002"]), (found) =>
              assert.deepStrictEqual(found.map(({ id }) => id).sort(), ["r1002", "r3"])
            ),
          9000
        )
        const scope = yield* Scope.make()
        const kept = yield* Effect.provide(KeptResponses, yield* Scope.extend(gateway(url, 9000), scope))
        const other = Context.get(yield* Layer.build(SqliteClient.layer(path)), SqlClient.SqlClient)
        yield* other`BEGIN EXCLUSIVE`
        kept.put("A", body("late"), [])
        const [asking] = yield* Effect.timed(kept.find("A", ["r3", "late"]))
        assert.isBelow(Duration.toMillis(asking), 4000)
        const [ending] = yield* Effect.timed(Scope.close(scope, Exit.void))
        assert.isBelow(Duration.toMillis(ending), 8000)
        yield* other`ROLLBACK`
      }),
    60_000
  )

  layer(places, { timeout: 120_000, excludeTestServices: true })((it) => {
    for (const kind of ["sqlite", "postgres"] as const) {
      it.scoped(`keep on ${kind} the items that an earlier version wrote`, () =>
        Effect.gen(function* () {
          const url = yield* Effect.flatMap(Places, (places) => places.url(kind))
          const before = Effect.gen(function* () {
            const sql = yield* SqlClient.SqlClient
            yield* sql`DROP TABLE kept_items`
            yield* sql`DROP TABLE kept_responses`
            yield* sql`DROP TABLE hosts`
            for (const column of ["error", "login_ms"])
              yield* sql`ALTER TABLE chats DROP COLUMN ${sql(column)}`.withoutTransform
            yield* sql`DELETE FROM gateway_migrations WHERE migration_id > 1`
            yield* sql`CREATE TABLE kept_responses (
              key_id TEXT NOT NULL, id TEXT NOT NULL, bytes BIGINT NOT NULL, written_at BIGINT NOT NULL,
              items TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (key_id, id))`
            yield* sql`CREATE INDEX kept_responses_written_at ON kept_responses (written_at, id, key_id, bytes)`
            const row = (id: string, items: string) => ({ keyId: "A", bytes: 9, writtenAt: 1, items, ...body(id) })
            yield* sql`INSERT INTO kept_responses ${sql.insert([row("a", " i1 i2 i2 "), row("b", "  ")])}`
          })
          yield* using(url, () => before)
          yield* using(url, (kept) =>
            Effect.gen(function* () {
              assert.deepStrictEqual(yield* kept.holding("A", ["i2"]), [body("a")])
              assert.deepStrictEqual(yield* kept.find("A", ["b"]), [body("b")])
            })
          )
        })
      )

      it.scoped(`outlive a restart on ${kind}, for their own key only`, () =>
        Effect.gen(function* () {
          const url = yield* Effect.flatMap(Places, (places) => places.url(kind))
          yield* using(url, (kept) => Effect.sync(() => kept.put("A", body("resp_1"), ["msg_1", "msg_2"])))
          yield* using(url, (kept) =>
            Effect.gen(function* () {
              assert.deepStrictEqual(yield* kept.find("A", ["resp_1", "resp_2"]), [body("resp_1")])
              assert.deepStrictEqual(yield* kept.holding("A", ["msg_2"]), [body("resp_1")])
              assert.deepStrictEqual(yield* kept.holding("A", ["msg_3", "%"]), [])
              assert.deepStrictEqual(yield* kept.find("B", ["resp_1"]), [])
              assert.deepStrictEqual(yield* kept.holding("B", ["msg_2"]), [])
              kept.remove("B", "resp_1")
            })
          )
          yield* using(url, (kept) =>
            Effect.gen(function* () {
              assert.deepStrictEqual(yield* kept.find("A", ["resp_1"]), [body("resp_1")])
              kept.remove("A", "resp_1")
              assert.deepStrictEqual(yield* kept.find("A", ["resp_1"]), [gone("resp_1")])
            })
          )
          yield* using(url, (kept) =>
            Effect.gen(function* () {
              assert.deepStrictEqual(yield* kept.find("A", ["resp_1"]), [gone("resp_1")])
              assert.deepStrictEqual(yield* kept.holding("A", ["msg_2"]), [])
            })
          )
        })
      )

      it.scoped(`are found on ${kind} before they are written, as the last change left them`, () =>
        Effect.gen(function* () {
          const url = yield* Effect.flatMap(Places, (places) => places.url(kind))
          yield* using(url, (kept) =>
            Effect.gen(function* () {
              kept.put("A", body("conv_1"), ["msg_1"])
              const sql = yield* SqlClient.SqlClient
              yield* Effect.repeat(sql`SELECT id FROM kept_responses`, { until: (rows) => rows.length > 0 })
              kept.put("A", { id: "conv_1", body: "{}" }, ["msg_1", "msg_2"])
              assert.deepStrictEqual(yield* kept.find("A", ["conv_1"]), [{ id: "conv_1", body: "{}" }])
              assert.deepStrictEqual(yield* kept.holding("A", ["msg_1"]), [{ id: "conv_1", body: "{}" }])
            })
          )
        })
      )

      it.scoped(`are no more on ${kind} than RESPONSES_STORE says: the newest`, () =>
        Effect.gen(function* () {
          const url = yield* Effect.flatMap(Places, (places) => places.url(kind))
          for (const id of ["a", "b", "c", "d"]) {
            yield* using(url, (kept) => Effect.sync(() => kept.put("A", body(id), [])), 2)
          }
          const left = yield* using(url, (kept) => kept.find("A", ["a", "b", "c", "d"]), 2)
          assert.deepStrictEqual(left.map(({ id }) => id).sort(), ["c", "d"])
        })
      )
    }
  })
})

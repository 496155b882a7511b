import * as SqlClient from "@effect/sql/SqlClient"
import { assert, describe, it, layer } from "@effect/vitest"
import { Context, Effect, Layer, Redacted } from "effect"
import type { DatabaseUrl } from "../../../src/config/DatabaseUrl.ts"
import * as Database from "../../../src/team/database/Database.ts"
import * as HostTable from "../../../src/team/hosts/HostTable.ts"
import * as Postgres from "../../support/Postgres.ts"

class Server extends Context.Tag("test/Postgres")<Server, Postgres.Postgres>() {}

const open = (url: DatabaseUrl) => Layer.build(Database.layer(url, { workDir: "/nowhere", isServing: true }))

const presence = (id: string, run = `${id}-1`): HostTable.Presence => ({
  id,
  run,
  url: `http://${id}:8370`,
  version: "0.4.0",
  settings: "0123456789ab",
  isReady: id !== "b",
  inFlight: 3,
  accounts: [{ digest: "d", name: "a***e" }]
})

const told = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const table = HostTable.make(sql)
  assert.deepStrictEqual(yield* table.list, [])
  assert.isFalse(yield* table.write(presence("b"), true))
  assert.isFalse(yield* table.write(presence("a"), true))
  const list = yield* table.list
  assert.deepStrictEqual(
    list.map(({ age: _, ...rest }) => rest),
    [presence("a"), presence("b")]
  )
  for (const { age } of list) assert.isBelow(age, 60_000)

  assert.isFalse(yield* table.write({ ...presence("a"), inFlight: 7 }, false))
  assert.strictEqual((yield* table.list)[0]?.inFlight, 7)
  // Started anew, which is no fault; then the one before writes all the same.
  assert.isFalse(yield* table.write(presence("a", "a-2"), true))
  assert.isTrue(yield* table.write(presence("a"), false))
  // Only its own row.
  yield* table.leave("a", "a-2")
  assert.strictEqual((yield* table.list).length, 2)
  yield* table.leave("a", "a-1")
  assert.deepStrictEqual(
    (yield* table.list).map(({ id }) => id),
    ["b"]
  )

  // One that is silent grows old, and is forgotten after an hour.
  yield* sql`UPDATE hosts SET seen_at = seen_at - ${100_000} WHERE id = 'b'`
  yield* table.write(presence("c"), true)
  const [old] = yield* table.list
  assert.isAtLeast(old?.age ?? 0, 100_000)
  yield* sql`UPDATE hosts SET seen_at = seen_at - ${3_600_000} WHERE id = 'b'`
  yield* table.write(presence("c"), false)
  assert.deepStrictEqual(
    (yield* table.list).map(({ id }) => id),
    ["c"]
  )
  for (let i = 0; i < 70; i++) yield* table.write(presence(`h${i}`), true)
  assert.strictEqual((yield* table.list).length, 64)
})

describe("hosts that share a SQLite database", () => {
  it.scopedLive("are told with what they last said, grow old, and are forgotten", () =>
    Effect.flatMap(open({ _tag: "Memory" }), (context) => Effect.provide(told, context))
  )
})

layer(Layer.scoped(Server, Postgres.make), { timeout: "60 seconds", excludeTestServices: true })(
  "hosts that share a PostgreSQL",
  (it) => {
    it.scoped("are told with what they last said, grow old, and are forgotten", () =>
      Effect.gen(function* () {
        const server = yield* Server
        const url = Redacted.make(yield* server.database("hosts"))
        yield* Effect.provide(told, yield* open({ _tag: "Postgres", url }))
      })
    )
  }
)

import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as SqlClient from "@effect/sql/SqlClient"
import { assert, describe, it, layer } from "@effect/vitest"
import { Clock, Context, Duration, Effect, Exit, Layer, Redacted, Scope } from "effect"
import type { DatabaseUrl } from "../../../src/config/DatabaseUrl.ts"
import * as Days from "../../../src/domain/usage/Days.ts"
import { ChatRecorder } from "../../../src/observe/ChatRecorder.ts"
import * as MetricKeys from "../../../src/observe/MetricKeys.ts"
import * as SqliteClient from "../../../src/team/database/SqliteClient.ts"
import * as Batch from "../../../src/team/ledger/Batch.ts"
import { Ledger } from "../../../src/team/ledger/Ledger.ts"
import * as Retention from "../../../src/team/ledger/Retention.ts"
import * as Rows from "../../../src/team/ledger/Rows.ts"
import * as Figures from "../../support/Figures.ts"
import * as LedgerChats from "../../support/LedgerChats.ts"
import * as LogLines from "../../support/LogLines.ts"
import * as Postgres from "../../support/Postgres.ts"

const { chat } = LedgerChats
const days = Days.make("UTC")

const file = Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "ledger-"))),
    (dir) => Effect.sync(() => rmSync(dir, { recursive: true, force: true }))
  ),
  (dir): DatabaseUrl & { readonly _tag: "Sqlite" } => ({ _tag: "Sqlite", path: join(dir, "gateway.db") })
)

const writes = Effect.gen(function* () {
  const { flush, record } = yield* Ledger
  const { record: told } = yield* ChatRecorder
  record(chat())
  record(chat({ caller: { id: "k2", name: "bob", weight: 1 }, outcome: "failed", errorCode: "upstream_error" }))
  // Whoever is told of chats tells the ledger.
  told(chat({ outcome: "rejected", errorCode: "backpressure", answer: undefined, account: undefined }))
  for (let i = 0; i < 1200; i++) record(chat({ outcome: "cancelled" }))
  yield* flush
  const sql = yield* SqlClient.SqlClient
  assert.deepStrictEqual(yield* LedgerChats.count, [1203, 1203, 1203])
  const [failed] = yield* sql<Rows.ChatRow>`SELECT * FROM chats WHERE outcome = 'failed'`
  assert.deepInclude(failed, {
    requestId: "req-1",
    keyId: "k2",
    keyName: "bob",
    client: "curl",
    dialect: "messages",
    isStream: 1,
    modelAsked: "auto",
    model: "qwen",
    instance: "inst-0",
    errorCode: "upstream_error",
    promptTokens: 7,
    completionTokens: 30,
    reasoningTokens: 10,
    usageSource: "reported",
    queueMs: 1.5,
    firstTokenMs: 20.12,
    totalMs: 100,
    retries: 0,
    toolCalls: 1
  })
  assert.strictEqual(failed?.account, Rows.masked("ann@example.com"))
  assert.approximately(failed?.endedAt ?? 0, yield* Clock.currentTimeMillis, 60_000)
  const sums = yield* sql<Rows.Figures & Rows.By>`SELECT * FROM usage_days ORDER BY key_name, model`
  assert.lengthOf(sums, 3)
  assert.deepInclude(sums[0], { keyName: "ann", model: "none", account: "none", requests: 1, rejected: 1 })
  assert.deepInclude(sums[1], {
    keyName: "ann",
    model: "qwen",
    requests: 1201,
    completed: 1,
    cancelled: 1200,
    failed: 0,
    rejected: 0,
    promptTokens: 7 * 1201,
    completionTokens: 30 * 1201,
    reasoningTokens: 10 * 1201
  })
})

const twice = Effect.gen(function* () {
  const endedAt = Date.parse("2026-11-28T10:00:00Z")
  const rows = ["a", "b", "c"].map((id) => Rows.of(chat({ endedAt, id: `twice-${id}` }), "here"))
  const before = yield* LedgerChats.count
  assert.strictEqual(yield* Batch.write(rows.slice(0, 2), days), 2)
  // Nobody knows whether the first was written: all is written again.
  assert.strictEqual(yield* Batch.write(rows, days), 1)
  assert.strictEqual(yield* Batch.write(rows, days), 0)
  assert.deepStrictEqual(
    yield* LedgerChats.count,
    before.map((n) => n + 3)
  )
})

const removes = Effect.gen(function* () {
  const now = yield* Clock.currentTimeMillis
  const day = 86_400_000
  const rows = Array.from({ length: 1300 }, (_, i) =>
    Rows.of(chat({ id: `old-${i}`, endedAt: now - (i % 130) * day }), "here")
  )
  yield* Batch.write(rows, days)
  yield* Retention.apply({ days: 90 })
  const sql = yield* SqlClient.SqlClient
  const [oldest] = yield* sql<{ readonly at: number }>`SELECT MIN(ended_at) AS at FROM chats WHERE id LIKE 'old-%'`
  const [hour] = yield* sql<{ readonly at: number }>`SELECT MIN(started_at) AS at FROM usage_hours`
  assert.isAtLeast(Number(oldest?.at), now - 90 * day)
  assert.isAtLeast(Number(hour?.at), now - 91 * day)
  const [first] = yield* sql<{ readonly day: string }>`SELECT MIN(day) AS day FROM usage_days`
  assert.strictEqual(first?.day, days.of(now - 129 * day))
  yield* Retention.apply({ days: 90, mostChats: 700 })
  assert.strictEqual((yield* LedgerChats.count)[0], 700)
})

class Server extends Context.Tag("test/Postgres")<Server, Postgres.Postgres>() {}
const newDatabase = (name: string) =>
  Effect.map(
    Effect.flatMap(Server, ({ database }) => database(name)),
    (url): DatabaseUrl => ({ _tag: "Postgres", url: Redacted.make(url) })
  )

describe("The ledger", () => {
  layer(Layer.scoped(Server, Postgres.make), { timeout: 240_000, excludeTestServices: true })((it) => {
    it.scoped(
      "on PostgreSQL writes a row for each chat and its sums, none twice, and removes what is old",
      () =>
        Effect.gen(function* () {
          const context = yield* Layer.build(LedgerChats.layer(yield* newDatabase("rows")))
          yield* Effect.provide(writes, context)
          yield* Effect.provide(twice, context)
          yield* Effect.provide(removes, context)
        }),
      120_000
    )

    it.scoped(
      "on PostgreSQL loses nothing when the server is killed and comes back under load",
      () =>
        Effect.gen(function* () {
          const url = yield* newDatabase("killed")
          const { layer: logging, lines } = LogLines.listening()
          const context = yield* Layer.build(Layer.provide(LedgerChats.layer(url), logging))
          const { flush, record, stats } = Context.get(context, Ledger)
          const server = yield* Server
          const load = Effect.sync(() => record(chat())).pipe(
            Effect.zipRight(Effect.sleep("1 millis")),
            Effect.repeatN(299)
          )
          for (let round = 0; round < 3; round++) {
            const [, told] = yield* Effect.all([load, Effect.delay(server.kill, "100 millis")], {
              concurrency: "unbounded"
            }).pipe(
              Effect.zipRight(load),
              Effect.map(() => [undefined, stats()] as const)
            )
            assert.isAbove(told.waiting, 0)
            yield* server.start
            yield* flush
          }
          assert.deepStrictEqual(yield* Effect.provide(LedgerChats.count, context), [1800, 1800, 1800])
          assert.strictEqual(stats().lost, 0)
          // Once a minute, however often it fails.
          assert.lengthOf(
            lines.filter(({ message }) => message === "the ledger is not written"),
            1
          )
        }),
      180_000
    )

    it.scoped(
      "on PostgreSQL adds up what two gateways write at once",
      () =>
        Effect.gen(function* () {
          const url = yield* newDatabase("two")
          const contexts = [yield* Layer.build(LedgerChats.layer(url)), yield* Layer.build(LedgerChats.layer(url))]
          const names = ["ann", "bob", "cem", "dora"]
          for (let i = 0; i < 2000; i++) {
            const name = names[i % 4]!
            for (const context of contexts)
              Context.get(context, Ledger).record(chat({ caller: { id: name, name, weight: 1 } }))
          }
          yield* Effect.all(
            contexts.map((context) => Context.get(context, Ledger).flush),
            { concurrency: "unbounded" }
          )
          assert.deepStrictEqual(yield* Effect.provide(LedgerChats.count, contexts[0]!), [4000, 4000, 4000])
        }),
      120_000
    )
  })

  it.scopedLive("in memory writes a row for each chat and its sums, none twice, and removes what is old", () =>
    Effect.gen(function* () {
      const context = yield* Layer.build(LedgerChats.layer())
      yield* Effect.provide(writes, context)
      yield* Effect.provide(twice, context)
      yield* Effect.provide(removes, context)
    })
  )

  it.scopedLive("keeps what a locked database does not take, up to its bound, and tells of it once", () =>
    Effect.gen(function* () {
      const url = yield* file
      const { layer: logging, lines } = LogLines.listening()
      const context = yield* Layer.build(Layer.provide(LedgerChats.layer(url, { capacity: 10 }), logging))
      const { flush, record, stats } = Context.get(context, Ledger)
      const other = Context.get(yield* Layer.build(SqliteClient.layer(url.path)), SqlClient.SqlClient)
      yield* other`BEGIN EXCLUSIVE`
      for (let i = 0; i < 15; i++) record(chat())
      assert.deepStrictEqual(stats(), { waiting: 10, lost: 5 })
      // Until the first try has failed, and the second as well: each waits for the lock.
      yield* Effect.sleep("20 millis").pipe(Effect.repeat({ until: () => lines.length > 0 }))
      yield* Effect.sleep("2500 millis")
      assert.deepStrictEqual(stats(), { waiting: 10, lost: 5 })
      assert.strictEqual(lines[0]?.annotations["reason"], "database is locked")
      yield* other`COMMIT`
      yield* flush
      assert.deepStrictEqual(yield* Effect.provide(LedgerChats.count, context), [10, 10, 10])
      assert.lengthOf(
        lines.filter(({ message }) => message === "the ledger is not written"),
        1
      )
      assert.strictEqual(yield* Effect.provide(Figures.value(MetricKeys.ledgerLost), context), 5)
    })
  )

  it.scopedLive("keeps what does not fit on a full disk until there is room", () =>
    Effect.gen(function* () {
      const context = yield* Layer.build(LedgerChats.layer(yield* file))
      const { flush, record, stats } = Context.get(context, Ledger)
      const sql = Context.get(context, SqlClient.SqlClient)
      record(chat())
      yield* flush
      yield* sql`PRAGMA max_page_count = 1`
      for (let i = 0; i < 2000; i++) record(chat())
      yield* Effect.sleep("200 millis")
      assert.isAbove(stats().waiting, 0)
      yield* sql`PRAGMA max_page_count = 1000000`
      yield* flush
      assert.deepStrictEqual(yield* Effect.provide(LedgerChats.count, context), [2001, 2001, 2001])
    })
  )

  it.scopedLive("writes at its end what is left", () =>
    Effect.gen(function* () {
      const url = yield* file
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(LedgerChats.layer(url, { interval: "1 hour" }), scope)
      for (let i = 0; i < 5000; i++) Context.get(context, Ledger).record(chat())
      yield* Scope.close(scope, Exit.void)
      const next = yield* Layer.build(LedgerChats.layer(url))
      assert.deepStrictEqual(yield* Effect.provide(LedgerChats.count, next), [5000, 5000, 5000])
    })
  )

  it.scopedLive("ends in time, and says what was lost, when the database is locked at its end", () =>
    Effect.gen(function* () {
      const url = yield* file
      const { layer: logging, lines } = LogLines.listening()
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(Layer.provide(LedgerChats.layer(url), logging), scope)
      const other = Context.get(yield* Layer.build(SqliteClient.layer(url.path)), SqlClient.SqlClient)
      yield* other`BEGIN EXCLUSIVE`
      for (let i = 0; i < 7; i++) Context.get(context, Ledger).record(chat())
      const [took] = yield* Effect.timed(Scope.close(scope, Exit.void))
      assert.isBelow(Duration.toMillis(took), 6000)
      assert.deepInclude(
        lines.find(({ message }) => message === "the ledger was not written to its end")?.annotations,
        {
          lost: 7
        }
      )
      yield* other`ROLLBACK`
    })
  )
})

describe("A row of the ledger", () => {
  it("has no account by its full name, and nothing that looks like a secret", () => {
    const row = Rows.of(
      chat({
        account: "ann.smith@example.com",
        modelAsked: "sk-abcdefghijklmnop",
        caller: { id: "k1", name: "the\u0000 name \ud800", weight: 1 }
      }),
      "here"
    )
    const text = JSON.stringify(row)
    for (const secret of ["smith", "example.com", "abcdefghij"]) assert.notInclude(text, secret)
    assert.strictEqual(row.account?.slice(0, 3), "an…")
    assert.notStrictEqual(row.account, Rows.masked("ann.smyth@example.com"))
    // PostgreSQL takes neither.
    assert.strictEqual(row.keyName, "the  name \ufffd")
  })

  it("has whole figures, whatever a clock or an upstream says", () => {
    const answer = { ...LedgerChats.answer, promptTokens: Number.NaN, completionTokens: -3, firstTokenMillis: Infinity }
    assert.deepInclude(Rows.of(chat({ answer, millis: -1 }), "here"), {
      promptTokens: 0,
      completionTokens: 0,
      firstTokenMs: 0,
      totalMs: 0
    })
  })
})

import * as SqlClient from "@effect/sql/SqlClient"
import { assert, describe, it, layer } from "@effect/vitest"
import { Context, Duration, Effect, Layer, Redacted } from "effect"
import * as Days from "../../../src/domain/usage/Days.ts"
import type { ChatRecord } from "../../../src/observe/Metrics.ts"
import * as Batch from "../../../src/team/ledger/Batch.ts"
import { ChatHistory, type Filter, type Place } from "../../../src/team/ledger/ChatHistory.ts"
import * as Rows from "../../../src/team/ledger/Rows.ts"
import * as LedgerChats from "../../support/LedgerChats.ts"
import * as Postgres from "../../support/Postgres.ts"

const { answer, chat } = LedgerChats
const start = Date.parse("2026-11-28T10:00:00Z")
const MINUTE = 60_000

/** Several end within one millisecond. */
const given: ReadonlyArray<Partial<ChatRecord>> = Array.from({ length: 40 }, (_, i) => ({
  id: `a_-${i}`,
  requestId: `req-${i === 7 ? "100%_\\" : i}`,
  endedAt: start + Math.floor(i / 4) * MINUTE,
  outcome: i % 10 === 0 ? ("failed" as const) : ("completed" as const),
  ...(i % 10 === 0 ? { errorCode: "upstream_error", error: "Lingma: boom" } : {}),
  instance: i % 2 === 0 ? "inst-0" : "inst-1",
  loginMillis: i === 1 ? 12.345 : undefined,
  answer: i % 10 === 0 ? undefined : { ...answer, firstTokenMillis: 100, completionTokens: 10, promptTokens: 5 },
  ...(i === 3 ? { caller: { id: "k9", name: "'; DROP TABLE chats; --", weight: 1 } } : {})
}))

const reads = Effect.gen(function* () {
  const history = yield* ChatHistory.make
  yield* Batch.write(
    given.map((more) => Rows.of(chat(more), history.host)),
    Days.make("UTC")
  )
  yield* Batch.write([Rows.of(chat({ id: "b-1", endedAt: start, instance: "inst-0" }), "elsewhere")], Days.make("UTC"))
  const pages = Effect.fnUntraced(function* (filter: Filter, limit: number) {
    const found: Array<string> = []
    let before: Place | undefined
    for (let i = 0; i < 50; i++) {
      const page = yield* history.page(filter, before, limit)
      found.push(...page.rows.map(({ id }) => id))
      before = page.searched
      if (before === undefined) return found
    }
    return assert.fail("no end of pages")
  })

  // Each once, the newest first, whatever the size of a page.
  const all = yield* pages({}, 500)
  assert.lengthOf(all, 41)
  for (const limit of [1, 3, 4, 7, 41]) assert.deepStrictEqual(yield* pages({}, limit), all)
  const times = (yield* history.page({}, undefined, 500)).rows.map(({ endedAt }) => endedAt)
  assert.deepStrictEqual(
    times,
    times.toSorted((a, b) => b - a)
  )

  assert.lengthOf(yield* pages({ outcome: "failed" }, 3), 4)
  assert.lengthOf(yield* pages({ instance: "inst-1" }, 7), 20)
  assert.deepStrictEqual(yield* pages({ key: "'; DROP TABLE chats; --" }, 7), ["a_-3"])
  assert.deepStrictEqual(yield* pages({ id: "100%_\\" }, 7), ["a_-7"], "what a pattern is made of is itself")
  assert.lengthOf(yield* pages({ id: "a_-1" }, 7), 11)
  assert.lengthOf(yield* pages({ model: "qwen" }, 7), 37)
  assert.lengthOf(yield* pages({ since: start + MINUTE, until: start + 2 * MINUTE }, 3), 4)

  const failed = yield* history.find("a_-10")
  assert.deepInclude(failed, { outcome: "failed", error: "Lingma: boom", errorCode: "upstream_error", isStream: 1 })
  assert.strictEqual((yield* history.find("a_-1"))?.loginMs, 12.35)
  assert.isUndefined(yield* history.find("a_-41"))

  const sums = yield* history.byInstance({ from: start, until: start + 10 * MINUTE })
  assert.deepStrictEqual(
    sums.toSorted((a, b) => (a.instance < b.instance ? -1 : 1)),
    [
      { instance: "inst-0", chats: 20, tokens: 16 * 15 },
      { instance: "inst-1", chats: 20, tokens: 20 * 15 }
    ]
  )
  const steps = yield* history.steps({ from: start, until: start + 10 * MINUTE }, 2 * MINUTE, [10, 50, 100, 200])
  const completed = steps.filter(({ outcome }) => outcome === "completed")
  assert.strictEqual(
    steps.reduce((sum, { chats }) => sum + chats, 0),
    40
  )
  assert.deepStrictEqual([...new Set(completed.map(({ bucket }) => bucket))], [2])
  assert.isTrue(steps.every(({ at }) => (at - start) % (2 * MINUTE) === 0))
  assert.deepInclude(
    steps.find(({ outcome }) => outcome === "failed"),
    { bucket: -1, chats: 1, tokens: 0 }
  )
})

const columns = `id, request_id, ended_at, host, key_id, key_name, client, dialect, is_stream, model_asked, model, instance,
  account, outcome, prompt_tokens, completion_tokens, reasoning_tokens, usage_source, queue_ms, first_token_ms, total_ms,
  retries, tool_calls`
const values = `'row-' || i, 'req-' || i, ${start} - i * 1000, 'here', 'k', 'key-' || (i % 100), 'curl', 'responses', 1,
  'auto', 'qwen', 'inst-0', NULL, 'completed', 10, 10, 0, 'reported', 0, 500, 9000, 0, 0`

/** A million chats, one a second. */
const filled = Effect.flatMap(SqlClient.SqlClient, (sql) =>
  sql.onDialectOrElse({
    // In parts: a statement that takes longer than its connection may be silent is given up. It analyses by itself, too,
    // some time later.
    pg: () =>
      Effect.zipRight(
        Effect.forEach(
          Array.from({ length: 20 }, (_, part) => part * 50_000),
          (first) =>
            sql.unsafe(
              `INSERT INTO chats (${columns}) SELECT ${values} FROM generate_series(${first}, ${first + 49_999}) AS i`
            ),
          { discard: true }
        ),
        sql`ANALYZE chats`
      ),
    orElse: () =>
      sql.unsafe(`WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 999999)
        INSERT INTO chats (${columns}) SELECT ${values} FROM n`)
  })
)

/** Its own, and the database's, on a machine that may do something else meanwhile. */
const MOST_MILLIS = 250

const timed = (name: string) =>
  Effect.gen(function* () {
    yield* filled
    const history = yield* ChatHistory.make
    const cases: ReadonlyArray<readonly [string, Filter, Place | undefined]> = [
      ["the newest", {}, undefined],
      ["far back", {}, { endedAt: start - 900_000_000, id: "row-900000" }],
      ["of one key", { key: "key-7" }, undefined],
      ["of nobody", { key: "nobody" }, undefined],
      ["by a text", { id: "req-4242" }, undefined],
      ["of a day", { since: start - 500_000_000, until: start - 413_600_000, outcome: "failed" }, undefined]
    ]
    const told: Array<string> = []
    for (const [what, filter, before] of cases) {
      let fastest = Number.POSITIVE_INFINITY
      for (let i = 0; i < 3; i++) {
        const [took] = yield* Effect.timed(history.page(filter, before, 100))
        fastest = Math.min(fastest, Duration.toMillis(took))
      }
      told.push(`${what} ${fastest.toFixed(1)} ms`)
      assert.isBelow(fastest, MOST_MILLIS, what)
    }
    process.stdout.write(`pages of 1,000,000 chats on ${name}: ${told.join(", ")}\n`)
  })

class Server extends Context.Tag("test/ChatHistory/Postgres")<Server, Postgres.Postgres>() {}
const postgres = (name: string) =>
  Effect.flatMap(
    Effect.flatMap(Server, ({ database }) => database(name)),
    (url) => Layer.build(LedgerChats.layer({ _tag: "Postgres", url: Redacted.make(url) }))
  )

describe("Chats of the ledger", () => {
  it.scopedLive("on SQLite come in pages, are filtered as they are written, and are added up", () =>
    Effect.flatMap(Layer.build(LedgerChats.layer()), (context) => Effect.provide(reads, context))
  )

  it.scopedLive(
    "on SQLite come at once out of a million",
    () => Effect.flatMap(Layer.build(LedgerChats.layer()), (context) => Effect.provide(timed("SQLite"), context)),
    240_000
  )

  layer(Layer.scoped(Server, Postgres.make), { timeout: 240_000, excludeTestServices: true })((it) => {
    it.scoped(
      "on PostgreSQL come in pages, are filtered as they are written, and are added up",
      () => Effect.flatMap(postgres("history"), (context) => Effect.provide(reads, context)),
      120_000
    )

    it.scoped(
      "on PostgreSQL come at once out of a million",
      () => Effect.flatMap(postgres("million"), (context) => Effect.provide(timed("PostgreSQL"), context)),
      240_000
    )
  })
})

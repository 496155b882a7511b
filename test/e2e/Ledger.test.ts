/**
 * The ledger outlives `kill -9` under load: it has what clients were told, but for the last second.
 *
 * `LEDGER_KILLS` is how often each database is tried.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as SqlClient from "@effect/sql/SqlClient"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import type { DatabaseUrl } from "../../src/config/DatabaseUrl.ts"
import * as Database from "../../src/team/database/Database.ts"
import { effort } from "../support/Effort.ts"
import * as Postgres from "../support/Postgres.ts"
import * as S from "./support.ts"

const kills = Number(process.env["LEDGER_KILLS"] ?? effort(8, 200))
/** What may be missing, in milliseconds before the kill. */
const LAST = 1000

interface Told {
  readonly id: string
  readonly at: number
  readonly completionTokens: number
}

/** One client, which asks until its gateway is gone. */
const client = async (base: string, name: string, sent: Set<string>, told: Array<Told>): Promise<void> => {
  for (let n = 0; ; n++) {
    const id = `${name}-${n}`
    const stream = n % 2 === 0
    sent.add(id)
    try {
      const response = await fetch(`${base}/v1/chat/completions`, {
        method: "POST",
        headers: { "content-type": "application/json", "x-request-id": id, "user-agent": "curl/8" },
        body: JSON.stringify({
          model: "auto",
          messages: [{ role: "user", content: "[[emu interval=0 tokens=3]]" }],
          ...(stream ? { stream, stream_options: { include_usage: true } } : {})
        })
      })
      const text = await response.text()
      // It is being stopped.
      if (response.status === 503) return
      const completionTokens = Number(/"completion_tokens":(\d+)/.exec(text)?.[1])
      assert.deepStrictEqual([response.status, completionTokens > 0], [200, true], text)
      told.push({ id, at: Date.now(), completionTokens })
    } catch (error) {
      if (error instanceof TypeError) return
      throw error
    }
  }
}

const round = (url: string, n: number, sent: Set<string>, signal: NodeJS.Signals = "SIGKILL") =>
  Effect.gen(function* () {
    const program = yield* S.start({ DATABASE_URL: url })
    const told: Array<Told> = []
    const clients = Promise.all(Array.from({ length: 4 }, (_, i) => client(program.base, `r${n}c${i}`, sent, told)))
    yield* Effect.sleep(1500 + Math.random() * 700)
    // A slow machine has not answered anything by then.
    yield* S.eventually(() => told.length >= 20 || undefined, "20 chats", "1 minute")
    const killedAt = Date.now()
    program.child.kill(signal)
    yield* Effect.promise(() => program.exited)
    yield* Effect.promise(() => clients)
    return { killedAt, told }
  }).pipe(Effect.scoped)

interface Row {
  readonly requestId: string
  readonly outcome: string
  readonly completionTokens: number
}

const ledgerOf = (url: DatabaseUrl) =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const rows = yield* sql<Row>`SELECT request_id, outcome, completion_tokens FROM chats`
    const sums = yield* sql<{ readonly requests: number; readonly tokens: number }>`
      SELECT SUM(requests) AS requests, SUM(completion_tokens) AS tokens FROM usage_hours
      UNION ALL SELECT SUM(requests), SUM(completion_tokens) FROM usage_days`
    return { rows, sums: sums.map(({ requests, tokens }) => [Number(requests), Number(tokens)]) }
  }).pipe(Effect.provide(Database.layer(url, { workDir: "/nowhere", isServing: false })), Effect.orDie)

const outlives = (text: string, url: DatabaseUrl) =>
  Effect.gen(function* () {
    const sent = new Set<string>()
    let known = 0
    let missing = 0
    let oldest = 0
    for (let n = 0; n < kills; n++) {
      const { killedAt, told } = yield* round(text, n, sent)
      assert.isAbove(told.length, 0)
      const { rows, sums } = yield* ledgerOf(url)
      const found = new Map(rows.map((row) => [row.requestId, row]))
      assert.strictEqual(found.size, rows.length, "a row is there twice")
      for (const { requestId } of rows) assert.isTrue(sent.has(requestId), requestId)
      const tokens = rows.reduce((sum, { completionTokens }) => sum + completionTokens, 0)
      assert.deepStrictEqual(sums, [
        [rows.length, tokens],
        [rows.length, tokens]
      ])
      for (const { at, completionTokens, id } of told) {
        const row = found.get(id)
        known++
        if (row === undefined) {
          missing++
          oldest = Math.max(oldest, killedAt - at)
        } else assert.deepStrictEqual([row.outcome, row.completionTokens], ["completed", completionTokens], id)
      }
      assert.isAtMost(oldest, LAST)
    }
    process.stdout.write(
      `${kills} kills on ${url._tag}: ${known} chats told, ${missing} of the last second missing, the oldest ${oldest} ms before its kill\n`
    )
    // The command reads what is left.
    const { code, stdout } = yield* S.runToEnd(["usage", "--by", "client", "--since", "2d", "--json"], {
      DATABASE_URL: text
    })
    assert.strictEqual(code, 0)
    const [line] = JSON.parse(stdout) as ReadonlyArray<{ readonly name: string; readonly requests: number }>
    assert.deepInclude(line, { name: "curl", requests: (yield* ledgerOf(url)).rows.length })
  })

const sqlite = Effect.map(
  Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "lingma-sqlite-"))),
    (dir) => Effect.sync(() => rmSync(dir, { recursive: true, force: true }))
  ),
  (dir): DatabaseUrl & { readonly _tag: "Sqlite" } => ({ _tag: "Sqlite", path: join(dir, "gateway.db") })
)

describe("The ledger of a gateway that is stopped under load", () => {
  it.scopedLive("has all that clients were told", () =>
    Effect.gen(function* () {
      const url = yield* sqlite
      const { told } = yield* round(`sqlite:${url.path}`, 0, new Set(), "SIGTERM")
      const { rows } = yield* ledgerOf(url)
      const found = new Set(rows.map(({ requestId }) => requestId))
      assert.isAbove(told.length, 0)
      assert.deepStrictEqual(
        told.filter(({ id }) => !found.has(id)),
        []
      )
    })
  )
})

describe("The ledger of a gateway that is killed under load", () => {
  it.scopedLive(
    "has on SQLite what clients were told, but for the last second",
    () =>
      Effect.gen(function* () {
        const url = yield* sqlite
        yield* outlives(`sqlite:${url.path}`, url)
      }),
    60_000 + kills * 15_000
  )

  it.scopedLive(
    "has on PostgreSQL what clients were told, but for the last second",
    () =>
      Effect.gen(function* () {
        const server = yield* Postgres.make
        const url = yield* server.database("killed")
        yield* outlives(url, { _tag: "Postgres", url: Redacted.make(url) })
      }),
    60_000 + kills * 15_000
  )
})

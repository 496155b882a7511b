/**
 * A `SqlClient` over one SQLite file, with its one connection in a thread of its own.
 *
 * Not `@effect/sql-libsql`: its driver runs statements on the event loop, where a slow disk stops every stream, and opens
 * a new connection for each transaction.
 */

import { createRequire } from "node:module"
import * as Reactivity from "@effect/experimental/Reactivity"
import * as SqlClient from "@effect/sql/SqlClient"
import type { Connection } from "@effect/sql/SqlConnection"
import { SqlError } from "@effect/sql/SqlError"
import * as Statement from "@effect/sql/Statement"
import { Context, Effect, Layer, type Scope, Stream, String } from "effect"
import * as Lock from "./Lock.ts"
import * as SqliteWorker from "./SqliteWorker.ts"

/** How long a statement waits for another process that writes, in milliseconds; others wait behind it. */
const BUSY_MILLIS = 2000
/** Most statements that wait for the thread; it is stuck then, and more would only take memory. */
const MOST_WAITING = 10_000

/** How long the end is waited for. A thread that is stuck keeps no process. */
const LAST = "3 seconds"

const setup = [
  `PRAGMA busy_timeout = ${BUSY_MILLIS}`,
  "PRAGMA journal_mode = WAL",
  // What is committed outlives the process; the last commits may be lost if the machine fails.
  "PRAGMA synchronous = NORMAL",
  "PRAGMA foreign_keys = ON"
]

const failed = (message: string, cause: unknown) => new SqlError({ message, cause })

/** What the driver takes; it ends the process at anything else. */
const bound = (value: unknown): string | number | bigint | Uint8Array | null => {
  if (typeof value === "string" || typeof value === "bigint" || value instanceof Uint8Array) return value
  if (typeof value === "boolean") return value ? 1 : 0
  if (value instanceof Date) return value.getTime()
  return typeof value === "number" && Number.isFinite(value) ? value : null
}

type Rows = ReadonlyArray<object>

/** Calls `told` whenever a statement reads something else than `every` milliseconds before, at first in any case. */
export type Watching = (sql: string, every: number, told: () => void) => Effect.Effect<void, never, Scope.Scope>

/**
 * The thread looks by itself. To ask it twice a second took some 130 KiB each time of what the rest of the process has to
 * collect again, and kept V8 from giving memory back.
 */
export class Watcher extends Context.Tag("lingma-gateway/team/SqliteWatcher")<Watcher, Watching>() {}

interface Connected {
  readonly connection: Connection
  readonly watch: Watching
}

/** One connection; its statements run one after the other. */
const connect = Effect.fnUntraced(function* (path: string): Effect.fn.Return<Connected, never, Scope.Scope> {
  const waiting = new Map<number, (exit: Effect.Effect<Rows, SqlError>) => void>()
  const driver = createRequire(import.meta.url).resolve("libsql")
  const watches = new Map<number, { readonly ask: SqliteWorker.Watch; readonly told: () => void }>()
  let last = 0
  let isClosing = false
  const endAll = (why: unknown) => {
    for (const resume of waiting.values()) resume(failed("the database's thread ended", why))
    waiting.clear()
  }
  const begin = () => {
    const worker = SqliteWorker.start({ path, driver, setup })
    worker.on("message", (answer: SqliteWorker.Answer) => {
      if ("changed" in answer) return watches.get(answer.changed)?.told()
      const resume = waiting.get(answer.id)
      waiting.delete(answer.id)
      resume?.(
        "rows" in answer
          ? Effect.succeed(answer.rows)
          : failed(answer.failure, Object.assign(new Error(answer.failure), { code: answer.code }))
      )
    })
    worker.on("error", endAll)
    worker.on("exit", (code) => {
      endAll(code)
      // In memory all is gone with it; a file is opened again.
      if (!isClosing) thread = begin()
    })
    worker.unref()
    for (const { ask } of watches.values()) worker.postMessage(ask)
    return worker
  }
  let thread = begin()
  yield* Effect.addFinalizer(() =>
    Effect.async<void>((resume) => {
      isClosing = true
      thread.once("exit", () => resume(Effect.void))
      thread.postMessage(undefined)
    }).pipe(Effect.interruptible, Effect.timeoutOption(LAST))
  )

  const run = (sql: string, params: ReadonlyArray<unknown>) =>
    Effect.async<Rows, SqlError>((resume) => {
      if (waiting.size >= MOST_WAITING) return resume(failed("the database does not keep up", undefined))
      const id = ++last
      waiting.set(id, resume)
      const ask: SqliteWorker.Ask = { id, sql, params: params.map(bound) }
      thread.postMessage(ask)
    })
  const watch: Watching = (sql, every, told) =>
    Effect.asVoid(
      Effect.acquireRelease(
        Effect.sync(() => {
          const ask: SqliteWorker.Watch = { watch: sql, id: ++last, every }
          watches.set(ask.id, { ask, told })
          thread.postMessage(ask)
          return ask.id
        }),
        (id) =>
          Effect.sync(() => {
            watches.delete(id)
            const leave: SqliteWorker.Leave = { leave: id }
            thread.postMessage(leave)
          })
      )
    )
  const connection: Connection = {
    execute: (sql, params, transform) =>
      transform === undefined ? run(sql, params) : Effect.map(run(sql, params), transform),
    executeUnprepared: (sql, params, transform) =>
      transform === undefined ? run(sql, params) : Effect.map(run(sql, params), transform),
    executeRaw: run,
    executeValues: (sql, params) => Effect.map(run(sql, params), (rows) => rows.map((row) => Object.values(row))),
    executeStream: (sql, params, transform) =>
      Stream.unwrap(
        Effect.map(run(sql, params), (rows) => Stream.fromIterable(transform === undefined ? rows : transform(rows)))
      )
  }
  return { connection, watch }
})

const make = Effect.fnUntraced(function* (path: string) {
  const { connection, watch } = yield* connect(path)
  const lock = Lock.make()
  const client = yield* SqlClient.make({
    // A statement by itself waits for the transaction that runs.
    acquirer: Effect.scoped(Effect.as(lock, connection)),
    transactionAcquirer: Effect.as(lock, connection),
    beginTransaction: "BEGIN IMMEDIATE",
    compiler: Statement.makeCompilerSqlite(String.camelToSnake),
    spanAttributes: [["db.system.name", "sqlite"]],
    transformRows: Statement.defaultTransforms(String.snakeToCamel).array
  })
  return Context.add(Context.make(SqlClient.SqlClient, client), Watcher, watch)
})

/** `:memory:` or a file; nothing is opened before the first statement. */
export const layer = (path: string): Layer.Layer<SqlClient.SqlClient | Watcher> =>
  Layer.scopedContext(make(path)).pipe(Layer.provide(Reactivity.layer))

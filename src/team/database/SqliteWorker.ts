/**
 * The thread that holds the SQLite file: a slow disk, a checkpoint or a long report stops it, and no stream.
 *
 * The function runs from its own text, so it uses nothing but its parameters: there is no file of it to be found in a
 * bundle, in `dist` or under a test's loader.
 */

import { type MessagePort, Worker } from "node:worker_threads"
import type * as Libsql from "libsql"

/** What the thread is asked, one statement each; answered in order. */
export interface Ask {
  readonly id: number
  readonly sql: string
  readonly params: ReadonlyArray<unknown>
}

/** What the thread looks at by itself, again and again: it is said when the answer is another than the last. */
export interface Watch {
  readonly watch: string
  readonly id: number
  /** Milliseconds between two looks. */
  readonly every: number
}

/** What was watched is no longer. */
export interface Leave {
  readonly leave: number
}

export type Answer =
  | { readonly changed: number }
  | { readonly id: number; readonly rows: ReadonlyArray<object> }
  | { readonly id: number; readonly failure: string; readonly code: string }

interface Place {
  /** `:memory:`, or a file. */
  readonly path: string
  /** Of the driver, to be loaded by `require`. */
  readonly driver: string
  /** Statements that set up the connection. */
  readonly setup: ReadonlyArray<string>
}

const serve = (port: MessagePort, place: Place, load: (module: string) => unknown) => {
  let database: Libsql.Database | undefined
  const open = () => {
    if (database !== undefined) return database
    const Database = load(place.driver) as new (path: string) => Libsql.Database
    const opened = new Database(place.path)
    for (const statement of place.setup) opened.exec(statement)
    database = opened
    return opened
  }
  const run = ({ params, sql }: Ask) => {
    // After a BEGIN that failed as well: what that failed with is what is told.
    if (sql === "ROLLBACK" && !open().inTransaction) return []
    const statement = open().prepare(sql)
    if (statement.reader) return statement.all(...params) as Array<object>
    statement.run(...params)
    return []
  }
  /**
   * A statement that met another's lock stays in progress until it is collected as garbage, and until then no transaction
   * of this connection can end: the next statement opens another one.
   */
  const recover = (code: string) => {
    if (!code.startsWith("SQLITE_BUSY") || place.path === ":memory:" || database?.inTransaction !== false) return
    database.close()
    database = undefined
  }
  const watches = new Map<number, NodeJS.Timeout>()
  const watch = ({ every, id, watch: sql }: Watch) => {
    let statement: Libsql.Statement | undefined
    let of: Libsql.Database | undefined
    let last = ""
    /** A failure counts as an answer: whoever is told looks too, and finds out why. */
    const answer = (): string => {
      try {
        // Once: what the driver holds of a statement stays until the thread's next collection, which is hours away.
        if (statement === undefined || of !== open()) {
          of = open()
          statement = of.prepare(sql)
        }
        return JSON.stringify(statement.all())
      } catch (cause) {
        const { code = "" } = cause as { readonly code?: string }
        statement = undefined
        recover(code)
        return code
      }
    }
    const look = () => {
      const now = answer()
      if (now === last) return
      last = now
      port.postMessage({ changed: id })
    }
    watches.set(id, setInterval(look, every))
    look()
  }
  const leave = (id: number) => {
    clearInterval(watches.get(id))
    watches.delete(id)
  }
  port.on("message", (ask: Ask | Watch | Leave | undefined) => {
    // The end, after all that was asked before. Not from outside: the driver ends the process when it is stopped in a statement.
    if (ask === undefined) {
      for (const id of watches.keys()) leave(id)
      database?.close()
      return port.close()
    }
    if ("watch" in ask) return watch(ask)
    if ("leave" in ask) return leave(ask.leave)
    let answer: Answer
    try {
      answer = { id: ask.id, rows: run(ask) }
    } catch (cause) {
      const { code = "", message } = cause as { readonly code?: string; readonly message: string }
      answer = { id: ask.id, failure: message, code }
      recover(code)
    }
    port.postMessage(answer)
  })
}

/** Tools that keep the names of functions put calls of this into their text. */
const KEEP_NAME = "const __name = (named) => named;"

/** Starts the thread; it opens the file with the first statement. */
export const start = (place: Place): Worker =>
  new Worker(
    `${KEEP_NAME}const { parentPort, workerData } = require("node:worker_threads");(${serve.toString()})(parentPort, workerData, require)`,
    { eval: true, workerData: place, name: "sqlite", env: {}, execArgv: [], stdout: false }
  )

/**
 * A `SqlClient` over PostgreSQL, which many hosts may share.
 */

import { Socket } from "node:net"
import type * as SqlClient from "@effect/sql/SqlClient"
import { SqlError } from "@effect/sql/SqlError"
import * as PgClient from "@effect/sql-pg/PgClient"
import { Effect, Layer, type Redacted, String } from "effect"

/** The types of numbers. Whole ones come as texts by default, for they may be larger than a number holds; ours are not. */
const numbers = new Set([20, 21, 23, 700, 701, 1700])
const getTypeParser = (oid: number) => (numbers.has(oid) ? Number : (text: string) => text)

/**
 * Most milliseconds in which nothing comes or goes on a connection. The pool closes those that nobody uses before that;
 * so one that is silent for longer is asked something and does not answer.
 */
const SILENCE = 15_000

/**
 * A connection that a server leaves without an answer, as after a cut in the network, is closed: the library itself would
 * wait for good, or give the connection to the next who asks.
 */
const connection = (silence: number, open: Set<Socket>) => (): Socket => {
  const socket = new Socket()
  socket.setTimeout(silence, () => socket.destroy(new Error("the server does not answer")))
  open.add(socket.once("close", () => open.delete(socket)))
  return socket
}

/** The pool waits a second for each of its own to end; one that waits for an answer even then would keep the process. */
const connections = Effect.acquireRelease(
  Effect.sync(() => new Set<Socket>()),
  (open) =>
    Effect.sync(() => {
      for (const socket of open) socket.destroy()
    })
)

/** Fails where the server does not answer. */
export const layer = (
  url: Redacted.Redacted,
  options: { readonly silence?: number | undefined } = {}
): Layer.Layer<SqlClient.SqlClient, SqlError> =>
  connections.pipe(
    Effect.map((open) =>
      PgClient.layer({
        url,
        stream: connection(options.silence ?? SILENCE, open),
        applicationName: "lingma-gateway",
        maxConnections: 8,
        connectTimeout: "5 seconds",
        transformResultNames: String.snakeToCamel,
        transformQueryNames: String.camelToSnake,
        types: { getTypeParser: getTypeParser as never }
      })
    ),
    Layer.unwrapScoped,
    Layer.mapError((error) =>
      error._tag === "SqlError" ? error : new SqlError({ message: "the URL is wrong", cause: error })
    )
  )

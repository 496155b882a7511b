/**
 * A `SqlClient` over PostgreSQL, which many hosts may share.
 */

import type * as SqlClient from "@effect/sql/SqlClient"
import { SqlError } from "@effect/sql/SqlError"
import * as PgClient from "@effect/sql-pg/PgClient"
import { Layer, type Redacted, String } from "effect"

/** The types of numbers. Whole ones come as texts by default, for they may be larger than a number holds; ours are not. */
const numbers = new Set([20, 21, 23, 700, 701, 1700])
const getTypeParser = (oid: number) => (numbers.has(oid) ? Number : (text: string) => text)

/** Fails where the server does not answer. */
export const layer = (url: Redacted.Redacted): Layer.Layer<SqlClient.SqlClient, SqlError> =>
  PgClient.layer({
    url,
    applicationName: "lingma-gateway",
    maxConnections: 8,
    connectTimeout: "5 seconds",
    transformResultNames: String.snakeToCamel,
    transformQueryNames: String.camelToSnake,
    types: { getTypeParser: getTypeParser as never }
  }).pipe(
    Layer.mapError((error) =>
      error._tag === "SqlError" ? error : new SqlError({ message: "the URL is wrong", cause: error })
    )
  )

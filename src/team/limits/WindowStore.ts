/**
 * What keys have used of their limits, in the database. Where several gateways share one, requests are counted there, by
 * its clock, so that all of them together pass no more than the limit.
 */
import type * as SqlClient from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import { Effect } from "effect"

export const MINUTE = 60_000

export type Kind = "minute" | "day"

export interface Used {
  readonly keyId: string
  readonly kind: Kind
  /** Milliseconds since 1970. */
  readonly startedAt: number
  readonly used: number
}

/** Requests that were let in, of those that were asked for, and the window they count in. */
export interface Granted {
  readonly granted: number
  readonly used: number
  /** Of the window, by the database's clock. */
  readonly age: number
}

export const make = (sql: SqlClient.SqlClient) => {
  /** Of all keys. */
  const load: Effect.Effect<
    ReadonlyArray<Used>,
    SqlError
  > = sql<Used>`SELECT key_id, kind, started_at, used FROM key_windows`

  /** For a gateway that has the database to itself: what it says is what is. */
  const save = (all: ReadonlyArray<Used>): Effect.Effect<void, SqlError> =>
    all.length === 0
      ? Effect.void
      : Effect.asVoid(
          sql`INSERT INTO key_windows ${sql.insert(all.map((one) => ({ ...one })))} ON CONFLICT (key_id, kind)
            DO UPDATE SET started_at = excluded.started_at, used = excluded.used`
        )

  /** Counts `wanted` requests of a key, up to its limit; one statement, but for a key's first. */
  const take = (keyId: string, wanted: number, limit: number): Effect.Effect<Granted, SqlError> => {
    const update = sql<Granted>`UPDATE key_windows AS w
      SET started_at = CASE WHEN o.is_over THEN o.now ELSE w.started_at END, used = o.before + o.granted
      FROM (
        SELECT key_id, now, is_over, before, LEAST(${wanted}::bigint, GREATEST(${limit}::bigint - before, 0)) AS granted
        FROM (
          SELECT key_id, now, is_over, CASE WHEN is_over THEN 0 ELSE used END AS before
          FROM (
            SELECT k.key_id, k.used, t.now, ABS(t.now - k.started_at) >= ${MINUTE}::bigint AS is_over
            FROM key_windows AS k
            CROSS JOIN (SELECT (EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::bigint AS now) AS t
            WHERE k.key_id = ${keyId} AND k.kind = 'minute'
            FOR UPDATE OF k
          ) AS locked
        ) AS counted
      ) AS o
      WHERE w.key_id = o.key_id AND w.kind = 'minute'
      RETURNING o.granted, w.used, GREATEST(o.now - w.started_at, 0) AS age`
    const first = sql`INSERT INTO key_windows (key_id, kind, started_at, used) VALUES (${keyId}, 'minute', 0, 0)
      ON CONFLICT (key_id, kind) DO NOTHING`
    const again = Effect.flatMap(Effect.zipRight(first, update), ([row]) =>
      row === undefined ? Effect.dieMessage("no window") : Effect.succeed(row)
    )
    return Effect.flatMap(update, ([row]) => (row === undefined ? again : Effect.succeed(row)))
  }

  /** Adds what this gateway counted, and gives what all of them have. A later window replaces an earlier one. */
  const add = ({ keyId, kind, startedAt, used }: Used): Effect.Effect<Used, SqlError> =>
    Effect.flatMap(
      sql<Used>`INSERT INTO key_windows AS w (key_id, kind, started_at, used)
        VALUES (${keyId}, ${kind}, ${startedAt}, ${used})
        ON CONFLICT (key_id, kind) DO UPDATE SET
          started_at = GREATEST(w.started_at, excluded.started_at),
          used = CASE WHEN w.started_at = excluded.started_at THEN w.used + excluded.used
            WHEN w.started_at > excluded.started_at THEN w.used ELSE excluded.used END
        RETURNING key_id, kind, started_at, used`,
      ([row]) => (row === undefined ? Effect.dieMessage("no window") : Effect.succeed(row))
    )

  return { load, save, take, add }
}

export type WindowStore = ReturnType<typeof make>

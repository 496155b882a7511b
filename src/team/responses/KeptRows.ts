/**
 * The statements for responses and conversations that are kept, and their items.
 *
 * What was removed stays as an empty row for a while, so that a host that still has it does not write it again.
 */
import type * as SqlClient from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import { Array as Arr, Effect } from "effect"

/** What is to be written of one response or conversation. */
export interface Change {
  readonly keyId: string
  readonly id: string
  /** Undefined: it is gone. */
  readonly body: string | undefined
  /** It was removed, and must not come back. */
  readonly isRemoved: boolean
  readonly items: ReadonlyArray<string>
}

export interface Row {
  readonly id: string
  readonly body: string
  readonly removedAt: number | null
}

/** An item, and what holds it. */
export interface Holder {
  readonly itemId: string
  readonly responseId: string
}

/** Most bytes in the database; older ones go first. */
const MOST_BYTES = 1 << 28
/** Items of one statement. */
export const ITEMS = 500
/** Most that were removed and are remembered as such. */
const MOST_REMOVED = 10_000

/** Ids of items are the client's words, which may be no text to a database. */
export const plainId = (id: string): string => id.replaceAll("\0", "").slice(0, 512).toWellFormed()

export const make = (sql: SqlClient.SqlClient, capacity: number) => {
  /** The newest stay, of each key as many as of the others. */
  const prune = Effect.zipRight(
    sql`
    DELETE FROM kept_responses WHERE (key_id, id) IN (
      SELECT key_id, id FROM (
        SELECT key_id, id,
          ROW_NUMBER() OVER (ORDER BY nth, written_at DESC, id) AS place,
          SUM(bytes) OVER (ORDER BY nth, written_at DESC, id) AS total
        FROM (
          SELECT key_id, id, bytes, written_at,
            ROW_NUMBER() OVER (PARTITION BY key_id ORDER BY written_at DESC, id) AS nth
          FROM kept_responses WHERE removed_at IS NULL) AS of_key) AS ranked
      WHERE place > ${capacity} OR total > ${MOST_BYTES})`,
    sql`
    DELETE FROM kept_responses WHERE removed_at < (
      SELECT removed_at FROM kept_responses WHERE removed_at IS NOT NULL
      ORDER BY removed_at DESC LIMIT 1 OFFSET ${MOST_REMOVED})`
  )

  const those = (column: "id" | "response_id", changes: ReadonlyArray<Change>) =>
    sql.or(changes.map(({ id, keyId }) => sql`key_id = ${keyId} AND ${sql(column)} = ${id}`))

  /** Gives the rows that were written, which are not those that had been removed. */
  const upsert = (changes: ReadonlyArray<Change>, at: number) => {
    const rows = changes.map(({ body = "", id, isRemoved, keyId }) => ({
      keyId,
      id,
      body,
      bytes: body.length,
      writtenAt: at,
      removedAt: isRemoved ? at : null
    }))
    return sql<Pick<Change, "keyId" | "id">>`
      INSERT INTO kept_responses ${sql.insert(rows)} ON CONFLICT (key_id, id) DO UPDATE SET
        body = excluded.body, bytes = excluded.bytes, written_at = excluded.written_at, removed_at = excluded.removed_at
      WHERE kept_responses.removed_at IS NULL RETURNING key_id, id`
  }

  /** For one transaction. In the order of their ids, so that hosts do not wait for each other in a circle. */
  const store = Effect.fnUntraced(function* (
    changes: ReadonlyArray<Change>,
    at: number
  ): Effect.fn.Return<void, SqlError> {
    const [forgotten, rest] = Arr.partition(changes, ({ body, isRemoved }) => body !== undefined || isRemoved)
    yield* sql`DELETE FROM kept_items WHERE ${those("response_id", changes)}`
    if (forgotten.length > 0)
      yield* sql`DELETE FROM kept_responses WHERE removed_at IS NULL AND ${those("id", forgotten)}`
    if (rest.length === 0) return
    const written = yield* upsert(rest, at)
    const isWritten = new Set(written.map(({ id, keyId }) => `${keyId} ${id}`))
    const items = rest.flatMap(({ id, items, keyId }) =>
      isWritten.has(`${keyId} ${id}`)
        ? [...new Set(items.map(plainId))].map((itemId) => ({ keyId, responseId: id, itemId }))
        : []
    )
    for (const some of Arr.chunksOf(items, ITEMS)) yield* sql`INSERT INTO kept_items ${sql.insert(some)}`
    yield* prune
  })

  return {
    store,
    find: (keyId: string, ids: ReadonlyArray<string>): Effect.Effect<ReadonlyArray<Row>, SqlError> =>
      sql<Row>`SELECT id, body, removed_at FROM kept_responses WHERE key_id = ${keyId} AND ${sql.in("id", ids)}`,
    removed: (keyId: string, ids: ReadonlyArray<string>): Effect.Effect<ReadonlyArray<Pick<Row, "id">>, SqlError> =>
      sql<Row>`SELECT id FROM kept_responses
        WHERE key_id = ${keyId} AND ${sql.in("id", ids)} AND removed_at IS NOT NULL`,
    locate: (keyId: string, items: ReadonlyArray<string>): Effect.Effect<ReadonlyArray<Holder>, SqlError> =>
      sql<Holder>`SELECT item_id, response_id FROM kept_items
        WHERE key_id = ${keyId} AND ${sql.in("item_id", items.map(plainId))}`
  }
}

/**
 * Writes chats and their sums in one transaction, so that neither is there without the other.
 *
 * A batch may be written again when it is not known whether it was: sums are of rows only that were not there before.
 */
import * as SqlClient from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import { Array as Arr, Effect, String as Text } from "effect"
import type { Days } from "../../domain/usage/Days.ts"
import * as Database from "../database/Database.ts"
import * as Rows from "./Rows.ts"

/** Most rows of one statement. */
const MOST_ROWS = 500

const added = (table: string) =>
  Rows.figures
    .map(Text.camelToSnake)
    .map((column) => `${column} = ${table}.${column} + excluded.${column}`)
    .join(", ")
const place = { usage_hours: "started_at", usage_days: "day" }
const conflict = (table: keyof typeof place) =>
  `ON CONFLICT (${place[table]}, key_id, key_name, model, account, client) DO UPDATE SET ${added(table)}`
const onHours = conflict("usage_hours")
const onDays = conflict("usage_days")

const each = <A, E, R>(rows: ReadonlyArray<A>, write: (some: Arr.NonEmptyArray<A>) => Effect.Effect<unknown, E, R>) =>
  Effect.forEach(Arr.chunksOf(rows, MOST_ROWS), write, { discard: true })

/** How many of them were not there before. */
export const write = (
  rows: ReadonlyArray<Rows.ChatRow>,
  days: Days
): Effect.Effect<number, SqlError, SqlClient.SqlClient> =>
  Database.transaction(
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const inserted = new Set<string>()
      yield* each(rows, (some) =>
        Effect.map(
          sql<{
            readonly id: string
          }>`INSERT INTO chats ${sql.insert(some as never)} ON CONFLICT (id) DO NOTHING RETURNING id`,
          (ids) => {
            for (const { id } of ids) inserted.add(id)
          }
        )
      )
      const fresh = rows.filter(({ id }) => inserted.has(id))
      yield* each(
        Rows.byHour(fresh),
        (sums) => sql`INSERT INTO usage_hours ${sql.insert(sums as never)} ${sql.literal(onHours)}`
      )
      yield* each(
        Rows.byDay(fresh, days),
        (sums) => sql`INSERT INTO usage_days ${sql.insert(sums as never)} ${sql.literal(onDays)}`
      )
      return fresh.length
    })
  )

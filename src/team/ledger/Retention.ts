/**
 * Removes what is older than `LEDGER_DAYS`, in small steps, so that those who write wait for none of them long.
 * Sums of days are kept.
 */
import * as SqlClient from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import { Clock, Effect } from "effect"
import * as Rows from "./Rows.ts"

export interface RetentionOptions {
  readonly days: number
  /** Most rows of chats, for a database that lives in memory. */
  readonly mostChats?: number | undefined
}

/** In memory, chats older than these are of no use to anybody. */
const IN_MEMORY = { days: 2, mostChats: 20_000 }

/** How long chats and hours are kept. */
export const daysOf = (kind: "sqlite" | "postgres" | "memory", days: number): number =>
  kind === "memory" ? Math.min(IN_MEMORY.days, days) : days

export const optionsOf = (kind: "sqlite" | "postgres" | "memory", days: number): RetentionOptions => ({
  days: daysOf(kind, days),
  ...(kind === "memory" ? { mostChats: IN_MEMORY.mostChats } : {})
})

const DAY = 86_400_000
/** Most chats of one step. */
const STEP = 500
const BETWEEN = "50 millis"

/** Repeats a step, which gives the rows that it removed, until there is nothing left for it. */
const steps = <E, R>(step: Effect.Effect<ReadonlyArray<unknown>, E, R>): Effect.Effect<void, E, R> =>
  step.pipe(
    Effect.tap((removed) => (removed.length === 0 ? Effect.void : Effect.sleep(BETWEEN))),
    Effect.repeat({ until: (removed) => removed.length === 0 }),
    Effect.asVoid
  )

export const apply = Effect.fnUntraced(function* ({
  days,
  mostChats
}: RetentionOptions): Effect.fn.Return<void, SqlError, SqlClient.SqlClient> {
  const sql = yield* SqlClient.SqlClient
  const oldest = (yield* Clock.currentTimeMillis) - days * DAY
  yield* steps(
    sql`DELETE FROM chats WHERE id IN (SELECT id FROM chats WHERE ended_at < ${oldest} LIMIT ${STEP}) RETURNING id`
  )
  yield* steps(
    sql`DELETE FROM usage_hours WHERE started_at = (
      SELECT MIN(started_at) FROM usage_hours WHERE started_at < ${Rows.hourOf(oldest)}) RETURNING client`
  )
  if (mostChats === undefined) return
  yield* steps(
    sql`DELETE FROM chats WHERE id IN (
      SELECT id FROM chats ORDER BY ended_at DESC LIMIT ${STEP} OFFSET ${mostChats}) RETURNING id`
  )
})

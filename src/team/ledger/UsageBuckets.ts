/**
 * Sums of the ledger in buckets of time, as OpenAI's usage API has them.
 *
 * Days begin in the zone of reports. Minutes are read from single chats, so those of a day are the most at once.
 */
import type * as SqlClient from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import type { Fragment } from "@effect/sql/Statement"
import { Effect } from "effect"
import * as Days from "../../domain/usage/Days.ts"

export const widths = ["1m", "1h", "1d"] as const
export type Width = (typeof widths)[number]

export interface Query {
  readonly width: Width
  /** Milliseconds since 1970: the first bucket holds it. */
  readonly from: number
  /** How many buckets, none of which begins at `until` or later. */
  readonly count: number
  readonly until: number
  readonly byKey: boolean
  readonly byModel: boolean
  /** Only these; undefined is all. */
  readonly keyIds?: ReadonlyArray<string> | undefined
  readonly models?: ReadonlyArray<string> | undefined
}

export interface Result {
  /** Null where it was not asked for by key, by model. */
  readonly keyId: string | null
  readonly model: string | null
  readonly requests: number
  readonly promptTokens: number
  readonly completionTokens: number
}

export interface Bucket {
  readonly start: number
  readonly end: number
  readonly results: ReadonlyArray<Result>
}

const MINUTE = 60_000
const HOUR = 3_600_000

/** Where buckets begin, and where the last one ends. */
const edges = ({ count, from, until, width }: Query, days: Days.Days): ReadonlyArray<number> => {
  const found: Array<number> = []
  if (width === "1d") {
    let day = days.of(from)
    for (; found.length < count && days.start(day) < until; day = Days.plus(day, 1)) found.push(days.start(day))
    return [...found, days.start(day)]
  }
  const step = width === "1m" ? MINUTE : HOUR
  let at = Math.floor(from / step) * step
  for (; found.length < count && at < until; at += step) found.push(at)
  return [...found, at]
}

interface Row {
  readonly place: number | string
  readonly keyId?: string
  readonly model?: string
  readonly requests: number
  readonly promptTokens: number
  readonly completionTokens: number
}

/** What is read, and where its bucket begins. */
const sources = {
  "1m": {
    table: "chats",
    place: `ended_at - ended_at % ${MINUTE}`,
    requests: "COUNT(*)",
    model: "COALESCE(model, 'none')"
  },
  "1h": { table: "usage_hours", place: "started_at", requests: "SUM(requests)", model: "model" },
  "1d": { table: "usage_days", place: "day", requests: "SUM(requests)", model: "model" }
} as const
const times = { "1m": "ended_at", "1h": "started_at", "1d": "day" } as const

export const read = (
  sql: SqlClient.SqlClient,
  days: Days.Days,
  query: Query
): Effect.Effect<ReadonlyArray<Bucket>, SqlError> => {
  const { byKey, byModel, keyIds, models, width } = query
  const begins = edges(query, days)
  const [first] = begins
  const last = begins.at(-1)
  if (begins.length < 2 || first === undefined || last === undefined) return Effect.succeed([])
  const { model, place, requests, table } = sources[width]
  const time = sql.literal(times[width])
  const [from, to] = width === "1d" ? [days.of(first), days.of(last)] : [first, last]
  const where: Array<Fragment> = [sql`${time} >= ${from}`, sql`${time} < ${to}`]
  if (keyIds !== undefined) where.push(sql.in("key_id", keyIds))
  if (models !== undefined) where.push(sql`${sql.literal(model)} IN ${sql.in(models)}`)
  const by = [place, ...(byKey ? ["key_id"] : []), ...(byModel ? [model] : [])].join(", ")
  const asked = [
    `${place} AS place`,
    ...(byKey ? ["key_id"] : []),
    ...(byModel ? [`${model} AS model`] : []),
    `${requests} AS requests`,
    "SUM(prompt_tokens) AS prompt_tokens",
    "SUM(completion_tokens) AS completion_tokens"
  ].join(", ")
  const rows = sql<Row>`SELECT ${sql.literal(asked)} FROM ${sql.literal(table)} WHERE ${sql.and(where)}
    GROUP BY ${sql.literal(by)} ORDER BY ${sql.literal(by)}`
  return Effect.map(rows, (rows) => {
    const found = new Map<string, Array<Result>>()
    for (const { completionTokens, keyId = null, model = null, place, promptTokens, requests } of rows) {
      const results = found.get(String(place)) ?? []
      results.push({
        keyId,
        model,
        requests: Number(requests),
        promptTokens: Number(promptTokens),
        completionTokens: Number(completionTokens)
      })
      found.set(String(place), results)
    }
    return begins.slice(0, -1).map((start, i) => ({
      start,
      end: begins[i + 1] ?? last,
      results: found.get(width === "1d" ? days.of(start) : String(start)) ?? []
    }))
  })
}

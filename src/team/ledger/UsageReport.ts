/**
 * Who used what: sums of the ledger by key, model, account, client or day. Read from sums, never from single chats.
 */
import * as SqlClient from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import type { Fragment } from "@effect/sql/Statement"
import { Array as Arr, Context, Effect, Layer, String as Text } from "effect"
import { GatewayConfig } from "../../config/Config.ts"
import * as Days from "../../domain/usage/Days.ts"
import { Database } from "../database/Database.ts"
import * as Retention from "./Retention.ts"
import * as Rows from "./Rows.ts"
import type { Since } from "./Since.ts"
import * as UsageBuckets from "./UsageBuckets.ts"

export const dimensions = ["key", "model", "account", "client", "day"] as const
export type Dimension = (typeof dimensions)[number]

/** One line of a report. */
export interface Line extends Rows.Figures {
  /** The key's name, the model, and so on. */
  readonly name: string
  /** By keys only: two of one name, one after the other, are two lines. */
  readonly keyId?: string
}

/** Figures of one key, for itself. */
export interface OwnUsage {
  readonly today: Rows.Figures
  readonly last7Days: Rows.Figures
  readonly last30Days: Rows.Figures
}

export interface Reports {
  readonly days: Days.Days
  /** Hours, and single chats, are kept for so many days. */
  readonly hourDays: number
  /** The most tokens first; days in their order. */
  readonly by: (dimension: Dimension, since: Since) => Effect.Effect<ReadonlyArray<Line>, SqlError>
  readonly ofKey: (keyId: string, now: number) => Effect.Effect<OwnUsage, SqlError>
  /** The same of several at once; those without any are left out. */
  readonly ofKeys: (
    keyIds: ReadonlyArray<string>,
    now: number
  ) => Effect.Effect<ReadonlyMap<string, OwnUsage>, SqlError>
  readonly buckets: (query: UsageBuckets.Query) => Effect.Effect<ReadonlyArray<UsageBuckets.Bucket>, SqlError>
}

export const nothing: Rows.Figures = Rows.zero()
export const unused: OwnUsage = { today: nothing, last7Days: nothing, last30Days: nothing }

export const plus = (a: Rows.Figures, b: Rows.Figures): Rows.Figures => {
  const sum = Rows.zero()
  for (const figure of Rows.figures) sum[figure] = a[figure] + b[figure]
  return sum
}

const sums = Rows.figures
  .map(Text.camelToSnake)
  .map((column) => `SUM(${column}) AS ${column}`)
  .join(", ")

interface Grouping {
  readonly name: string
  readonly by: string
  /** What the rows of a table, which lie in the order of its key, are added up by first: that needs no sorting. */
  readonly first?: string
}

const groupings: Readonly<Record<Exclude<Dimension, "day">, Grouping>> = {
  // Two keys of one name, one after the other, are two lines.
  key: { name: "key_name", by: "key_id, key_name", first: "key_id, key_name" },
  model: { name: "model", by: "model", first: "key_id, key_name, model" },
  account: { name: "account", by: "account" },
  client: { name: "client", by: "client" }
}

/** Sums of whole numbers may come as texts. */
const figuresOf = (row: Rows.Figures): Rows.Figures => {
  const sum = Rows.zero()
  for (const figure of Rows.figures) sum[figure] = Number(row[figure])
  return sum
}

const make = Effect.fnUntraced(function* (zone: string, hourDays: number) {
  const sql = yield* SqlClient.SqlClient
  const days = Days.make(zone)

  const read = (dimension: Dimension, since: Since) => {
    if (dimension === "day") {
      const from = since.unit === "day" ? since.day : days.of(since.hour)
      return sql<Line>`SELECT day AS name, ${sql.literal(sums)} FROM usage_days WHERE day >= ${from}
        GROUP BY day ORDER BY day`
    }
    const { by, first, name } = groupings[dimension]
    const [time, rows]: readonly [string, Fragment] =
      since.unit === "day"
        ? ["day", sql`usage_days WHERE day >= ${since.day}`]
        : ["started_at", sql`usage_hours WHERE started_at >= ${since.hour}`]
    const from =
      first === undefined
        ? rows
        : sql`(SELECT ${sql.literal(first)}, ${sql.literal(sums)} FROM ${rows}
            GROUP BY ${sql.literal(`${time}, ${first}`)}) AS parts`
    const id = dimension === "key" ? sql.literal("key_id, ") : sql.literal("")
    return sql<Line>`SELECT ${id}${sql.literal(name)} AS name, ${sql.literal(sums)} FROM ${from}
      GROUP BY ${sql.literal(by)}
      ORDER BY SUM(prompt_tokens) + SUM(completion_tokens) DESC, SUM(requests) DESC, name`
  }
  /** The days one by one: the rows of a table lie in the order of day and key, so each is a step to the right place. */
  const ofKeys: Reports["ofKeys"] = (keyIds, now) => {
    if (keyIds.length === 0) return Effect.succeed(new Map())
    const today = days.of(now)
    const week = Days.plus(today, -6)
    const month = Arr.makeBy(30, (i) => Days.plus(today, -i))
    return Effect.map(
      sql<Line & { readonly keyId: string }>`SELECT key_id, day AS name, ${sql.literal(sums)} FROM usage_days
        WHERE ${sql.in("day", month)} AND ${sql.in("key_id", keyIds)} GROUP BY key_id, day`,
      (rows) => {
        const found = new Map<string, OwnUsage>()
        for (const { keyId, name, ...row } of rows) {
          const before = found.get(keyId) ?? unused
          const figures = figuresOf(row)
          found.set(keyId, {
            today: name === today ? figures : before.today,
            last7Days: name >= week ? plus(before.last7Days, figures) : before.last7Days,
            last30Days: plus(before.last30Days, figures)
          })
        }
        return found
      }
    )
  }
  const reports: Reports = {
    days,
    hourDays,
    by: (dimension, since) =>
      Effect.map(read(dimension, since), (rows) =>
        rows.map((row) => ({
          name: row.name,
          ...(row.keyId === undefined ? {} : { keyId: row.keyId }),
          ...figuresOf(row)
        }))
      ),
    ofKey: (keyId, now) => Effect.map(ofKeys([keyId], now), (found) => found.get(keyId) ?? unused),
    ofKeys,
    buckets: (query) => UsageBuckets.read(sql, days, query)
  }
  return reports
})

/** Undefined where the gateway keeps no ledger, as one that is a part of another program may. */
export class UsageReport extends Context.Reference<UsageReport>()("lingma-gateway/team/UsageReport", {
  defaultValue: (): Reports | undefined => undefined
}) {
  static readonly make: (zone: string, hourDays: number) => Effect.Effect<Reports, never, SqlClient.SqlClient> = make

  static readonly layerFromConfig: Layer.Layer<UsageReport, never, Database | GatewayConfig | SqlClient.SqlClient> =
    Layer.effect(
      UsageReport,
      Effect.flatMap(Effect.zip(GatewayConfig, Database), ([{ ledgerDays, limitsTimeZone }, { kind }]) =>
        make(limitsTimeZone, Retention.daysOf(kind, ledgerDays))
      )
    )
}

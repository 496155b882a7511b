/**
 * Single chats of the ledger, read back in pages by an index: a page looks at so many rows and no more, whatever is
 * searched for.
 */
import * as SqlClient from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import type { Fragment } from "@effect/sql/Statement"
import { Context, Effect, Layer } from "effect"
import type { ChatOutcome } from "../../observe/Metrics.ts"
import { Database } from "../database/Database.ts"
import type * as Rows from "./Rows.ts"

/** Where a page begins: before this row, in the order of their ends. */
export interface Place {
  readonly endedAt: number
  readonly id: string
}

/** Which chats are searched for; undefined is all. */
export interface Filter {
  readonly key?: string | undefined
  /** That answered, or that was asked for. */
  readonly model?: string | undefined
  readonly outcome?: string | undefined
  readonly instance?: string | undefined
  /** A part of an id, in lower case. */
  readonly id?: string | undefined
  /** Milliseconds since 1970: from this one on, and before that one. */
  readonly since?: number | undefined
  readonly until?: number | undefined
}

export interface Page {
  /** The newest first. */
  readonly rows: ReadonlyArray<Rows.ChatRow>
  /** The last row that was looked at; undefined when there are no more. */
  readonly searched: Place | undefined
}

/** Sums of chats by instance. */
export interface InstanceSums {
  readonly instance: string
  readonly chats: number
  readonly tokens: number
}

/** Chats of one step of time that ended alike. */
export interface StepSums {
  /** Where the step begins: milliseconds since 1970. */
  readonly at: number
  readonly outcome: ChatOutcome
  /** The first of the bounds that its first token came within; -1 where no answer began. */
  readonly bucket: number
  readonly chats: number
  readonly tokens: number
}

/** A stretch of time: from its first moment on, and before its last. */
export interface Between {
  readonly from: number
  readonly until: number
}

export interface History {
  readonly kind: "kept" | "memory"
  /** Which of several hosts this one is. */
  readonly host: string
  readonly page: (filter: Filter, before: Place | undefined, limit: number) => Effect.Effect<Page, SqlError>
  readonly find: (id: string) => Effect.Effect<Rows.ChatRow | undefined, SqlError>
  /** Of this host's chats. */
  readonly byInstance: (between: Between) => Effect.Effect<ReadonlyArray<InstanceSums>, SqlError>
  /** Of this host's chats, in steps; `bounds` of times to the first token, in milliseconds. */
  readonly steps: (
    between: Between,
    stepMillis: number,
    bounds: ReadonlyArray<number>
  ) => Effect.Effect<ReadonlyArray<StepSums>, SqlError>
}

/** Rows that one page looks at. */
export const SEARCHED = 20_000

const numbers = ["endedAt", "isStream", "promptTokens", "completionTokens", "reasoningTokens", "retries", "toolCalls"]

/** Whole numbers of 64 bits may come as texts. */
const toRow = (row: Rows.ChatRow): Rows.ChatRow => ({
  ...row,
  ...Object.fromEntries(numbers.map((name) => [name, Number(row[name as keyof Rows.ChatRow])]))
})

const escaped = (text: string) => text.replace(/[\\%_]/g, "\\$&")

const bucketed = (bounds: ReadonlyArray<number>) => {
  const cases = bounds.slice(0, -1).map((bound, i) => `WHEN first_token_ms <= ${bound} THEN ${i}`)
  return `CASE WHEN first_token_ms IS NULL THEN -1 ${cases.join(" ")} ELSE ${bounds.length - 1} END`
}

const make = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const { host, kind } = yield* Database

  const isMeant = ({ id, instance, key, model, outcome }: Filter): ReadonlyArray<Fragment> => {
    const like = `%${escaped(id ?? "")}%`
    return [
      ...(key === undefined ? [] : [sql`key_name = ${key}`]),
      ...(model === undefined ? [] : [sql`(model = ${model} OR model_asked = ${model})`]),
      ...(outcome === undefined ? [] : [sql`outcome = ${outcome}`]),
      ...(instance === undefined ? [] : [sql`instance = ${instance}`]),
      ...(id === undefined
        ? []
        : [sql`(LOWER(request_id) LIKE ${like} ESCAPE '\\' OR LOWER(id) LIKE ${like} ESCAPE '\\')`])
    ]
  }

  /** The rows that are looked at come by the index of times, and only then are they filtered. */
  const page: History["page"] = (filter, before, limit) => {
    const wanted = isMeant(filter)
    const looked = wanted.length === 0 ? limit : SEARCHED
    const within = [
      sql`TRUE`,
      ...(filter.since === undefined ? [] : [sql`ended_at >= ${filter.since}`]),
      ...(filter.until === undefined ? [] : [sql`ended_at < ${filter.until}`]),
      ...(before === undefined
        ? []
        : [sql`ended_at <= ${before.endedAt}`, sql`(ended_at < ${before.endedAt} OR id < ${before.id})`])
    ]
    const window = sql`SELECT * FROM chats WHERE ${sql.and(within)} ORDER BY ended_at DESC, id DESC LIMIT ${looked}`
    const rows = sql<Rows.ChatRow>`SELECT * FROM (${window}) AS looked WHERE ${sql.and([sql`TRUE`, ...wanted])}
      ORDER BY ended_at DESC, id DESC LIMIT ${limit}`
    const last = sql<Place>`SELECT ended_at, id FROM chats WHERE ${sql.and(within)}
      ORDER BY ended_at DESC, id DESC LIMIT 1 OFFSET ${looked - 1}`
    return Effect.flatMap(rows, (found) => {
      const all = found.map(toRow)
      const end = all.at(-1)
      if (all.length === limit && end !== undefined)
        return Effect.succeed({ rows: all, searched: { endedAt: end.endedAt, id: end.id } })
      if (wanted.length === 0) return Effect.succeed({ rows: all, searched: undefined })
      return Effect.map(last, ([place]) => ({
        rows: all,
        searched: place === undefined ? undefined : { endedAt: Number(place.endedAt), id: place.id }
      }))
    })
  }

  const history: History = {
    kind: kind === "memory" ? "memory" : "kept",
    host,
    page,
    find: (id) =>
      Effect.map(sql<Rows.ChatRow>`SELECT * FROM chats WHERE id = ${id}`, ([row]) =>
        row === undefined ? undefined : toRow(row)
      ),
    byInstance: ({ from, until }) =>
      Effect.map(
        sql<InstanceSums>`SELECT instance, COUNT(*) AS chats, SUM(prompt_tokens + completion_tokens) AS tokens
          FROM chats WHERE ended_at >= ${from} AND ended_at < ${until} AND host = ${host} AND instance IS NOT NULL
          GROUP BY instance`,
        (rows) =>
          rows.map(({ chats, instance, tokens }) => ({ instance, chats: Number(chats), tokens: Number(tokens) }))
      ),
    steps: ({ from, until }, stepMillis, bounds) =>
      Effect.map(
        sql<StepSums>`SELECT at, outcome, bucket, COUNT(*) AS chats, SUM(completion_tokens) AS tokens
          FROM (SELECT ended_at - ended_at % ${sql.literal(String(stepMillis))} AS at, outcome, completion_tokens,
            ${sql.literal(bucketed(bounds))} AS bucket
            FROM chats WHERE ended_at >= ${from} AND ended_at < ${until} AND host = ${host}) AS parts
          GROUP BY at, outcome, bucket`,
        (rows) =>
          rows.map(({ at, bucket, chats, outcome, tokens }) => ({
            at: Number(at),
            outcome,
            bucket: Number(bucket),
            chats: Number(chats),
            tokens: Number(tokens)
          }))
      )
  }
  return history
})

/** Undefined where the gateway keeps no ledger, as one that is a part of another program may. */
export class ChatHistory extends Context.Reference<ChatHistory>()("lingma-gateway/team/ChatHistory", {
  defaultValue: (): History | undefined => undefined
}) {
  static readonly make: Effect.Effect<History, never, Database | SqlClient.SqlClient> = make

  static readonly layer: Layer.Layer<ChatHistory, never, Database | SqlClient.SqlClient> = Layer.effect(
    ChatHistory,
    make
  )
}

/**
 * Gateways that share a database, each in a row that it writes anew every few seconds. Ages are by the database's clock, since those
 * of hosts differ.
 */
import * as SqlClient from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import { Context, Effect, Layer, Schema } from "effect"
import { Database } from "../database/Database.ts"
import * as InTime from "../database/InTime.ts"

/** An account, recognized on other hosts by its digest. */
export const Account = Schema.Struct({ digest: Schema.String, name: Schema.String })

export interface Presence {
  readonly id: string
  /** Of this start of it. */
  readonly run: string
  readonly url: string
  readonly version: string
  /** Digest of the settings that all hosts should share. */
  readonly settings: string
  readonly isReady: boolean
  readonly inFlight: number
  readonly accounts: ReadonlyArray<typeof Account.Type>
}

export interface Seen extends Presence {
  /** Milliseconds since it last wrote. */
  readonly age: number
}

export interface Service {
  /** Gives whether another gateway has written under this id since. */
  readonly write: (presence: Presence, isFirst: boolean) => Effect.Effect<boolean, SqlError | InTime.Late>
  readonly list: Effect.Effect<ReadonlyArray<Seen>, SqlError | InTime.Late>
  readonly leave: (id: string, run: string) => Effect.Effect<void, SqlError | InTime.Late>
}

/** One that has not been heard of for so long is forgotten, in milliseconds. */
const FORGOTTEN = 3_600_000
/** Most that are told. */
const MOST = 64
const inTime = InTime.within("2 seconds")

interface Row extends Omit<Presence, "accounts" | "isReady"> {
  readonly accounts: string
  readonly isReady: number
  readonly age: number
}

const decodeAccounts = Schema.decodeOption(Schema.parseJson(Schema.Array(Account)))

const toSeen = ({ accounts, age, inFlight, isReady, ...rest }: Row): Seen => {
  const known = decodeAccounts(accounts)
  return {
    ...rest,
    isReady: Number(isReady) === 1,
    inFlight: Number(inFlight),
    accounts: known._tag === "Some" ? known.value : [],
    age: Math.max(0, Number(age))
  }
}

export const make = (sql: SqlClient.SqlClient): Service => {
  const now = sql.onDialectOrElse({
    pg: () => sql`(EXTRACT(EPOCH FROM clock_timestamp()) * 1000)::bigint`,
    orElse: () => sql`CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)`
  })
  return {
    write: ({ accounts, id, inFlight, isReady, run, settings, url, version }, isFirst) =>
      Effect.gen(function* () {
        const before = isFirst ? [] : yield* sql<Pick<Row, "run">>`SELECT run FROM hosts WHERE id = ${id}`
        yield* sql`
          INSERT INTO hosts (id, run, url, version, settings, is_ready, in_flight, accounts, seen_at)
          VALUES (${id}, ${run}, ${url}, ${version}, ${settings}, ${isReady ? 1 : 0}, ${inFlight},
            ${JSON.stringify(accounts.slice(0, MOST))}, ${now})
          ON CONFLICT (id) DO UPDATE SET
            run = excluded.run, url = excluded.url, version = excluded.version, settings = excluded.settings,
            is_ready = excluded.is_ready, in_flight = excluded.in_flight, accounts = excluded.accounts,
            seen_at = excluded.seen_at`
        yield* sql`DELETE FROM hosts WHERE seen_at < ${now} - ${FORGOTTEN}`
        return before.some((one) => one.run !== run)
      }).pipe(inTime),
    list: sql<Row>`
      SELECT id, run, url, version, settings, is_ready, in_flight, accounts, ${now} - seen_at AS age
      FROM hosts ORDER BY seen_at DESC, id LIMIT ${MOST}`.pipe(
      inTime,
      Effect.map((rows) => rows.map(toSeen).sort((a, b) => (a.id < b.id ? -1 : 1)))
    ),
    leave: (id, run) => sql`DELETE FROM hosts WHERE id = ${id} AND run = ${run}`.pipe(inTime, Effect.asVoid)
  }
}

/** Undefined where no other host can see the database. */
export class HostTable extends Context.Reference<HostTable>()("lingma-gateway/team/HostTable", {
  defaultValue: (): Service | undefined => undefined
}) {
  static readonly layer: Layer.Layer<never, never, Database | SqlClient.SqlClient> = Layer.effectContext(
    Effect.gen(function* () {
      const { kind } = yield* Database
      return Context.make(HostTable, kind === "postgres" ? make(yield* SqlClient.SqlClient) : undefined)
    })
  )
}

/**
 * The gateway's data behind one `SqlClient`: SQLite by default, PostgreSQL for many hosts, or memory.
 */

import { closeSync, existsSync, mkdirSync, openSync } from "node:fs"
import { hostname } from "node:os"
import { basename, dirname, resolve } from "node:path"
import type * as Migrator from "@effect/sql/Migrator"
import * as SqlClient from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import { Context, Data, Effect, Layer, Option, Predicate, Redacted, Schedule } from "effect"
import { GatewayConfig } from "../../config/Config.ts"
import type { DatabaseUrl } from "../../config/DatabaseUrl.ts"
import * as StateDirectory from "../../config/StateDirectory.ts"
import * as DirectoryLock from "../../runtime/DirectoryLock.ts"
import * as Migrations from "./Migrations.ts"
import * as SqliteClient from "./SqliteClient.ts"

/** The database cannot be used; the message names the setting and the cure. */
export class DatabaseUnavailable extends Data.TaggedError("DatabaseUnavailable")<{ readonly message: string }> {}

export class Database extends Context.Tag("lingma-gateway/team/Database")<
  Database,
  {
    readonly kind: "sqlite" | "postgres" | "memory"
    /** For people: a path, or a URL without its password. */
    readonly place: string
    /** Which host writes, for those who share the database. */
    readonly host: string
    /** Where changes are told by the database's thread; elsewhere one has to look. */
    readonly watch?: SqliteClient.Watching
  }
>() {}

type Services = Database | SqlClient.SqlClient
type Client = Layer.Layer<SqlClient.SqlClient, SqlError>

const unavailable = (message: string) => new DatabaseUnavailable({ message })

/** Tries for a server that is not up yet, one a second. */
const PATIENCE = Schedule.intersect(Schedule.spaced("1 second"), Schedule.recurs(10))

/** By their tags: a bundle has a copy of the library for PostgreSQL alone. */
const isSqlError = (error: unknown): error is SqlError => Predicate.isTagged(error, "SqlError")
const isMigrationError = (error: unknown): error is Migrator.MigrationError =>
  Predicate.isTagged(error, "MigrationError")

const reason = ({ cause, message }: SqlError): string =>
  cause instanceof Error && cause.message !== "" ? cause.message : message

const newest = (sql: SqlClient.SqlClient) =>
  Effect.map(
    sql<{ readonly newest: number | null }>`SELECT MAX(migration_id) AS newest FROM ${sql(Migrations.TABLE)}`,
    ([row]) => Number(row?.newest ?? 0)
  )
/**
 * How long a server may be silent while it brings the tables up to date, in milliseconds: to write large ones anew, and to
 * wait for a backup or for another gateway that does the same, takes longer than any request waits.
 */
const MIGRATION_SILENCE = 30 * 60_000
const TOGETHER = { schedule: Schedule.spaced("500 millis"), while: (error: unknown) => isSqlError(error) }

/** Refuses a database of a newer version: what it holds cannot be judged by this one. */
const upToDate = ({ kind, place }: typeof Database.Service, patient: Client | undefined) =>
  Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    // Looked at first: to migrate locks the table, for which a backup may have to end.
    const at = yield* Effect.catchAll(newest(sql), () => Effect.succeed(0))
    const migrate = patient === undefined ? Migrations.migrate : Effect.provide(Migrations.migrate, patient)
    // Gateways that start together make the tables together: one of them loses, and finds them there.
    if (at < Migrations.newest) yield* Effect.retry(migrate, { ...TOGETHER, times: kind === "postgres" ? 3 : 0 })
    if ((yield* newest(sql)) > Migrations.newest)
      return yield* unavailable(
        `DATABASE_URL: ${place} belongs to a newer version of the gateway; use that version, or another database`
      )
  }).pipe(
    Effect.catchTags({
      SqlError: (error) => unavailable(`DATABASE_URL: ${place} cannot be used: ${reason(error)}`),
      MigrationError: ({ message }) => unavailable(`DATABASE_URL: ${place} could not be brought up to date: ${message}`)
    }),
    // What a migration itself fails with is a defect to the library.
    Effect.catchSomeDefect((defect) =>
      isMigrationError(defect)
        ? Option.some(unavailable(`DATABASE_URL: ${place} could not be brought up to date: ${defect.message}`))
        : Option.none()
    )
  )

/** `patient`: a client for the migrations alone. */
const prepared = <A, E>(
  client: Layer.Layer<SqlClient.SqlClient | A, E>,
  service: typeof Database.Service,
  patient?: Client | undefined
) =>
  Layer.merge(client, Layer.succeed(Database, service)).pipe(
    Layer.tap((context) => Effect.withTracerEnabled(Effect.provide(upToDate(service, patient), context), false))
  )

const watched = (path: string, service: typeof Database.Service): Layer.Layer<Services, DatabaseUnavailable> =>
  Layer.map(prepared(SqliteClient.layer(path), service), (services) =>
    Context.add(services, Database, { ...service, watch: Context.get(services, SqliteClient.Watcher) })
  )

const memory = watched(":memory:", { kind: "memory", place: "memory", host: hostname() })

/** Creates the file for its owner only. */
const create = (path: string) =>
  Effect.try({
    try: () => {
      mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
      closeSync(openSync(path, "a", 0o600))
    },
    catch: (cause) =>
      unavailable(`DATABASE_URL: ${path} cannot be written: ${cause instanceof Error ? cause.message : String(cause)}`)
  })

const held = (path: string) =>
  Effect.catchTag(DirectoryLock.hold(dirname(path), basename(path)), "Held", ({ pid }) =>
    unavailable(
      `DATABASE_URL: ${path} is in use by another gateway (pid ${pid}): stop that one, choose another file, or use PostgreSQL`
    )
  )

const sqlite = (file: string, isServing: boolean): Layer.Layer<Services, DatabaseUnavailable> => {
  const path = resolve(file)
  const service = { kind: "sqlite" as const, place: path, host: hostname() }
  const taken = Layer.scopedDiscard(Effect.zipRight(create(path), isServing ? held(path) : Effect.void))
  return Layer.provide(watched(path, service), taken)
}

/** Loaded where it is used: most gateways have no use for it. */
const postgres = (url: Redacted.Redacted, silence?: number): Layer.Layer<Services, DatabaseUnavailable> =>
  Layer.unwrapEffect(
    Effect.map(
      Effect.promise(() => import("./PostgresClient.ts")),
      (PostgresClient) => {
        const shown = new URL(Redacted.value(url))
        shown.password = ""
        shown.search = ""
        const place = shown.href
        const client = Layer.catchAll(Layer.retry(PostgresClient.layer(url, { silence }), PATIENCE), (error) =>
          Layer.fail(unavailable(`DATABASE_URL: ${place} cannot be reached: ${reason(error)}`))
        )
        const patient = PostgresClient.layer(url, { silence: MIGRATION_SILENCE })
        return prepared(client, { kind: "postgres", place, host: hostname() }, patient)
      }
    )
  )

const inMemory = (message: string): Layer.Layer<Services, DatabaseUnavailable> =>
  Layer.provideMerge(
    memory,
    Layer.effectDiscard(
      Effect.logWarning(`${message.replace(/^DATABASE_URL: /, "")}; keys and figures are kept in memory`)
    )
  )

/** Whether keys are in a file, or might be. */
const mayHoldKeys = (file: string) =>
  Effect.gen(function* () {
    const path = resolve(file)
    if (!existsSync(path)) return false
    const context = yield* Layer.build(SqliteClient.layer(path))
    const rows = yield* Effect.provide(
      Effect.flatMap(SqlClient.SqlClient, (sql) => sql`SELECT id FROM api_keys LIMIT 1`),
      context
    )
    return rows.length > 0
  }).pipe(
    Effect.scoped,
    Effect.catchAllCause(() => Effect.succeed(true))
  )

/**
 * A gateway that was not told where to keep its data serves all the same; but not without the keys that it had, for then
 * it would be open to everybody.
 */
const byDefault = (workDir: string, isServing: boolean) =>
  Layer.catchAll(sqlite(StateDirectory.databaseFile(workDir), isServing), (error) =>
    isServing
      ? Layer.unwrapEffect(
          Effect.map(mayHoldKeys(StateDirectory.databaseFile(workDir)), (holds) =>
            holds ? Layer.fail(error) : inMemory(error.message)
          )
        )
      : Layer.fail(error)
  )
/**
 * The database that `url` names, its tables up to date. A serving gateway has a SQLite file for itself; commands such as
 * `keys` write beside it.
 */
export const layer = (
  url: DatabaseUrl,
  /** `silence`: milliseconds after which a server that says nothing is given up. */
  options: { readonly workDir: string; readonly isServing: boolean; readonly silence?: number }
): Layer.Layer<Services, DatabaseUnavailable> => {
  switch (url._tag) {
    case "Default":
      return byDefault(options.workDir, options.isServing)
    case "Sqlite":
      return sqlite(url.path, options.isServing)
    case "Postgres":
      return postgres(url.url, options.silence)
    case "Memory":
      return memory
  }
}

/** As the settings say, for a gateway that serves. */
export const layerFromConfig: Layer.Layer<Services, DatabaseUnavailable, GatewayConfig> = Layer.unwrapEffect(
  Effect.map(GatewayConfig, ({ databaseUrl, hostId, lingmaWorkDir }) =>
    // Several on one machine are told apart by their ids.
    Layer.map(layer(databaseUrl, { workDir: lingmaWorkDir, isServing: true }), (services) =>
      Option.match(hostId, {
        onNone: () => services,
        onSome: (host) => Context.add(services, Database, { ...Context.get(services, Database), host })
      })
    )
  )
)

/** The server itself ends what it hears no more of: other hosts would wait for its locks. */
const bounded = (sql: SqlClient.SqlClient) =>
  sql.onDialectOrElse({
    pg: () =>
      Effect.asVoid(
        sql.unsafe("SET LOCAL statement_timeout = '15s'; SET LOCAL idle_in_transaction_session_timeout = '15s'")
      ),
    orElse: () => Effect.void
  })

/**
 * One transaction. A commit that fails is a failure: the client makes a defect of it.
 */
export const transaction = <A, E, R>(
  effect: Effect.Effect<A, E, R>
): Effect.Effect<A, E | SqlError, R | SqlClient.SqlClient> =>
  Effect.flatMap(SqlClient.SqlClient, (sql) =>
    Effect.catchSomeDefect(sql.withTransaction(Effect.zipRight(bounded(sql), effect)), (defect) =>
      isSqlError(defect) ? Option.some(Effect.fail(defect)) : Option.none()
    )
  )

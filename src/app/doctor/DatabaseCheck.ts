/**
 * Checks of the database, which are read-only: SQLite is looked at in a copy, PostgreSQL by one question.
 */
import { closeSync, copyFileSync, existsSync, mkdtempSync, openSync, readSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import * as SqlClient from "@effect/sql/SqlClient"
import { Effect, Either, type Layer, Redacted } from "effect"
import * as StateDirectory from "../../config/StateDirectory.ts"
import * as Migrations from "../../team/database/Migrations.ts"
import * as SqliteClient from "../../team/database/SqliteClient.ts"
import * as Terminal from "../screen/Terminal.ts"
import type { Facts } from "./Facts.ts"
import { type Finding, fail, ok, warn } from "./Finding.ts"
import * as Machine from "./Machine.ts"

const SETTING = "DATABASE_URL"

/** The version of the tables; 0 where there are none. */
const version = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const [row] = yield* sql<{
    readonly newest: number | null
  }>`SELECT MAX(migration_id) AS newest FROM ${sql(Migrations.TABLE)}`
  return Number(row?.newest ?? 0)
})

const SLOW = "no answer in time"

type Told = Either.Either<number, string>

const told = <E>(layer: Layer.Layer<SqlClient.SqlClient, E>): Effect.Effect<Told> =>
  Effect.provide(version, layer).pipe(
    Effect.timeoutFail({ duration: "1500 millis", onTimeout: () => new Error(SLOW) }),
    Effect.mapError((error) => {
      const cause = error instanceof Error && "cause" in error ? error.cause : undefined
      if (cause instanceof Error && cause.message !== "") return cause.message
      return error instanceof Error ? error.message : String(error)
    }),
    Effect.catchAllDefect((defect) => Effect.fail(String(defect))),
    Effect.either,
    Effect.map((result) =>
      Either.isLeft(result) &&
      /no such table|does not exist/.test(result.left) &&
      /gateway_migrations/.test(result.left)
        ? Either.right(0)
        : result
    )
  )

const judged = (place: string, result: Told): Finding => {
  if (Either.isLeft(result)) {
    const isWrong = /not a database|malformed|corrupt/i.test(result.left)
    return isWrong
      ? fail("database.corrupt", SETTING, `${place} is no intact SQLite database`, "restore it, or move it away")
      : fail("database.unreachable", SETTING, `${place}: ${result.left}`, "start the server, or correct DATABASE_URL")
  }
  if (result.right > Migrations.newest) {
    return fail(
      "database.newer",
      SETTING,
      `${place} is of a newer gateway (tables ${result.right})`,
      "use that version, or another database"
    )
  }
  const state = result.right === Migrations.newest ? `tables ${result.right}` : "tables are made at the start"
  return ok("database", "database", `${place}, ${state}`)
}

const LARGEST = 64 * 1024 * 1024
const HEADER = "SQLite format 3\0"

const headOf = (path: string): string => {
  const fd = openSync(path, "r")
  try {
    const head = Buffer.alloc(HEADER.length)
    return head.subarray(0, readSync(fd, head, 0, HEADER.length, 0)).toString("latin1")
  } finally {
    closeSync(fd)
  }
}

const temporary = (): string | undefined => {
  try {
    return mkdtempSync(join(tmpdir(), "lingma-doctor-"))
  } catch {
    return undefined
  }
}

const copied = (path: string) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const dir = temporary()
      if (dir === undefined) return undefined
      try {
        for (const part of ["", "-wal"])
          if (existsSync(path + part)) copyFileSync(path + part, join(dir, `copy.db${part}`))
        return dir
      } catch {
        rmSync(dir, { recursive: true, force: true })
        return undefined
      }
    }),
    (dir) => Effect.sync(() => dir !== undefined && rmSync(dir, { recursive: true, force: true }))
  )

const sqlite = Effect.fnUntraced(function* (path: string, home: string) {
  const place = Terminal.short(path, home)
  if (!existsSync(path)) {
    const above = Machine.nearest(path)
    return statSync(above).isDirectory()
      ? ok("database", "database", `${place} (made at the first start)`)
      : fail(
          "database.path",
          SETTING,
          `${place} cannot be made: ${Terminal.short(above, home)} is no directory`,
          "correct DATABASE_URL"
        )
  }
  const stats = statSync(path)
  if (!stats.isFile()) return fail("database.path", SETTING, `${place} is no file`, "correct DATABASE_URL")
  if (stats.size > 0 && headOf(path) !== HEADER) return judged(place, Either.left("file is not a database"))
  const size = stats.size + (statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0)
  const asFile = ok("database", "database", `${place}, ${Math.round(size / 1024 / 1024)} MB`)
  if (size > LARGEST) return asFile
  // Where nothing can be written, as in a container, it is not opened.
  const dir = yield* copied(path)
  if (dir === undefined) return asFile
  const result = yield* told(SqliteClient.layer(join(dir, "copy.db")))
  // A slow machine is no fault of the database.
  return Either.isLeft(result) && result.left === SLOW ? asFile : judged(place, result)
}, Effect.scoped)

const postgres = Effect.fnUntraced(function* (url: Redacted.Redacted) {
  const { layer } = yield* Effect.promise(() => import("../../team/database/PostgresClient.ts"))
  const shown = new URL(Redacted.value(url))
  shown.password = ""
  shown.search = ""
  return judged(shown.href, yield* told(layer(url)))
})

/** `isServing`: a gateway runs and has the file open; it would not serve without it. */
export const check = (facts: Facts, isServing: boolean): Effect.Effect<ReadonlyArray<Finding>> => {
  const { databaseUrl, lingmaWorkDir } = facts.settings
  if (databaseUrl._tag === "Memory") {
    return Effect.succeed([ok("database", "database", "none: keys and figures end with the process")])
  }
  if (databaseUrl._tag === "Postgres") return Effect.map(postgres(databaseUrl.url), (one) => [one])
  const path = resolve(databaseUrl._tag === "Sqlite" ? databaseUrl.path : StateDirectory.databaseFile(lingmaWorkDir))
  if (isServing && existsSync(path)) {
    return Effect.succeed([ok("database", "database", `${Terminal.short(path, facts.home)}, in use`)])
  }
  return sqlite(path, facts.home).pipe(
    Effect.map((one) => [one]),
    Effect.catchAllDefect(() =>
      Effect.succeed([
        warn("database.unread", SETTING, `${Terminal.short(path, facts.home)} cannot be read`, "see who owns it")
      ])
    )
  )
}

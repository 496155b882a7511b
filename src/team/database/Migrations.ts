/**
 * The tables, in the order in which they came to be; the same statements for SQLite and PostgreSQL.
 *
 * Times are milliseconds since 1970, days are dates such as 2026-11-28.
 */
import * as Migrator from "@effect/sql/Migrator"
import * as SqlClient from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import { Effect } from "effect"

/** At the end of a table whose rows are to lie in the order of its key, which PostgreSQL does not offer. */
const IN_ORDER = "/* in order */"

/** A statement, or one for each of the two. */
type Statement = string | { readonly sqlite: string; readonly pg: string }

const run = (...statements: ReadonlyArray<Statement>): Effect.Effect<void, SqlError, SqlClient.SqlClient> =>
  Effect.flatMap(SqlClient.SqlClient, (sql) => {
    const dialect = sql.onDialectOrElse({ sqlite: () => "sqlite" as const, orElse: () => "pg" as const })
    const inOrder = dialect === "sqlite" ? "WITHOUT ROWID" : ""
    const text = (statement: Statement) => (typeof statement === "string" ? statement : statement[dialect])
    return Effect.forEach(statements, (statement) => sql.unsafe(text(statement).replace(IN_ORDER, inOrder)), {
      discard: true
    })
  })

/** Figures that are added up, beside what they are added up by. */
const SUMS = `
  requests BIGINT NOT NULL, completed BIGINT NOT NULL, failed BIGINT NOT NULL, cancelled BIGINT NOT NULL,
  rejected BIGINT NOT NULL, estimated BIGINT NOT NULL, prompt_tokens BIGINT NOT NULL,
  completion_tokens BIGINT NOT NULL, reasoning_tokens BIGINT NOT NULL`
const BY = `
  key_id TEXT NOT NULL, key_name TEXT NOT NULL, model TEXT NOT NULL, account TEXT NOT NULL, client TEXT NOT NULL`

const all: Readonly<Record<string, Effect.Effect<void, SqlError, SqlClient.SqlClient>>> = {
  "0001_team": run(
    // Keys by digest; what a key may is null where it has no limit. `models` is a list of patterns with commas, "" is all.
    `CREATE TABLE api_keys (
      id TEXT PRIMARY KEY, name TEXT NOT NULL, digest TEXT NOT NULL UNIQUE, last_four TEXT NOT NULL,
      previous_digest TEXT, previous_until BIGINT,
      tokens_per_day BIGINT, requests_per_minute BIGINT, max_in_flight BIGINT,
      weight DOUBLE PRECISION NOT NULL, models TEXT NOT NULL, is_admin INTEGER NOT NULL,
      created_at BIGINT NOT NULL, expires_at BIGINT, revoked_at BIGINT, last_used_at BIGINT)`,
    "CREATE UNIQUE INDEX api_keys_name ON api_keys (name) WHERE revoked_at IS NULL",
    // Counters such as the version of the keys, which changes with each of them.
    "CREATE TABLE counters (name TEXT PRIMARY KEY, value BIGINT NOT NULL)",
    "INSERT INTO counters (name, value) VALUES ('keys', 0)",
    // What a key has used of a limit: `kind` is minute or day.
    `CREATE TABLE key_windows (
      key_id TEXT NOT NULL, kind TEXT NOT NULL, started_at BIGINT NOT NULL, used BIGINT NOT NULL,
      PRIMARY KEY (key_id, kind))`,
    // One row for each chat.
    `CREATE TABLE chats (
      id TEXT PRIMARY KEY, request_id TEXT NOT NULL, ended_at BIGINT NOT NULL, host TEXT NOT NULL,
      key_id TEXT NOT NULL, key_name TEXT NOT NULL, client TEXT NOT NULL, dialect TEXT NOT NULL,
      is_stream INTEGER NOT NULL, model_asked TEXT NOT NULL, model TEXT, instance TEXT, account TEXT,
      outcome TEXT NOT NULL, error_code TEXT, prompt_tokens BIGINT NOT NULL, completion_tokens BIGINT NOT NULL,
      reasoning_tokens BIGINT NOT NULL, usage_source TEXT, queue_ms DOUBLE PRECISION,
      first_token_ms DOUBLE PRECISION, total_ms DOUBLE PRECISION NOT NULL, retries INTEGER NOT NULL,
      tool_calls INTEGER NOT NULL)`,
    "CREATE INDEX chats_ended_at ON chats (ended_at)",
    `CREATE TABLE usage_hours (started_at BIGINT NOT NULL, ${BY}, ${SUMS},
      PRIMARY KEY (started_at, key_id, key_name, model, account, client)) ${IN_ORDER}`,
    `CREATE TABLE usage_days (day TEXT NOT NULL, ${BY}, ${SUMS},
      PRIMARY KEY (day, key_id, key_name, model, account, client)) ${IN_ORDER}`,
    // Responses and conversations that their own key may go on from; `items` are the ids of their items, each between blanks.
    `CREATE TABLE kept_responses (
      key_id TEXT NOT NULL, id TEXT NOT NULL, bytes BIGINT NOT NULL, written_at BIGINT NOT NULL, items TEXT NOT NULL,
      body TEXT NOT NULL, PRIMARY KEY (key_id, id))`,
    "CREATE INDEX kept_responses_written_at ON kept_responses (written_at, id, key_id, bytes)"
  ),
  "0002_kept_items": run(
    // What was removed stays as an empty row, so that no other host writes it again.
    "ALTER TABLE kept_responses ADD COLUMN removed_at BIGINT",
    "DROP INDEX kept_responses_written_at",
    "CREATE INDEX kept_responses_written_at ON kept_responses (written_at, id, key_id, bytes) WHERE removed_at IS NULL",
    "CREATE INDEX kept_responses_removed_at ON kept_responses (removed_at) WHERE removed_at IS NOT NULL",
    // The items that can be referred to by themselves, and what holds them.
    `CREATE TABLE kept_items (
      key_id TEXT NOT NULL, response_id TEXT NOT NULL, item_id TEXT NOT NULL,
      PRIMARY KEY (key_id, response_id, item_id),
      FOREIGN KEY (key_id, response_id) REFERENCES kept_responses (key_id, id) ON DELETE CASCADE) ${IN_ORDER}`,
    "CREATE INDEX kept_items_item ON kept_items (key_id, item_id)",
    {
      pg: `INSERT INTO kept_items (key_id, response_id, item_id)
        SELECT DISTINCT key_id, id, item FROM kept_responses, unnest(string_to_array(items, ' ')) AS item WHERE item <> ''`,
      sqlite: `INSERT INTO kept_items (key_id, response_id, item_id)
        WITH RECURSIVE parts (key_id, id, item, rest) AS (
          SELECT key_id, id, '', items FROM kept_responses
          UNION ALL
          SELECT key_id, id, SUBSTR(rest, 1, INSTR(rest, ' ') - 1), SUBSTR(rest, INSTR(rest, ' ') + 1) FROM parts
          WHERE INSTR(rest, ' ') > 0)
        SELECT DISTINCT key_id, id, item FROM parts WHERE item <> ''`
    },
    "ALTER TABLE kept_responses DROP COLUMN items"
  ),
  "0003_chat_errors": run(
    "ALTER TABLE chats ADD COLUMN error TEXT",
    "ALTER TABLE chats ADD COLUMN login_ms DOUBLE PRECISION"
  ),
  "0004_hosts": run(
    // Gateways that share the database, as they last said of themselves; `run` differs from start to start, accounts are JSON.
    `CREATE TABLE hosts (
      id TEXT PRIMARY KEY, run TEXT NOT NULL, url TEXT NOT NULL, version TEXT NOT NULL, settings TEXT NOT NULL,
      is_ready INTEGER NOT NULL, in_flight BIGINT NOT NULL, accounts TEXT NOT NULL, seen_at BIGINT NOT NULL)`
  )
}

/** The newest that this version knows. */
export const newest: number = Math.max(...Object.keys(all).map((name) => Number.parseInt(name, 10)))

export const TABLE = "gateway_migrations"

/** Brings the tables up to date; gives those that ran. */
export const migrate = Migrator.make({})({ loader: Migrator.fromRecord(all), table: TABLE })

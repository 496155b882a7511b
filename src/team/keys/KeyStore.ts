/**
 * The keys of the database: made, shown, changed and revoked. Each change raises the version by which running gateways
 * notice it.
 */
import * as SqlClient from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import { Clock, Context, Effect, Layer, type Redacted, Redacted as Secret } from "effect"
import * as Database from "../database/Database.ts"
import * as Digest from "./Digest.ts"
import * as Key from "./Key.ts"

type Grants = Key.Grants

interface Row {
  readonly id: string
  readonly name: string
  readonly digest: string
  readonly lastFour: string
  readonly previousDigest: string | null
  readonly previousUntil: number | null
  readonly tokensPerDay: number | null
  readonly requestsPerMinute: number | null
  readonly maxInFlight: number | null
  readonly weight: number
  readonly models: string
  readonly isAdmin: number
  readonly createdAt: number
  readonly expiresAt: number | null
  readonly lastUsedAt: number | null
}

/** A key that was just made: its secret is told once, and kept nowhere. */
export interface Made {
  readonly key: Key.Key
  readonly secret: Redacted.Redacted
}

const toKey = (row: Row): Key.Key => ({
  id: row.id,
  name: row.name,
  lastFour: row.lastFour,
  tokensPerDay: row.tokensPerDay ?? undefined,
  requestsPerMinute: row.requestsPerMinute ?? undefined,
  maxInFlight: row.maxInFlight ?? undefined,
  weight: row.weight,
  models: Key.parseModels(row.models),
  isAdmin: row.isAdmin !== 0,
  createdAt: row.createdAt,
  expiresAt: row.expiresAt ?? undefined,
  lastUsedAt: row.lastUsedAt ?? undefined,
  source: "database"
})

const toKnown = (row: Row): ReadonlyArray<Key.Known> => {
  const key = toKey(row)
  const now = { key, digest: row.digest }
  return row.previousDigest === null
    ? [now]
    : [now, { key, digest: row.previousDigest, until: row.previousUntil ?? undefined }]
}

const columns = (grants: Grants) => ({
  tokensPerDay: grants.tokensPerDay ?? null,
  requestsPerMinute: grants.requestsPerMinute ?? null,
  maxInFlight: grants.maxInFlight ?? null,
  weight: grants.weight,
  models: grants.models.join(","),
  isAdmin: grants.isAdmin ? 1 : 0,
  expiresAt: grants.expiresAt ?? null
})

const exists = (name: string) =>
  new Key.KeyProblem({ reason: "exists", field: "name", message: `there is a key named ${name} already` })
const notFound = (name: string) =>
  new Key.KeyProblem({ reason: "not_found", field: "name", message: `there is no key named ${name}` })

type Changed<A> = Effect.Effect<A, Key.KeyProblem | SqlError>

/** Gives what changes with every key. */
export const VERSION = "SELECT value FROM counters WHERE name = 'keys'"

export class KeyStore extends Context.Tag("lingma-gateway/team/KeyStore")<
  KeyStore,
  {
    readonly add: (name: string, grants: Grants) => Changed<Made>
    /** By name; without those that were revoked. */
    readonly list: Effect.Effect<ReadonlyArray<Key.Key>, SqlError>
    readonly get: (name: string) => Changed<Key.Key>
    /** Those of these names that there are, in no order. */
    readonly some: (names: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<Key.Key>, SqlError>
    readonly set: (name: string, changes: Partial<Grants>) => Changed<Key.Key>
    /** A new secret; the one before it goes on for `grace` milliseconds. */
    readonly rotate: (name: string, grace: number) => Changed<Made>
    readonly revoke: (name: string) => Changed<Key.Key>
    /** Revokes it, and leaves no row: for a key that nobody was given, and that should not count as one later. */
    readonly forget: (name: string) => Changed<void>
    /** It changes with every key. */
    readonly version: Effect.Effect<number, SqlError>
    /** Whether there ever was a key, those that were revoked included. */
    readonly hadKeys: Effect.Effect<boolean, SqlError>
    /** Digests that open the gateway, those before a rotation too. */
    readonly known: Effect.Effect<ReadonlyArray<Key.Known>, SqlError>
    /** When keys were last used, by their id; no change of them. */
    readonly used: (times: ReadonlyMap<string, number>) => Effect.Effect<void, SqlError>
  }
>() {
  static readonly make = Effect.gen(function* () {
    const sql = yield* SqlClient.SqlClient
    const inTransaction = <A, E>(effect: Effect.Effect<A, E>) =>
      Effect.provideService(Database.transaction(effect), SqlClient.SqlClient, sql)
    const raised = sql`UPDATE counters SET value = value + 1 WHERE name = 'keys'`
    // The counter first: its lock puts changes of one key, from several hosts, one behind the other.
    const changing = <A, E>(effect: Effect.Effect<A, E>) => inTransaction(Effect.zipRight(raised, effect))

    const rows = sql<Row>`SELECT * FROM api_keys WHERE revoked_at IS NULL ORDER BY name`
    const find = (name: string) =>
      Effect.map(sql<Row>`SELECT * FROM api_keys WHERE revoked_at IS NULL AND name = ${name}`, ([row]) => row)
    const row = (name: string) =>
      Effect.flatMap(find(name), (found) => (found === undefined ? notFound(name) : Effect.succeed(found)))

    const add = Effect.fnUntraced(function* (name: string, grants: Grants) {
      const createdAt = yield* Clock.currentTimeMillis
      yield* Key.checkName(name)
      yield* Key.check(grants, createdAt)
      const secret = Key.makeSecret()
      const id = Key.makeId()
      const text = Secret.value(secret)
      const made = { id, name, digest: Digest.of(text), lastFour: Key.lastFourOf(text), createdAt, ...columns(grants) }
      const free = Effect.flatMap(find(name), (other) => (other === undefined ? Effect.void : exists(name)))
      const insert = Effect.zipRight(free, sql`INSERT INTO api_keys ${sql.insert(made)}`)
      // Two that add the same name at once: the index lets one of them in.
      yield* Effect.catchTag(changing(insert), "SqlError", (error) => Effect.zipRight(free, error))
      const key: Key.Key = {
        ...grants,
        id,
        name,
        lastFour: made.lastFour,
        createdAt,
        lastUsedAt: undefined,
        source: "database"
      }
      return { key, secret }
    })

    const set = Effect.fnUntraced(function* (name: string, changes: Partial<Grants>) {
      const now = yield* Clock.currentTimeMillis
      return yield* changing(
        Effect.gen(function* () {
          const before = toKey(yield* row(name))
          const key: Key.Key = { ...before, ...changes }
          yield* Key.check(key, "expiresAt" in changes ? now : undefined)
          yield* sql`UPDATE api_keys SET ${sql.update(columns(key))} WHERE id = ${key.id}`
          return key
        })
      )
    })

    const rotate = Effect.fnUntraced(function* (name: string, grace: number) {
      const now = yield* Clock.currentTimeMillis
      const secret = Key.makeSecret()
      const text = Secret.value(secret)
      const digest = Digest.of(text)
      const lastFour = Key.lastFourOf(text)
      return yield* changing(
        Effect.gen(function* () {
          const before = yield* row(name)
          const previous = {
            previousDigest: grace > 0 ? before.digest : null,
            previousUntil: grace > 0 ? now + grace : null
          }
          yield* sql`UPDATE api_keys SET ${sql.update({ digest, lastFour, ...previous })} WHERE id = ${before.id}`
          return { key: { ...toKey(before), lastFour }, secret }
        })
      )
    })

    const revoke = Effect.fnUntraced(function* (name: string) {
      const revokedAt = yield* Clock.currentTimeMillis
      return yield* changing(
        Effect.gen(function* () {
          const before = yield* row(name)
          const gone = { revokedAt, previousDigest: null, previousUntil: null }
          yield* sql`UPDATE api_keys SET ${sql.update(gone)} WHERE id = ${before.id}`
          return toKey(before)
        })
      )
    })

    const forget = (name: string) =>
      changing(Effect.asVoid(Effect.flatMap(row(name), ({ id }) => sql`DELETE FROM api_keys WHERE id = ${id}`)))

    return KeyStore.of({
      add,
      list: Effect.map(rows, (all) => all.map(toKey)),
      get: (name) => Effect.map(row(name), toKey),
      some: (names) =>
        names.length === 0
          ? Effect.succeed([])
          : Effect.map(
              sql<Row>`SELECT * FROM api_keys WHERE revoked_at IS NULL AND ${sql.in("name", names)}`,
              (found) => found.map(toKey)
            ),
      set,
      rotate,
      revoke,
      forget,
      version: Effect.map(sql.unsafe<{ readonly value: number }>(VERSION), ([found]) => found?.value ?? 0),
      hadKeys: Effect.map(sql`SELECT id FROM api_keys LIMIT 1`, (some) => some.length > 0),
      known: Effect.map(rows, (all) => all.flatMap(toKnown)),
      used: (times) =>
        Effect.forEach(times, ([id, at]) => sql`UPDATE api_keys SET last_used_at = ${at} WHERE id = ${id}`, {
          discard: true
        })
    })
  })

  static readonly layer: Layer.Layer<KeyStore, never, SqlClient.SqlClient> = Layer.effect(KeyStore, KeyStore.make)
}

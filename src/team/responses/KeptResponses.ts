/**
 * Responses and conversations in the database, bound to the key that made them: they outlive a restart, and hosts that
 * share a database share them.
 */
import * as SqlClient from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import { Array as Arr, Context, Effect, Fiber, Layer, Schedule } from "effect"
import { GatewayConfig } from "../../config/Config.ts"
import { Database, transaction } from "../database/Database.ts"

/** A thing as it is kept: JSON that its dialect understands. */
export interface Kept {
  readonly id: string
  readonly body: string
}

export interface Service {
  /** Other hosts may change what is here. */
  readonly isShared: boolean
  /** In place of what had this id; written a moment later. `items` are the ids of what can be referred to by itself. */
  readonly put: (keyId: string, kept: Kept, items: ReadonlyArray<string>) => void
  readonly remove: (keyId: string, id: string) => void
  /** Those that are kept, of one key; none when the database is away. */
  readonly find: (keyId: string, ids: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<Kept>>
  /** Those that hold one of these items. */
  readonly holding: (keyId: string, items: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<Kept>>
}

interface Change {
  readonly keyId: string
  readonly id: string
  /** Undefined: it is removed. */
  readonly body: string | undefined
  readonly items: ReadonlyArray<string>
}

/** Most bytes in the database, and of one thing; older ones go first. */
const MOST_BYTES = 1 << 28
const MOST_BODY = 1 << 24
/** Most changes that wait to be written, and most characters of them; the oldest are given up beyond that. */
const MOST_WAITING = 1000
const MOST_CHARACTERS = 1 << 26
/** Of one transaction. */
const BATCH = 50
const BATCH_CHARACTERS = 1 << 22
/** Items of one question. */
const ITEMS = 100
/** A request does not wait longer for what is kept. */
const PATIENCE = "2 seconds"
const PAUSE = "200 millis"
const TELL_SECONDS = 60

/** Ids of items are the client's words: some characters would be no text to a database, or part of a pattern. */
const plainId = (id: string) => id.replace(/[\0 %\\]/g, "").slice(0, 512)

const nothing: Service = {
  isShared: false,
  put: () => {},
  remove: () => {},
  find: () => Effect.succeed([]),
  holding: () => Effect.succeed([])
}

const make = Effect.fnUntraced(function* (capacity: number) {
  const sql = yield* SqlClient.SqlClient
  const { kind } = yield* Database
  const clock = yield* Effect.clock
  const seconds = () => Number(clock.unsafeCurrentTimeNanos()) / 1e9
  /** By key and id, the last change of each, in the order in which they were asked for. */
  const waiting = new Map<string, Change>()
  const nameOf = (keyId: string, id: string) => `${keyId} ${id}`
  let toldAt = Number.NEGATIVE_INFINITY

  let characters = 0
  const drop = (name: string) => {
    characters -= waiting.get(name)?.body?.length ?? 0
    waiting.delete(name)
  }
  const change = (one: Change) => {
    const name = nameOf(one.keyId, one.id)
    drop(name)
    waiting.set(name, one)
    characters += one.body?.length ?? 0
    for (const [oldest, { body }] of waiting) {
      if (waiting.size <= MOST_WAITING && characters <= MOST_CHARACTERS) return
      // What was removed must not come back, so that is given up last.
      if (body !== undefined || waiting.size > MOST_WAITING) drop(oldest)
    }
  }
  const nextBatch = () => {
    const batch: Array<[string, Change]> = []
    let length = 0
    for (const [name, one] of waiting) {
      length += one.body?.length ?? 0
      if (batch.length === BATCH || (batch.length > 0 && length > BATCH_CHARACTERS)) break
      batch.push([name, one])
    }
    return batch
  }

  const failed = (what: string) => (error: { readonly message: string }) =>
    Effect.suspend(() => {
      if (seconds() - toldAt < TELL_SECONDS) return Effect.void
      toldAt = seconds()
      return Effect.annotateLogs(Effect.logWarning(`${what}: the database does not answer`), { reason: error.message })
    })

  /** The newest stay, of each key as many as of the others. */
  const prune = sql`
    DELETE FROM kept_responses WHERE (key_id, id) IN (
      SELECT key_id, id FROM (
        SELECT key_id, id,
          ROW_NUMBER() OVER (ORDER BY nth, written_at DESC, id) AS place,
          SUM(bytes) OVER (ORDER BY nth, written_at DESC, id) AS total
        FROM (
          SELECT key_id, id, bytes, written_at,
            ROW_NUMBER() OVER (PARTITION BY key_id ORDER BY written_at DESC, id) AS nth
          FROM kept_responses) AS of_key) AS ranked
      WHERE place > ${capacity} OR total > ${MOST_BYTES})`

  const store = (changes: ReadonlyArray<Change>) => {
    const writtenAt = clock.unsafeCurrentTimeMillis()
    const rows = changes.flatMap(({ body, id, items, keyId }) =>
      body === undefined
        ? []
        : [{ keyId, id, body, items: ` ${items.map(plainId).join(" ")} `, bytes: body.length, writtenAt }]
    )
    const forget = Effect.forEach(
      changes,
      ({ id, keyId }) => sql`DELETE FROM kept_responses WHERE key_id = ${keyId} AND id = ${id}`,
      { discard: true }
    )
    const insert: Effect.Effect<unknown, SqlError> =
      rows.length === 0 ? Effect.void : Effect.zipRight(sql`INSERT INTO kept_responses ${sql.insert(rows)}`, prune)
    return transaction(Effect.zipRight(forget, insert))
  }

  /** What was changed again meanwhile stays. */
  const write: Effect.Effect<void, never, SqlClient.SqlClient> = Effect.suspend(() => {
    const batch = nextBatch()
    if (batch.length === 0) return Effect.void
    return Effect.matchEffect(store(batch.map(([, one]) => one)), {
      onFailure: failed("responses are kept in memory only"),
      onSuccess: () => {
        for (const [name, one] of batch) if (waiting.get(name) === one) drop(name)
        return waiting.size === 0 ? Effect.void : write
      }
    })
  })
  const writer = yield* write.pipe(
    Effect.repeat(Schedule.spaced(PAUSE)),
    Effect.withTracerEnabled(false),
    Effect.interruptible,
    Effect.forkDaemon
  )
  yield* Effect.addFinalizer(() =>
    // A statement under way may not be interruptible, and does not keep the gateway from ending.
    Effect.zipRight(Fiber.interrupt(writer), write).pipe(
      Effect.disconnect,
      Effect.interruptible,
      Effect.timeoutOption(PATIENCE)
    )
  )

  const unlessChanged = (keyId: string) => (found: ReadonlyArray<Kept>) =>
    found.filter(({ id }) => !waiting.has(nameOf(keyId, id)))
  const ofWaiting = (keyId: string, isMeant: (one: Change) => boolean) =>
    [...waiting.values()].flatMap((one) =>
      one.keyId === keyId && one.body !== undefined && isMeant(one) ? [{ id: one.id, body: one.body }] : []
    )
  const read = (keyId: string, rows: Effect.Effect<ReadonlyArray<Kept>, { readonly message: string }>) =>
    rows.pipe(
      Effect.disconnect,
      Effect.timeout(PATIENCE),
      Effect.map(unlessChanged(keyId)),
      Effect.catchAll((error) => Effect.as(failed("responses cannot be read")(error), []))
    )

  const service: Service = {
    isShared: kind === "postgres",
    put: (keyId, { body, id }, items) => {
      if (body.length <= MOST_BODY) change({ keyId, id, body, items })
      else change({ keyId, id, body: undefined, items })
    },
    remove: (keyId, id) => change({ keyId, id, body: undefined, items: [] }),
    find: (keyId, ids) =>
      ids.length === 0
        ? Effect.succeed([])
        : Effect.map(
            read(
              keyId,
              sql<Kept>`SELECT id, body FROM kept_responses WHERE key_id = ${keyId} AND ${sql.in("id", ids)}`
            ),
            (found) => [...found, ...ofWaiting(keyId, ({ id }) => ids.includes(id))]
          ),
    holding: (keyId, items) =>
      Effect.map(
        Effect.forEach(Arr.chunksOf(items, ITEMS), (some) =>
          read(
            keyId,
            sql<Kept>`SELECT id, body FROM kept_responses WHERE key_id = ${keyId} AND ${sql.or(
              some.map((item) => sql`items LIKE ${`% ${plainId(item)} %`}`)
            )}`
          )
        ),
        (found) => [...found.flat(), ...ofWaiting(keyId, (one) => items.some((item) => one.items.includes(item)))]
      )
  }
  return service
})

/** Without the layer nothing is kept beside the memory. */
export class KeptResponses extends Context.Reference<KeptResponses>()("lingma-gateway/team/KeptResponses", {
  defaultValue: () => nothing
}) {
  /** Nothing where `RESPONSES_STORE` is 0, or where the database is memory too. */
  static readonly layer: Layer.Layer<never, never, Database | SqlClient.SqlClient | GatewayConfig> =
    Layer.scopedContext(
      Effect.gen(function* () {
        const { responsesStore } = yield* GatewayConfig
        const { kind } = yield* Database
        const service =
          responsesStore === 0 || kind === "memory"
            ? nothing
            : yield* Effect.withTracerEnabled(make(responsesStore), false)
        return Context.make(KeptResponses, service)
      })
    )
}

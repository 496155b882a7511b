/**
 * Responses and conversations in the database, bound to the key that made them: they outlive a restart, and hosts that
 * share a database share them.
 */
import * as SqlClient from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import { Array as Arr, Context, Effect, Fiber, Layer } from "effect"
import { GatewayConfig } from "../../config/Config.ts"
import { Database, transaction } from "../database/Database.ts"
import * as InTime from "../database/InTime.ts"
import * as KeptRows from "./KeptRows.ts"

/** A thing as it is kept: JSON that its dialect understands. */
export interface Kept {
  readonly id: string
  readonly body: string
}

/** Undefined: it was removed, here or by another host. */
export interface Found extends Omit<Kept, "body"> {
  readonly body: string | undefined
}

export interface Service {
  /** Other hosts may change what is here. */
  readonly isShared: boolean
  /**
   * In place of what had this id, unless that was removed; written a moment later. `items` are the ids of what can be
   * referred to by itself.
   */
  readonly put: (keyId: string, kept: Kept, items: ReadonlyArray<string>) => void
  readonly remove: (keyId: string, id: string) => void
  /** Those that are kept or were removed, of one key; none when the database is away. */
  readonly find: (keyId: string, ids: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<Found>>
  /** Which of these were removed. */
  readonly removed: (keyId: string, ids: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<string>>
  /** One of those that hold it, for each of these items. */
  readonly holding: (keyId: string, items: ReadonlyArray<string>) => Effect.Effect<ReadonlyArray<Found>>
  /** Waits, for a while, until other hosts can see what was changed before, of one key. */
  readonly settled: (keyId: string) => Effect.Effect<void>
}

/** Most characters of one thing; a larger one is in memory only. */
const MOST_BODY = 1 << 24
/** Most changes that wait to be written, and most characters of them; the oldest are given up beyond that. */
const MOST_WAITING = 1000
const MOST_CHARACTERS = 1 << 26
/** Of one transaction. */
const BATCH = 50
const BATCH_CHARACTERS = 1 << 22
/** A request does not wait longer for what is kept. */
const PATIENCE = "2 seconds"
const inTime = InTime.within(PATIENCE)
/** Between a change and its writing; where hosts share the database, another one may ask for it at once. */
const PAUSE = "200 millis"
const PAUSE_SHARED = "10 millis"
/** What is not there is looked for again, in case another host is about to write it. In milliseconds. */
const AGAIN = [30, 100, 250]
const TELL_SECONDS = 60

const nothing: Service = {
  isShared: false,
  put: () => {},
  remove: () => {},
  find: () => Effect.succeed([]),
  removed: () => Effect.succeed([]),
  holding: () => Effect.succeed([]),
  settled: () => Effect.void
}

const make = Effect.fnUntraced(function* (capacity: number) {
  const rows = KeptRows.make(yield* SqlClient.SqlClient, capacity)
  const { kind } = yield* Database
  const isShared = kind === "postgres"
  const clock = yield* Effect.clock
  const seconds = () => Number(clock.unsafeCurrentTimeNanos()) / 1e9
  /** By key and id, the last change of each, in the order in which they were asked for. */
  const waiting = new Map<string, KeptRows.Change>()
  const nameOf = (keyId: string, id: string) => `${keyId} ${id}`
  let toldAt = Number.NEGATIVE_INFINITY

  const wake = Effect.unsafeMakeLatch()
  let characters = 0
  const drop = (name: string) => {
    characters -= waiting.get(name)?.body?.length ?? 0
    waiting.delete(name)
  }
  const change = (one: KeptRows.Change) => {
    const name = nameOf(one.keyId, one.id)
    if (waiting.get(name)?.isRemoved === true) return
    drop(name)
    waiting.set(name, one)
    wake.unsafeOpen()
    characters += one.body?.length ?? 0
    for (const [oldest, { body }] of waiting) {
      if (waiting.size <= MOST_WAITING && characters <= MOST_CHARACTERS) return
      // What was removed must not come back, so that is given up last.
      if (body !== undefined || waiting.size > MOST_WAITING) drop(oldest)
    }
  }
  const nextBatch = () => {
    const batch: Array<[string, KeptRows.Change]> = []
    let length = 0
    for (const [name, one] of waiting) {
      length += one.body?.length ?? 0
      if (batch.length === BATCH || (batch.length > 0 && length > BATCH_CHARACTERS)) break
      batch.push([name, one])
    }
    // In one order, so that hosts that write the same rows do not wait for each other in a circle.
    return batch.sort(([a], [b]) => (a < b ? -1 : 1))
  }

  const failed = (what: string) => (error: { readonly message: string }) =>
    Effect.suspend(() => {
      if (seconds() - toldAt < TELL_SECONDS) return Effect.void
      toldAt = seconds()
      return Effect.annotateLogs(Effect.logWarning(`${what}: the database does not answer`), { reason: error.message })
    })

  /** What was changed again meanwhile stays. */
  const write: Effect.Effect<void, never, SqlClient.SqlClient> = Effect.suspend(() => {
    const batch = nextBatch()
    if (batch.length === 0) return Effect.void
    return Effect.matchEffect(
      transaction(
        rows.store(
          batch.map(([, one]) => one),
          clock.unsafeCurrentTimeMillis()
        )
      ),
      {
        onFailure: failed("responses are kept in memory only"),
        onSuccess: () => {
          for (const [name, one] of batch) if (waiting.get(name) === one) drop(name)
          return waiting.size === 0 ? Effect.void : write
        }
      }
    )
  })
  const writer = yield* wake.await.pipe(
    Effect.zipRight(wake.close),
    Effect.zipRight(Effect.sleep(isShared ? PAUSE_SHARED : PAUSE)),
    Effect.zipRight(write),
    Effect.zipRight(Effect.suspend(() => (waiting.size === 0 ? Effect.void : Effect.delay(wake.open, PAUSE)))),
    Effect.forever,
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

  /** What the database says; undefined when it is away. */
  const read = <A>(rows: Effect.Effect<ReadonlyArray<A>, SqlError>) =>
    Effect.catchAll(inTime(rows), (error) => Effect.as(failed("responses cannot be read")(error), undefined))
  interface Answer<A> {
    /** By what was asked for. */
    readonly known: ReadonlyMap<string, A>
    readonly isAway: boolean
  }
  /** What is not known is asked for again, where another host may be writing it. */
  const patiently = <A>(
    asked: ReadonlyArray<string>,
    ask: (asked: ReadonlyArray<string>) => Effect.Effect<Answer<A>>,
    [pause, ...pauses]: ReadonlyArray<number> = isShared ? AGAIN : []
  ): Effect.Effect<ReadonlyArray<A>> =>
    Effect.flatMap(ask(asked), ({ isAway, known }) => {
      const missing = asked.filter((id) => !known.has(id))
      const found = [...known.values()]
      return pause === undefined || isAway || missing.length === 0
        ? Effect.succeed(found)
        : Effect.map(Effect.delay(patiently(missing, ask, pauses), pause), (more) => [...found, ...more])
    })

  /** What waits to be written counts more than what is there, unless that was removed. */
  const lookUp = (keyId: string) => (ids: ReadonlyArray<string>) =>
    Effect.map(read(rows.find(keyId, ids)), (there): Answer<Found> => {
      const known = new Map<string, Found>()
      for (const { body, id, removedAt } of there ?? [])
        known.set(id, { id, body: removedAt === null ? body : undefined })
      for (const id of ids) {
        const own = waiting.get(nameOf(keyId, id))
        const isRemoved = known.has(id) && known.get(id)?.body === undefined
        if (own === undefined || isRemoved) continue
        if (own.body !== undefined || own.isRemoved) known.set(id, { id, body: own.body })
        else known.delete(id)
      }
      return { known, isAway: there === undefined }
    })
  const find: Service["find"] = (keyId, ids) => (ids.length === 0 ? Effect.succeed([]) : patiently(ids, lookUp(keyId)))

  /** The id of what holds it, by the id of an item. */
  const locate = (keyId: string) => (items: ReadonlyArray<string>) =>
    Effect.map(read(rows.locate(keyId, items)), (there): Answer<string> => {
      const stored = new Map(there?.map(({ itemId, responseId }) => [itemId, responseId]))
      const known = new Map(
        items.flatMap((item) => {
          const id = stored.get(KeptRows.plainId(item))
          return id === undefined ? [] : [[item, id] as const]
        })
      )
      const asked = new Set(items)
      for (const one of waiting.values())
        if (one.keyId === keyId && one.body !== undefined)
          for (const item of one.items) if (asked.has(item)) known.set(item, one.id)
      return { known, isAway: there === undefined }
    })

  const service: Service = {
    isShared,
    put: (keyId, { body, id }, items) =>
      change({ keyId, id, body: body.length <= MOST_BODY ? body : undefined, isRemoved: false, items }),
    remove: (keyId, id) => change({ keyId, id, body: undefined, isRemoved: true, items: [] }),
    find,
    removed: (keyId, ids) =>
      ids.length === 0
        ? Effect.succeed([])
        : Effect.map(read(rows.removed(keyId, ids)), (there) => there?.map(({ id }) => id) ?? []),
    holding: (keyId, items) =>
      // At once: a database that is away, or that knows none of them, is waited for once and not for each part.
      Effect.forEach(Arr.chunksOf(items, KeptRows.ITEMS), (some) => patiently(some, locate(keyId)), {
        concurrency: "unbounded"
      }).pipe(Effect.flatMap((holders) => find(keyId, [...new Set(holders.flat())]))),
    settled: (keyId) =>
      Effect.suspend(() => {
        const mine = [...waiting].filter(([, one]) => one.keyId === keyId)
        const isWritten = () => mine.every(([name, one]) => waiting.get(name) !== one)
        return mine.length === 0 || !isShared
          ? Effect.void
          : Effect.sleep("5 millis").pipe(
              Effect.repeat({ until: isWritten }),
              Effect.timeoutOption(PATIENCE),
              Effect.asVoid
            )
      })
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

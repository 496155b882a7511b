/**
 * The ledger: one row for each chat, written in batches off the chats' path, a quarter of a second behind.
 *
 * A database that is slow, locked or gone costs no chat: rows wait in a bounded queue, and those that do not fit are
 * counted as lost.
 */
import type * as SqlClient from "@effect/sql/SqlClient"
import { Cause, Context, Duration, Effect, Exit, Fiber, Layer } from "effect"
import { GatewayConfig } from "../../config/Config.ts"
import { redact } from "../../domain/Redact.ts"
import * as Days from "../../domain/usage/Days.ts"
import { ChatRecorder, type Recorder } from "../../observe/ChatRecorder.ts"
import * as MetricKeys from "../../observe/MetricKeys.ts"
import { type ChatRecord, Metrics } from "../../observe/Metrics.ts"
import { Database } from "../database/Database.ts"
import * as Batch from "./Batch.ts"
import * as Retention from "./Retention.ts"
import * as Rows from "./Rows.ts"

export interface LedgerOptions {
  /** Of days and reports. */
  readonly zone: string
  /** How long rows of chats are kept. */
  readonly days: number
  /** Most rows that wait, those on their way to the database included. */
  readonly capacity?: number
  /** Between two batches. */
  readonly interval?: Duration.DurationInput
}

export interface LedgerStats {
  /** Not in the database yet. */
  readonly waiting: number
  /** Given up: there was no room for them. */
  readonly lost: number
}

const CAPACITY = 10_000
const INTERVAL = Duration.millis(250)
/** Longest wait after a failure. */
const LONGEST_WAIT = Duration.seconds(30)
/** Most rows of one transaction. */
const MOST_IN_BATCH = 2000
/** At shutdown. */
const LAST_MILLIS = 2000
/** A failure is told at once, and then once in this time. */
const TOLD_EVERY = 60_000

/** The database's own words. */
const reasonOf = (cause: Cause.Cause<unknown>): string => {
  const error = Cause.squash(cause)
  const inner = error instanceof Error && error.cause instanceof Error ? error.cause : error
  return redact(inner instanceof Error ? inner.message : String(inner), 300)
}

export class Ledger extends Context.Tag("lingma-gateway/team/Ledger")<
  Ledger,
  Recorder & {
    /** Ends when all that was recorded before is in the database; fails with nothing, but waits as long as it takes. */
    readonly flush: Effect.Effect<void>
    readonly stats: () => LedgerStats
  }
>() {
  static readonly make = Effect.fnUntraced(function* (options: LedgerOptions) {
    const { capacity = CAPACITY } = options
    const interval = Duration.decode(options.interval ?? INTERVAL)
    const { host, kind } = yield* Database
    const runtime = yield* Effect.context<SqlClient.SqlClient>()
    const days = Days.make(options.zone)
    const clock = yield* Effect.clock
    const now = () => Number(clock.unsafeCurrentTimeNanos()) / 1e6
    let lost = 0
    let waiting: Array<ChatRecord> = []
    let batch: ReadonlyArray<Rows.ChatRow> = []
    let failures = 0
    let toldAt = Number.NEGATIVE_INFINITY
    let toldLost = 0

    const stats = (): LedgerStats => ({ waiting: waiting.length + batch.length, lost })
    /** Open while there is something to write. */
    const some = Effect.unsafeMakeLatch(false)
    const record = (chat: ChatRecord): void => {
      if (waiting.length + batch.length >= capacity) lost++
      else waiting.push(chat)
      some.unsafeOpen()
    }
    const take = () => {
      if (batch.length > 0) return
      const taken = waiting.slice(0, MOST_IN_BATCH)
      waiting = waiting.slice(MOST_IN_BATCH)
      batch = taken.map((chat) => Rows.of(chat, host))
    }
    /** One batch; what is not known to be written stays for the next time. */
    const writeOne = Effect.suspend(() => {
      take()
      if (batch.length === 0) return Effect.void
      return Effect.map(Effect.provide(Batch.write(batch, days), runtime), () => {
        batch = []
        if (waiting.length === 0) some.unsafeClose()
      })
    })
    const tell = (reason: string) =>
      Effect.suspend(() => {
        if (now() - toldAt < TOLD_EVERY) return Effect.void
        toldAt = now()
        toldLost = lost
        return Effect.annotateLogs(Effect.logWarning("the ledger is not written"), { reason, ...stats() })
      })
    const pause = () =>
      failures === 0
        ? interval
        : Duration.min(
            LONGEST_WAIT,
            Duration.times(Duration.max(interval, "1 millis"), 2 ** Math.min(failures - 1, 10))
          )
    const turn = Effect.flatMap(Effect.exit(writeOne), (exit) => {
      if (Exit.isFailure(exit)) {
        if (Cause.isInterruptedOnly(exit.cause)) return Effect.failCause(exit.cause)
        failures++
        return Effect.zipRight(tell(reasonOf(exit.cause)), Effect.sleep(pause()))
      }
      const wasFailing = failures > 0
      failures = 0
      const rest = waiting.length >= MOST_IN_BATCH ? Effect.yieldNow() : Effect.sleep(interval)
      return wasFailing ? Effect.zipRight(Effect.logInfo("the ledger is written again"), rest) : rest
    })
    const rest = Effect.repeat(writeOne, { until: () => stats().waiting === 0 })
    const giveUp = Effect.suspend(() => {
      const { waiting: left } = stats()
      lost += left
      return left === 0
        ? Effect.void
        : Effect.annotateLogs(Effect.logWarning("the ledger was not written to its end"), { lost })
    })
    yield* Effect.acquireRelease(
      Effect.forkDaemon(Effect.interruptible(Effect.forever(Effect.zipRight(some.await, turn)))),
      (writer) =>
        Effect.zipRight(Fiber.interrupt(writer), rest).pipe(
          Effect.exit,
          // A finalizer is not interruptible, and a statement under way may not be: neither keeps the gateway from ending.
          Effect.disconnect,
          Effect.interruptible,
          Effect.timeoutOption(LAST_MILLIS),
          Effect.zipRight(giveUp)
        )
    )
    const flush: Effect.Effect<void> = Effect.sleep(Duration.min(interval, "10 millis")).pipe(
      Effect.repeat({ until: () => stats().waiting === 0 }),
      Effect.asVoid
    )
    // What is lost, or waits for a database that says nothing at all, is told as well.
    yield* Effect.suspend(() => (lost > toldLost ? tell("the database does not keep up") : Effect.void)).pipe(
      Effect.delay(Duration.millis(TOLD_EVERY / 4)),
      Effect.forever,
      Effect.forkScoped
    )
    yield* Effect.provide(Retention.apply(Retention.optionsOf(kind, options.days)), runtime).pipe(
      Effect.catchAllCause((cause) =>
        Effect.annotateLogs(Effect.logWarning("old chats were not removed"), { reason: reasonOf(cause) })
      ),
      Effect.delay("1 minute"),
      Effect.zipRight(Effect.sleep(kind === "memory" ? "1 minute" : "1 hour")),
      Effect.forever,
      Effect.forkScoped
    )
    return Ledger.of({ record, flush, stats })
  })

  /** Also tells the chats of the same graph to record; those who were told before still are. */
  static readonly layer = (
    options: LedgerOptions
  ): Layer.Layer<Ledger | ChatRecorder, never, Database | Metrics | SqlClient.SqlClient> =>
    Layer.scopedContext(
      Effect.gen(function* () {
        const ledger = yield* Effect.withTracerEnabled(Ledger.make(options), false)
        const { observe } = yield* Metrics
        observe(
          "ledger",
          Effect.sync(() => {
            const { lost, waiting } = ledger.stats()
            return [
              { key: MetricKeys.ledgerWaiting, value: waiting },
              { key: MetricKeys.ledgerLost, value: lost }
            ]
          })
        )
        const before = yield* ChatRecorder
        const both: Recorder = {
          record: (chat) => {
            before.record(chat)
            ledger.record(chat)
          }
        }
        return Context.add(Context.make(Ledger, ledger), ChatRecorder, both)
      })
    )

  static readonly layerFromConfig: Layer.Layer<
    Ledger | ChatRecorder,
    never,
    Database | GatewayConfig | Metrics | SqlClient.SqlClient
  > = Layer.unwrapEffect(
    Effect.map(GatewayConfig, ({ ledgerDays, limitsTimeZone }) =>
      Ledger.layer({ zone: limitsTimeZone, days: ledgerDays })
    )
  )
}

/**
 * What the gateway did: figures of each instance, and of all over time. Kept in memory, completed once from the ledger.
 */
import { Context, Effect, Layer, Schedule } from "effect"
import { Chat } from "../../../chat/Chat.ts"
import { Guard } from "../../../chat/Guard.ts"
import { type Instance, Pool } from "../../../chat/Pool.ts"
import { GatewayConfig } from "../../../config/Config.ts"
import { word } from "../../../domain/Login.ts"
import * as Days from "../../../domain/usage/Days.ts"
import type { ChatRecord } from "../../../observe/Metrics.ts"
import { ChatHistory, type History } from "../../../team/ledger/ChatHistory.ts"
import * as Rows from "../../../team/ledger/Rows.ts"
import type { Range } from "./Plots.ts"
import * as Series from "./Series.ts"

/** Of one instance. */
export interface Figures {
  /** Undefined until the ledger was read. */
  readonly chatsToday: number | undefined
  readonly tokensToday: number | undefined
  readonly errorRate: number | undefined
  /** The last login that failed: its state, and when that was noticed. */
  readonly loginFailed: { readonly state: string; readonly at: number } | undefined
}

/** When chats were last turned away for want of room: milliseconds of the monotonic clock. */
export interface TurnedAway {
  readonly overloaded: number
  readonly queueFull: number
}

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
/** How often queue and load are looked at. */
const SAMPLE = 10 * SECOND
/** Chats that the error rate is of. */
const RECENT = 100
/** Steps that are read from the ledger at once, with a pause in between. */
const READ_AT_ONCE = { "3h": 3 * HOUR, "24h": 6 * HOUR, "30d": 24 * HOUR } as const
const PAUSE = "50 millis"

interface Counts {
  day: string
  chats: number
  tokens: number
  /** Of the last chats: whether each failed. */
  readonly recent: Array<boolean>
  next: number
  login: string
  loginFailed: Figures["loginFailed"]
}

const make = Effect.gen(function* () {
  const { live } = yield* Chat
  const guard = yield* Guard
  const pool = yield* Pool
  const { limitsTimeZone } = yield* GatewayConfig
  const history = yield* ChatHistory
  const clock = yield* Effect.clock
  const now = () => Number(clock.unsafeCurrentTimeNanos()) / 1e6
  const epoch = () => clock.unsafeCurrentTimeMillis()
  const days = Days.make(limitsTimeZone)
  const startedAt = epoch()
  const rings: Readonly<Record<Range, Series.Ring>> = {
    "3h": new Series.Ring(SAMPLE, (3 * HOUR) / SAMPLE),
    "24h": new Series.Ring(2 * MINUTE, (24 * HOUR) / (2 * MINUTE)),
    "30d": new Series.Ring(HOUR, 30 * 24)
  }
  const all = Object.values(rings)
  const counts = new Map<string, Counts>()
  const turnedAway = { overloaded: Number.NEGATIVE_INFINITY, queueFull: Number.NEGATIVE_INFINITY }
  let isRestored = history === undefined
  /** Tokens of answers that have ended, and of all at the last sample. */
  let endedTokens = 0
  let seenTokens = 0
  let sampledAt = now()

  const of = (name: string, day: string): Counts => {
    let found = counts.get(name)
    if (found === undefined) {
      found = { day, chats: 0, tokens: 0, recent: [], next: 0, login: "", loginFailed: undefined }
      counts.set(name, found)
    }
    if (found.day !== day) {
      found.day = day
      found.chats = 0
      found.tokens = 0
    }
    return found
  }

  const ended = ({ answer, endedAt, errorCode, instance, outcome }: ChatRecord) => {
    for (const ring of all) ring.ended(endedAt, outcome, answer?.firstTokenMillis)
    const completion = Rows.count(answer?.completionTokens ?? 0)
    endedTokens += completion
    if (errorCode === "overloaded") turnedAway.overloaded = now()
    else if (errorCode === "backpressure") turnedAway.queueFull = now()
    if (instance === undefined) return
    const mine = of(instance, days.of(endedAt))
    mine.chats++
    mine.tokens += Rows.count(answer?.promptTokens ?? 0) + completion
    if (outcome !== "completed" && outcome !== "failed") return
    mine.recent[mine.next] = outcome === "failed"
    mine.next = (mine.next + 1) % RECENT
  }
  yield* Effect.acquireRelease(
    Effect.sync(() => live.watch(ended)),
    (stop) => Effect.sync(stop)
  )

  /** Notes logins that have failed since the last look. */
  const look = (instances: ReadonlyArray<Instance>) => {
    for (const { id, login } of instances) {
      const mine = of(id, days.of(epoch()))
      const state = word(login)
      if (state === mine.login) continue
      mine.login = state
      if (login._tag === "Failed") mine.loginFailed = { state: login.reason, at: epoch() }
    }
  }

  const sample = Effect.map(Effect.all([guard.stats, pool.snapshot]), ([{ queued }, instances]) => {
    look(instances)
    const at = now()
    const running = live.running().reduce((sum, { answer }) => sum + Rows.count(answer?.tokens() ?? 0), 0)
    const tokens = endedTokens + running
    const one: Series.Sample = {
      // An upstream's own figure may be less than what was estimated before it.
      tokens: Math.max(0, tokens - seenTokens),
      seconds: (at - sampledAt) / 1000,
      queued,
      inFlight: new Map(instances.map(({ id, inFlight }) => [id, inFlight]))
    }
    seenTokens = tokens
    sampledAt = at
    for (const ring of all) ring.sampled(epoch(), one)
  })
  // A sample that fails is left out: the next one comes in ten seconds.
  const sampled = Effect.catchAllCause(sample, (cause) => Effect.logDebug("no figures for the plots", cause))
  yield* Effect.sleep(SAMPLE).pipe(Effect.zipRight(sampled), Effect.forever, Effect.forkScoped)

  const restoreToday = (from: History) =>
    Effect.map(from.byInstance({ from: days.start(days.of(startedAt)), until: startedAt }), (sums) => {
      for (const { chats, instance, tokens } of sums) {
        const mine = of(instance, days.of(epoch()))
        if (mine.day !== days.of(startedAt)) continue
        mine.chats += chats
        mine.tokens += tokens
      }
      isRestored = true
    })
  const restoreRange = (from: History, range: Range) => {
    const ring = rings[range]
    const oldest = startedAt - ring.stepMillis * (ring.size - 1)
    const stretch = READ_AT_ONCE[range]
    const stretches = Array.from({ length: Math.ceil((startedAt - oldest) / stretch) }, (_, i) => ({
      from: Math.max(oldest, startedAt - (i + 1) * stretch),
      until: startedAt - i * stretch
    }))
    return Effect.forEach(
      stretches,
      (between) =>
        Effect.zipRight(
          Effect.sleep(PAUSE),
          Effect.map(from.steps(between, ring.stepMillis, Series.BOUNDS), (sums) => {
            for (const { at, ...sum } of sums) ring.restore(at, sum)
          })
        ),
      { discard: true }
    )
  }
  /** Each part is read once, however often it has to be tried. */
  const patient = <E>(part: Effect.Effect<void, E>) => Effect.retry(part, Schedule.spaced("10 seconds"))
  if (history !== undefined) {
    const ranges = Object.keys(rings) as ReadonlyArray<Range>
    yield* patient(restoreToday(history)).pipe(
      Effect.zipRight(
        Effect.forEach(ranges, (range) => Effect.ignoreLogged(restoreRange(history, range)), { discard: true })
      ),
      Effect.withTracerEnabled(false),
      Effect.forkScoped
    )
  }

  const figures = (name: string): Figures => {
    const mine = of(name, days.of(epoch()))
    const failed = mine.recent.filter((isFailure) => isFailure).length
    return {
      chatsToday: isRestored ? mine.chats : undefined,
      tokensToday: isRestored ? mine.tokens : undefined,
      errorRate: mine.recent.length === 0 ? undefined : failed / mine.recent.length,
      loginFailed: mine.loginFailed
    }
  }
  return { startedAt, figures, look, turnedAway: (): TurnedAway => turnedAway, ring: (range: Range) => rings[range] }
})

export class Activity extends Context.Tag("lingma-gateway/http/Activity")<
  Activity,
  Effect.Effect.Success<typeof make>
>() {
  static readonly layer = Layer.scoped(Activity, make)
}

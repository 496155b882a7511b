/**
 * The limits of keys: chats at once, requests per minute, tokens per day.
 *
 * A gateway that has its database to itself counts in memory and writes that down at most a second later. Those that
 * share PostgreSQL count requests there: as many as ask at once are one statement. While it cannot be reached, each goes
 * on by itself with what it last knew, and settles up later. Chats at once are counted by each gateway.
 */
import * as SqlClient from "@effect/sql/SqlClient"
import type { SqlError } from "@effect/sql/SqlError"
import { Context, Effect, Layer, type Scope } from "effect"
import { GatewayConfig } from "../../config/Config.ts"
import * as Fork from "../../runtime/Fork.ts"
import { Database } from "../database/Database.ts"
import * as InTime from "../database/InTime.ts"
import type { Grants } from "../keys/Key.ts"
import * as Days from "./Days.ts"
import { type Left, type Now, type Refused, Standing } from "./Standing.ts"
import * as WindowStore from "./WindowStore.ts"

export type { Left, Refused } from "./Standing.ts"

/** A key, as far as it is limited. */
export type Limited = Pick<Grants, "tokensPerDay" | "requestsPerMinute" | "maxInFlight"> & { readonly id: string }

export interface Standings {
  readonly requests: Left | undefined
  readonly tokens: Left | undefined
}

/** How often what was counted is written, and read where it is shared. */
const WRITE = "500 millis"
/** How long a statement may take that a chat waits for. */
const PATIENCE = "2 seconds"
/** How long nothing is asked of a database that failed. */
const REST = 1000
/** Keys without a chat for so long are not read again. */
const ACTIVE = 120_000
/** Rows of one statement. */
const ROWS = 500

const inTime = InTime.within(PATIENCE)
/** For what nobody waits for. */
const inPatience = InTime.within("5 seconds")

export interface LimitsService {
  /** Takes a place for a chat, until the result is called; only where the key has a limit of chats at once. */
  readonly enter: (key: Limited) => Refused | (() => void)
  /** Counts one chat: undefined lets it in. */
  readonly count: (key: Limited) => Effect.Effect<Refused | undefined>
  /** Tokens of a turn that has ended. */
  readonly charge: (key: Limited, tokens: number) => void
  readonly left: (key: Limited) => Standings
}

interface Asking {
  readonly most: number
  readonly resume: (refused: Effect.Effect<Refused | undefined>) => void
}

const make = (
  store: WindowStore.WindowStore | undefined,
  options: { readonly isShared: boolean; readonly timeZone: string; readonly place: string }
): Effect.Effect<LimitsService, never, Scope.Scope> =>
  Effect.gen(function* () {
    const clock = yield* Effect.clock
    const scope = yield* Effect.scope
    const fork = yield* Fork.make()
    const dayOf = Days.make(options.timeZone)
    const standings = new Map<string, Standing>()
    const asking = new Map<Standing, Array<Asking>>()
    const now = (): Now => ({
      steady: Number(clock.unsafeCurrentTimeNanos()) / 1e6,
      wall: clock.unsafeCurrentTimeMillis()
    })
    let restUntil = Number.NEGATIVE_INFINITY
    let toldAt = Number.NEGATIVE_INFINITY
    const shared = options.isShared ? store : undefined

    const of = ({ id }: Limited): Standing => {
      const known = standings.get(id)
      if (known !== undefined) return known
      const made = new Standing(id)
      standings.set(id, made)
      return made
    }

    const lost = Effect.suspend(() => {
      const at = now()
      restUntil = at.steady + REST
      if (at.steady - toldAt < 60_000) return Effect.void
      toldAt = at.steady
      return Effect.logWarning(
        `limits cannot be counted in ${options.place}; this gateway goes on with what it knows, and settles up later`
      )
    })

    /** One statement for all that ask of a key; those that come meanwhile are the next one. */
    const ask = Effect.fnUntraced(function* (standing: Standing, windows: WindowStore.WindowStore) {
      const waiting = asking.get(standing) ?? []
      while (waiting.length > 0) {
        const batch = waiting.splice(0)
        const most = batch[batch.length - 1]!.most
        standing.forgetMinute(now())
        const untold = standing.untoldRequests
        const settled: Effect.Effect<unknown, SqlError> =
          untold === 0
            ? Effect.void
            : Effect.map(windows.take(standing.keyId, untold, Number.MAX_SAFE_INTEGER), () => {
                standing.untoldRequests -= untold
              })
        // A defect as well: those who wait must hear of it.
        const taken = yield* Effect.option(
          Effect.sandbox(inTime(Effect.zipRight(settled, windows.take(standing.keyId, batch.length, most))))
        )
        const at = now()
        if (taken._tag === "None") {
          yield* lost
          for (const { most: own, resume } of batch) resume(Effect.succeed(alone(standing, own, at)))
          continue
        }
        const { age, granted, used } = taken.value
        standing.setMinute(used, age, at)
        if (granted < batch.length) standing.exhaust(most, at)
        batch.forEach(({ resume }, i) => {
          resume(Effect.succeed(i < granted ? undefined : standing.tooMany(most, at)))
        })
      }
      asking.delete(standing)
    })

    /** Without the others. */
    const alone = (standing: Standing, most: number, at: Now): Refused | undefined => {
      const refused = standing.request(most, at)
      if (refused === undefined) standing.untoldRequests++
      return refused
    }

    const together = (standing: Standing, most: number, windows: WindowStore.WindowStore) =>
      Effect.async<Refused | undefined>((resume) => {
        const waiting = asking.get(standing)
        const mine = { most, resume }
        if (waiting !== undefined) return void waiting.push(mine)
        asking.set(standing, [mine])
        fork(ask(standing, windows), { scope })
      })

    const requests = (standing: Standing, most: number): Effect.Effect<Refused | undefined> => {
      const at = now()
      if (shared === undefined) return Effect.succeed(standing.request(most, at))
      if (standing.isExhausted(most, at)) return Effect.succeed(standing.tooMany(most, at))
      if (at.steady < restUntil) return Effect.succeed(alone(standing, most, at))
      return together(standing, most, shared)
    }

    /** Tells what was counted here and hears what all have counted. */
    const share = (standing: Standing, windows: WindowStore.WindowStore) =>
      Effect.suspend(() => {
        const day = dayOf(clock.unsafeCurrentTimeMillis())
        const { start } = day
        standing.enterDay(day)
        const told = standing.untoldTokens
        const mine = { keyId: standing.keyId, kind: "day" as const, startedAt: start, used: told }
        standing.untoldTokens = 0
        return windows.add(mine).pipe(
          Effect.tap((all) =>
            Effect.sync(() => {
              if (all.startedAt === start) standing.setDay(start, all.used + standing.untoldTokens)
            })
          ),
          Effect.onError(() =>
            Effect.sync(() => {
              standing.untoldTokens += told
            })
          )
        )
      })

    const tokens = (key: Limited, standing: Standing): Refused | undefined => {
      const at = now()
      return key.tokensPerDay === undefined ? undefined : standing.tokens(key.tokensPerDay, at, dayOf(at.wall))
    }

    const counted = (key: Limited, standing: Standing): Effect.Effect<Refused | undefined> => {
      const refused = tokens(key, standing)
      return refused !== undefined || key.requestsPerMinute === undefined
        ? Effect.succeed(refused)
        : requests(standing, key.requestsPerMinute)
    }

    const count = (key: Limited): Effect.Effect<Refused | undefined> =>
      Effect.suspend(() => {
        const standing = of(key)
        standing.lastSeen = now().steady
        standing.hasDay = key.tokensPerDay !== undefined
        const isUnknown = shared !== undefined && key.tokensPerDay !== undefined && !standing.isDayKnown
        if (!isUnknown || standing.lastSeen < restUntil) return counted(key, standing)
        const heard = Effect.catchAll(inTime(share(standing, shared)), () => lost)
        return Effect.flatMap(heard, () => counted(key, standing))
      })

    const write = Effect.suspend(() => {
      if (store === undefined) return Effect.void
      const all = [...standings.values()]
      if (options.isShared) {
        const { steady } = now()
        const active = all.filter(
          ({ hasDay, lastSeen, untoldTokens }) => hasDay && (untoldTokens > 0 || steady - lastSeen < ACTIVE)
        )
        return Effect.forEach(active, (standing) => share(standing, store), { discard: true })
      }
      const dirty = all.filter(({ isDirty }) => isDirty).slice(0, ROWS)
      const rows = dirty.flatMap(({ windows }) => windows)
      for (const standing of dirty) standing.isDirty = false
      return Effect.onError(store.save(rows), () =>
        Effect.sync(() => {
          for (const standing of dirty) standing.isDirty = true
        })
      )
    })
    // Twice a second, for which no timer is set where nobody asked for anything.
    const written = (within: typeof inTime) =>
      Effect.suspend(() => (standings.size === 0 ? Effect.void : Effect.catchAllCause(within(write), () => lost)))

    if (store !== undefined) {
      const loaded = yield* Effect.catchAll(Effect.timeout(store.load, "5 seconds"), () => Effect.as(lost, []))
      const at = now()
      const day = dayOf(at.wall)
      for (const used of loaded) of({ id: used.keyId } as Limited).restore(used, at, day)
      yield* Effect.forkScoped(Effect.forever(Effect.zipRight(Effect.sleep(WRITE), written(inPatience))))
      yield* Effect.addFinalizer(() => Effect.interruptible(written(inTime)))
    }

    return {
      enter: (key) => {
        const standing = of(key)
        const most = key.maxInFlight
        if (most !== undefined && standing.running >= most) return { limit: "concurrency", most, retryAfter: 1 }
        standing.running++
        let isOver = false
        return () => {
          if (!isOver) standing.running--
          isOver = true
        }
      },
      count,
      charge: (key, tokens) => {
        if (tokens > 0) of(key).charge(tokens, dayOf(clock.unsafeCurrentTimeMillis()))
      },
      left: (key) => {
        const standing = of(key)
        const at = now()
        return {
          requests: key.requestsPerMinute === undefined ? undefined : standing.requestsLeft(key.requestsPerMinute, at),
          tokens: key.tokensPerDay === undefined ? undefined : standing.tokensLeft(key.tokensPerDay, at, dayOf(at.wall))
        }
      }
    }
  })

export class Limits extends Context.Tag("lingma-gateway/team/Limits")<Limits, LimitsService>() {
  static readonly layer: Layer.Layer<Limits, never, GatewayConfig | SqlClient.SqlClient | Database> = Layer.scoped(
    Limits,
    Effect.gen(function* () {
      const { limitsTimeZone: timeZone } = yield* GatewayConfig
      const sql = yield* SqlClient.SqlClient
      const { kind, place } = yield* Database
      const service = make(WindowStore.make(sql), { isShared: kind === "postgres", timeZone, place })
      return yield* Effect.withTracerEnabled(service, false)
    })
  )

  /** Without a database: nothing outlives the process. */
  static readonly makeInMemory = (timeZone: string): Effect.Effect<LimitsService, never, Scope.Scope> =>
    make(undefined, { isShared: false, timeZone, place: "memory" })
}

/**
 * This host among those that share the database: it says how it is, every five seconds and when that changes, and reads what the others say. A database that
 * is away stops nothing: what was known stays, and is told as such.
 */
import { createHash, randomUUID } from "node:crypto"
import { hostname } from "node:os"
import * as HttpServer from "@effect/platform/HttpServer"
import { Context, Effect, Layer, Option, Schedule } from "effect"
import { Guard } from "../../../chat/Guard.ts"
import { Pool } from "../../../chat/Pool.ts"
import { isLoopback } from "../../../config/Config.ts"
import { LiveSettings } from "../../../config/LiveSettings.ts"
import * as SettingsDigest from "../../../config/SettingsDigest.ts"
import { HostTable, type Seen, type Service } from "../../../team/hosts/HostTable.ts"
import * as Rows from "../../../team/ledger/Rows.ts"
import { version } from "../../../Version.ts"
import { Drain } from "../../server/Drain.ts"
import type { HostList } from "./Api.ts"
import * as Warnings from "./Warnings.ts"

/** It looks at itself so often, and writes when it has become ready or unready, else with every fifth look. */
const LOOK = "1 second"
const EVERY = 5
/** After four that were missed, in milliseconds. */
const AWAY = 20_000

const digestOf = (account: string) => createHash("sha256").update(`account\n${account}`).digest("hex").slice(0, 16)

const toHost = ({ accounts, age, id, inFlight, isReady, settings, url, version: its }: Seen): Warnings.Host => ({
  id,
  url,
  version: its,
  settings,
  ready: isReady,
  in_flight: inFlight,
  accounts: accounts.map(({ name }) => name),
  digests: accounts.map(({ digest }) => digest),
  seen_seconds_ago: Math.round(age / 1000),
  away: age > AWAY
})

/** Where others reach it, as far as it knows. */
const addressOf = Effect.fnUntraced(function* (configured: { readonly host: string; readonly port: number }) {
  const server = yield* Effect.serviceOption(HttpServer.HttpServer)
  const address = Option.match(server, {
    onNone: () => configured,
    onSome: (one) =>
      one.address._tag === "TcpAddress" ? { host: one.address.hostname, port: one.address.port } : configured
  })
  const name = /^(?:0\.0\.0\.0|::)$/.test(address.host) || !isLoopback(address.host) ? hostname() : address.host
  return {
    id: `${hostname()}:${address.port}`,
    url: `http://${name.includes(":") ? `[${name}]` : name}:${address.port}`
  }
})

const shared = Effect.fnUntraced(function* (table: Service) {
  const guard = yield* Guard
  const pool = yield* Pool
  const drain = yield* Drain
  const live = yield* LiveSettings.get
  const address = yield* addressOf(live.current)
  const id = Option.getOrElse(live.current.hostId, () => address.id)
  const run = randomUUID()
  let isFirst = true
  let isAway = false
  let looks = 0
  let wasReady: boolean | undefined
  let known: ReadonlyArray<Seen> = []

  const presence = Effect.gen(function* () {
    const instances = yield* pool.snapshot
    const accounts = instances.flatMap(({ account, backend }) =>
      account === undefined || backend.emulated ? [] : [{ digest: digestOf(account), name: Rows.masked(account) }]
    )
    const isReady = !drain.isLeaving() && instances.some(({ ready }) => ready)
    const { inFlight } = yield* guard.stats
    return {
      id,
      run,
      url: address.url,
      version,
      settings: SettingsDigest.of(live.current),
      isReady,
      inFlight,
      accounts
    }
  })
  const failed = (error: { readonly message: string }) =>
    Effect.suspend(() => {
      if (isAway) return Effect.void
      isAway = true
      return Effect.annotateLogs(Effect.logWarning("hosts not told: the database does not answer"), {
        reason: error.message
      })
    })
  const beat = presence.pipe(
    Effect.flatMap((one) => {
      const isDue = looks++ % EVERY === 0 || one.isReady !== wasReady
      wasReady = one.isReady
      return isDue ? Effect.map(table.write(one, isFirst), Option.some) : Effect.succeedNone
    }),
    Effect.matchEffect({
      onFailure: failed,
      onSuccess: (written) => {
        if (Option.isNone(written)) return Effect.void
        isFirst = false
        const back = isAway ? Effect.logInfo("hosts told again: the database is back") : Effect.void
        isAway = false
        return written.value
          ? Effect.annotateLogs(Effect.logWarning("another gateway has the same GATEWAY_HOST_ID"), { host: id })
          : back
      }
    }),
    Effect.withTracerEnabled(false)
  )
  // A finalizer cannot be interrupted otherwise: it would wait as long as the database is silent.
  yield* Effect.addFinalizer(() => Effect.interruptible(Effect.ignore(table.leave(id, run))))
  yield* Effect.forkScoped(Effect.repeat(beat, Schedule.spaced(LOOK)))

  const list: Effect.Effect<HostList> = table.list.pipe(
    Effect.withTracerEnabled(false),
    Effect.tap((rows) =>
      Effect.sync(() => {
        known = rows
      })
    ),
    Effect.match({
      onFailure: () => ({ rows: known, isCurrent: false }),
      onSuccess: (rows) => ({ rows, isCurrent: true })
    }),
    Effect.map(({ isCurrent, rows }) => {
      const hosts = rows.map(toHost)
      return {
        host: id,
        hosts: hosts.map(({ digests: _, ...view }) => view),
        warnings: Warnings.of(hosts, isCurrent)
      }
    })
  )
  return list
})

const alone: Effect.Effect<HostList> = Effect.succeed({ host: null, hosts: [], warnings: [] })

export class Hosts extends Context.Tag("lingma-gateway/http/Hosts")<
  Hosts,
  { readonly list: Effect.Effect<HostList> }
>() {
  static readonly layer = Layer.scoped(
    Hosts,
    Effect.gen(function* () {
      const table = yield* HostTable
      return { list: table === undefined ? alone : yield* shared(table) }
    })
  )
}

/**
 * Creates the configured instances, each with its own scope, work directory and ports; follows changes of the accounts.
 */
import { fileURLToPath } from "node:url"
import { Array as Arr, Effect, Equal, ExecutionStrategy, Fiber, Option, Scope } from "effect"
import type { Backend } from "../chat/Backend.ts"
import type { Settings } from "../config/Config.ts"
import type { Live } from "../config/LiveSettings.ts"
import type { Account } from "../domain/Account.ts"
import type { Metrics } from "../observe/Metrics.ts"
import * as Span from "../observe/Span.ts"
import * as Scoped from "../runtime/Scoped.ts"
import * as TextOnly from "../textonly/TextOnly.ts"
import { version } from "../Version.ts"
import * as FleetPlan from "./FleetPlan.ts"
import * as LingmaBackend from "./LingmaBackend.ts"
import type { AutoLogin } from "./login/AutoLogin.ts"
import * as Discovery from "./process/Discovery.ts"
import * as Endpoint from "./process/Endpoint.ts"
import * as Leftovers from "./process/Leftovers.ts"
import * as Port from "./process/Port.ts"
import * as WorkDirLock from "./process/WorkDirLock.ts"

/** Default port of Lingma's HTTP server. */
const DEFAULT_HTTP_PORT = 37510
/** Min milliseconds between two starts, to spread the startup load. */
const STARTS_APART = 200

const emulator = fileURLToPath(new URL("../../bin/lingma-emulator.js", import.meta.url))

/** Serializes starts, at least `STARTS_APART` ms apart. */
const makeGate = Effect.map(Effect.clock, (clock) => {
  const now = () => Number(clock.unsafeCurrentTimeNanos()) / 1e6
  let next = 0
  const enter: Effect.Effect<void> = Effect.suspend(() => {
    const wait = next - now()
    if (wait > 0) return Effect.zipRight(Effect.sleep(wait), enter)
    next = now() + STARTS_APART
    return Effect.void
  })
  const left = Effect.sync(() => {
    next = now() + STARTS_APART
  })
  return <A, E, R>(start: Effect.Effect<A, E, R>) => Effect.zipRight(enter, Effect.ensuring(start, left))
})

/** An instance that runs, also while the last chats on it end. */
interface Member {
  readonly number: number
  readonly backend: Backend
  readonly scope: Scope.CloseableScope
  /** Its password may change. */
  account: Option.Option<Account>
  /** Ends it once no chat holds it. */
  retirement: Fiber.RuntimeFiber<void> | undefined
}

/** Waits until no chat holds an instance that is no longer offered. */
export type Retire = (backend: Backend) => Effect.Effect<void>

export interface Fleet {
  /** The instances for new chats. */
  readonly current: Arr.NonEmptyReadonlyArray<Backend>
  /** Starts and ends instances as the accounts change; each ends once `retire` says so. */
  readonly follow: (live: Live, retire: Retire) => Effect.Effect<void, never, AutoLogin | Metrics | Scope.Scope>
}

const findOf = (settings: Settings, ports: Port.Ports, workDir: string, number: number, isSingle: boolean) => {
  const { attach } = settings
  if (attach === "auto") return Endpoint.found(Discovery.search)
  if (attach !== "no") return Endpoint.at(attach[number] ?? "")
  return Endpoint.launched({
    command: Option.getOrElse(settings.lingmaBin, () => process.execPath),
    prefix: Option.isNone(settings.lingmaBin) ? [emulator] : [],
    workDir,
    ports,
    socketPort: isSingle ? settings.lingmaSocketPort : 0,
    httpPort: isSingle ? DEFAULT_HTTP_PORT : 0,
    childEnv: settings.childEnv
  })
}

const samePassword = (a: Option.Option<Account>, b: Option.Option<Account>) =>
  Equal.equals(
    Option.map(a, ({ password }) => password),
    Option.map(b, ({ password }) => password)
  )

/** Starts the instances in the background; see `status` of each. Fails if another gateway uses the work directory. */
export const manage: (
  settings: Settings
) => Effect.Effect<Fleet, WorkDirLock.WorkDirInUse, AutoLogin | Metrics | Scope.Scope> = Span.named("Fleet.make")(
  function* (settings: Settings) {
    yield* WorkDirLock.hold(FleetPlan.guarded(settings))
    const gate = yield* makeGate
    const ports = Port.make()
    const directory = FleetPlan.directories(settings)
    const scope = yield* Effect.scope
    const members = new Map<string, Member>()
    const owners = new Map<number, string>()

    const start = Effect.fnUntraced(function* ({ account, key }: FleetPlan.Place, wanted: number, isSingle: boolean) {
      const taken = new Set(Array.from(members.values(), ({ number }) => number))
      const number = FleetPlan.numberFor(key, wanted, owners, taken)
      const workDir = directory(number)
      const own = yield* Scope.fork(scope, ExecutionStrategy.sequential)
      const place = { account }
      const options = {
        find: findOf(settings, ports, workDir, number, isSingle),
        workDir,
        attached: settings.attach !== "no",
        emulated: settings.attach === "no" && Option.isNone(settings.lingmaBin),
        get account() {
          return place.account
        },
        id: `inst-${number}`,
        gate,
        version,
        startupTimeout: settings.startupTimeout,
        rpcTimeout: settings.rpcTimeout
      }
      const made = Effect.zipRight(Leftovers.clear(workDir), LingmaBackend.make(options))
      // What it starts must be interruptible itself; `own` holds all of it from the first step on.
      const backend = TextOnly.over(yield* Effect.interruptible(Scope.extend(made, own)))
      const member: Member = Object.assign(place, { number, backend, scope: own, retirement: undefined })
      owners.set(number, key)
      members.set(key, member)
      return member
    }, Effect.uninterruptible)

    const startAll = (places: Arr.NonEmptyReadonlyArray<FleetPlan.Place>) =>
      Effect.forEach(places, (place, i) => {
        const known = members.get(place.key)
        if (known === undefined) return start(place, i, places.length === 1)
        if (!samePassword(known.account, place.account)) known.account = place.account
        return Effect.succeed(known)
      }) as Effect.Effect<Arr.NonEmptyReadonlyArray<Member>, never, AutoLogin | Metrics>

    const offered = (all: Arr.NonEmptyReadonlyArray<Member>) => Arr.map(all, ({ backend }) => backend)
    let current = offered(yield* startAll(FleetPlan.places(settings)))

    const retiring = Effect.fnUntraced(function* (key: string, member: Member, retire: Retire) {
      const told = (message: string) => Effect.annotateLogs(Effect.logInfo(message), { instance: member.backend.id })
      yield* told("instance removed: its last chats end")
      yield* retire(member.backend)
      yield* Effect.uninterruptible(
        Effect.zipRight(
          Scoped.close(member.scope),
          Effect.sync(() => members.delete(key))
        )
      )
      yield* told("instance ended")
    })

    const change = Effect.fnUntraced(function* (next: Settings, retire: Retire) {
      const places = FleetPlan.places(next)
      const wanted = new Set(places.map(({ key }) => key))
      for (const { key } of places) {
        // Asked for again while its last chats end: it goes on, unless it is at its end already.
        const member = members.get(key)
        const { retirement } = member ?? {}
        if (member === undefined || retirement === undefined) continue
        yield* Fiber.interrupt(retirement)
        member.retirement = undefined
      }
      current = offered(yield* startAll(places))
      for (const [key, member] of members) {
        if (wanted.has(key) || member.retirement !== undefined) continue
        member.retirement = yield* Effect.forkIn(retiring(key, member, retire), scope)
      }
    })

    return {
      get current() {
        return current
      },
      follow: Effect.fnUntraced(function* (live: Live, retire: Retire) {
        // Open at first: they may have changed since the instances were made.
        const changed = yield* Effect.makeLatch(true)
        const isAttached = settings.attach !== "no"
        yield* live.follow({
          check: (next) =>
            isAttached && !FleetPlan.isSame(live.current, next)
              ? "LINGMA_ACCOUNTS must stay as they are while LINGMA_ATTACH is set: restart to change them"
              : undefined,
          apply: () => changed.unsafeOpen()
        })
        yield* changed.await.pipe(
          Effect.zipRight(changed.close),
          Effect.zipRight(Effect.suspend(() => change(live.current, retire))),
          Effect.forever,
          Effect.interruptible,
          Effect.forkScoped
        )
      })
    }
  }
)

/** The same, for settings that stay. */
export const make = (
  settings: Settings
): Effect.Effect<Arr.NonEmptyReadonlyArray<Backend>, WorkDirLock.WorkDirInUse, AutoLogin | Metrics | Scope.Scope> =>
  Effect.map(manage(settings), ({ current }) => current)

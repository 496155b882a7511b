/**
 * Creates the configured instances, each with its own scope, work directory and ports.
 */
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { Array as Arr, Effect, Option, type Scope } from "effect"
import type { Backend } from "../chat/Backend.ts"
import type { Settings } from "../config/Config.ts"
import type { Account } from "../domain/Account.ts"
import type { Metrics } from "../observe/Metrics.ts"
import * as Span from "../observe/Span.ts"
import * as TextOnly from "../textonly/TextOnly.ts"
import { version } from "../Version.ts"
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

interface Plan {
  readonly find: Endpoint.Find
  readonly workDir: string
  readonly emulated: boolean
  readonly attached: boolean
  readonly account: Option.Option<Account>
}

const accountsOf = ({ accounts, password, username }: Settings): ReadonlyArray<Account> =>
  accounts.length > 0 ? accounts : Option.toArray(Option.all({ username, password }))

/** A single instance uses this directory and the configured port; several use subdirectories and free ports. */
const baseOf = (settings: Settings) =>
  Option.isNone(settings.lingmaBin) ? `${settings.lingmaWorkDir}-emulator` : settings.lingmaWorkDir

const launches = (settings: Settings): ReadonlyArray<Plan> => {
  const ports = Port.make()
  const emulated = Option.isNone(settings.lingmaBin)
  const base = baseOf(settings)
  const count = Option.getOrElse(settings.instanceCount, () => Math.max(1, settings.accounts.length))
  const accounts = accountsOf(settings)
  return Arr.makeBy(count, (i) => {
    const workDir = count === 1 ? base : join(base, `inst-${i}`)
    const find = Endpoint.launched({
      command: Option.getOrElse(settings.lingmaBin, () => process.execPath),
      prefix: emulated ? [emulator] : [],
      workDir,
      ports,
      socketPort: count === 1 ? settings.lingmaSocketPort : 0,
      httpPort: count === 1 ? DEFAULT_HTTP_PORT : 0,
      childEnv: settings.childEnv
    })
    return { find, workDir, emulated, attached: false, account: Arr.get(accounts, i) }
  })
}

const attached = (settings: Settings, i: number) => join(settings.lingmaWorkDir, `attached-${i}`)

/** The directory to lock. Attached instances use another one, so that a second gateway may attach to an IDE's Lingma. */
const guarded = (settings: Settings) => (settings.attach === "no" ? baseOf(settings) : attached(settings, 0))

const plans = (settings: Settings): ReadonlyArray<Plan> => {
  if (settings.attach === "no") return launches(settings)
  const finds = settings.attach === "auto" ? [Endpoint.found(Discovery.search)] : settings.attach.map(Endpoint.at)
  return finds.map((find, i) => ({
    find,
    workDir: attached(settings, i),
    emulated: false,
    attached: true,
    account: Arr.get(accountsOf(settings), i)
  }))
}

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

/** Starts the instances in the background; see `status` of each. Fails if another gateway uses the work directory. */
export const make: (
  settings: Settings
) => Effect.Effect<Arr.NonEmptyReadonlyArray<Backend>, WorkDirLock.WorkDirInUse, AutoLogin | Metrics | Scope.Scope> =
  Span.named("Fleet.make")(function* (settings: Settings) {
    yield* WorkDirLock.hold(guarded(settings))
    const gate = yield* makeGate
    const backends = yield* Effect.forEach(plans(settings), (plan, i) =>
      Effect.zipRight(
        Leftovers.clear(plan.workDir),
        Effect.map(
          LingmaBackend.make({
            ...plan,
            id: `inst-${i}`,
            gate,
            version,
            startupTimeout: settings.startupTimeout,
            rpcTimeout: settings.rpcTimeout
          }),
          TextOnly.over
        )
      )
    )
    return backends as Arr.NonEmptyArray<Backend>
  })

/**
 * Composition root: the only file that wires all layers together.
 */
import type * as HttpLayerRouter from "@effect/platform/HttpLayerRouter"
import { type Array as Arr, type ConfigError, Effect, Layer, Option } from "effect"
import type { Backend } from "./chat/Backend.ts"
import { Chat } from "./chat/Chat.ts"
import * as Gauges from "./chat/Gauges.ts"
import { Guard } from "./chat/Guard.ts"
import { OverloadProtection } from "./chat/OverloadProtection.ts"
import { Pool } from "./chat/Pool.ts"
import { GatewayConfig, type Settings } from "./config/Config.ts"
import { LiveSettings } from "./config/LiveSettings.ts"
import * as StateDirectory from "./config/StateDirectory.ts"
import * as Server from "./http/Server.ts"
import * as Fleet from "./lingma/Fleet.ts"
import { AutoLogin } from "./lingma/login/AutoLogin.ts"
import * as PlaywrightBrowser from "./lingma/login/PlaywrightBrowser.ts"
import type { WorkDirInUse } from "./lingma/process/WorkDirLock.ts"
import { Metrics } from "./observe/Metrics.ts"
import * as Database from "./team/database/Database.ts"
import { HostTable } from "./team/hosts/HostTable.ts"
import { KeyRing } from "./team/keys/KeyRing.ts"
import { KeyStore } from "./team/keys/KeyStore.ts"
import { ChatHistory } from "./team/ledger/ChatHistory.ts"
import { Ledger } from "./team/ledger/Ledger.ts"
import { UsageReport } from "./team/ledger/UsageReport.ts"
import { Limits } from "./team/limits/Limits.ts"
import { KeptResponses } from "./team/responses/KeptResponses.ts"
import { TokenCounter } from "./tokens/TokenCounter.ts"

const GuardFromConfig = Layer.scoped(
  Guard,
  Effect.gen(function* () {
    const live = yield* LiveSettings.get
    const guard = yield* Guard.make(live.current)
    yield* live.follow({ apply: guard.limit })
    return guard
  })
)

const Browsers = Layer.unwrapEffect(
  Effect.map(GatewayConfig, ({ autoLoginBrowser, autoLoginHeadless: headless }) =>
    PlaywrightBrowser.layer({ executable: Option.getOrUndefined(autoLoginBrowser), headless })
  )
)

const stateOf = ({ lingmaWorkDir }: Settings) => {
  const { dir, from } = StateDirectory.of(lingmaWorkDir)
  return { state_directory: dir, state_directory_from: from }
}

const pooled = Layer.scoped(
  Pool,
  Effect.gen(function* () {
    const live = yield* LiveSettings.get
    const fleet = yield* Fleet.manage(live.current)
    yield* Effect.annotateLogs(Effect.logInfo("gateway startup"), {
      pool_size: fleet.current.length,
      max_in_flight: live.current.maxInFlight,
      ...stateOf(live.current)
    })
    const limits = {
      get maxInFlightPerInstance() {
        return live.current.maxInFlightPerInstance
      }
    }
    const pool = yield* Pool.make(fleet, limits)
    yield* fleet.follow(live, pool.retire)
    return pool
  })
)

/**
 * The configured Lingma instances: started, supervised, signed in, and stopped with the layer. Fails if another gateway
 * uses the work directory.
 */
export const lingmas: Layer.Layer<Pool, WorkDirInUse, GatewayConfig> = pooled.pipe(
  Layer.provide(AutoLogin.layerFromConfig),
  // The same metrics as those of `chat`: layers are shared within one graph.
  Layer.provide([Browsers, Metrics.layer])
)

/** Chats without HTTP, over any `Pool`. */
export const chat: Layer.Layer<Chat | Guard | Metrics, ConfigError.ConfigError, GatewayConfig | Pool> =
  Chat.layerFromConfig.pipe(
    Layer.provide([TokenCounter.layerFromConfig, OverloadProtection.layerFromConfig]),
    Layer.provideMerge(Layer.merge(GuardFromConfig, Metrics.layer))
  )

/** Started once the counter is there: what is wrong with TOKEN_COUNTER is told before anything runs. */
const started = Layer.provide(lingmas, TokenCounter.layerFromConfig)

const onChat = <A, E, R>(http: Layer.Layer<A, E, R>) => http.pipe(Layer.merge(Gauges.layer), Layer.provide(chat))

/**
 * What outlives the process: who uses the database, which is there before any Lingma is started. Without it the keys are
 * those of API_KEYS. The database itself is not given on: an app may have a `SqlClient` of its own.
 */
const team = Layer.mergeAll(
  ChatHistory.layer,
  HostTable.layer,
  KeptResponses.layer,
  KeyRing.layer,
  Limits.layer,
  Ledger.layerFromConfig,
  UsageReport.layerFromConfig
).pipe(Layer.provideMerge(KeyStore.layer), Layer.provide(Database.layerFromConfig), Layer.provide(Metrics.layer))

/** The HTTP API over any `Pool`, to be served by an `HttpServer`. */
export const layerWithoutPool = onChat(Server.layer)

/**
 * The whole gateway, to be served by an `HttpServer`: `NodeServer.layerFromConfig` or any other.
 *
 * @example
 * const main = Gateway.layer.pipe(
 *   Layer.provide(NodeServer.layerFromConfig),
 *   Layer.provide(GatewayConfig.layerFromEnv)
 * )
 * NodeRuntime.runMain(Layer.launch(main))
 */
export const layer = layerWithoutPool.pipe(Layer.provideMerge(started), Layer.provideMerge(team))

/**
 * The HTTP API over any `Pool`, on the router of an app. Without a prefix the routes keep their paths, except that `/`
 * is left to the app; with a prefix, the gateway handles every path under it.
 */
export const routesWithoutPool = (prefix?: HttpLayerRouter.PathInput) => onChat(Server.mounted(prefix))

/**
 * The whole gateway on the router of an app, next to the app's own routes.
 *
 * @example
 * const main = HttpLayerRouter.serve(Layer.mergeAll(appRoutes, Gateway.routes("/llm"))).pipe(
 *   Layer.provide(NodeServer.layerFromConfig),
 *   Layer.provide(GatewayConfig.layerFromEnv)
 * )
 */
export const routes = (prefix?: HttpLayerRouter.PathInput) =>
  routesWithoutPool(prefix).pipe(Layer.provide(started), Layer.provide(team))

/** The gateway over given backends and settings, for tests; ignores the environment and exposes its parts. */
export const layerTest = (backends: Arr.NonEmptyReadonlyArray<Backend>, settings?: Partial<Settings>) =>
  Server.layer.pipe(
    Layer.merge(Gauges.layer),
    Layer.provideMerge(chat),
    Layer.provideMerge(Pool.layer(backends)),
    Layer.provideMerge(GatewayConfig.layer(settings))
  )

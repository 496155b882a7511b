/**
 * The composition root: the only file that knows every layer.
 */
import { type Array as Arr, Effect, Layer, Option } from "effect"
import type { Backend } from "./Backend.ts"
import { Chat } from "./Chat.ts"
import { GatewayConfig, type Settings } from "./Config.ts"
import { Gauges } from "./Gauges.ts"
import { Guard } from "./Guard.ts"
import * as Server from "./http/Server.ts"
import { AutoLogin } from "./lingma/AutoLogin.ts"
import * as Fleet from "./lingma/Fleet.ts"
import * as PlaywrightBrowser from "./lingma/PlaywrightBrowser.ts"
import { Metrics } from "./Metrics.ts"
import { Pool } from "./Pool.ts"

const GuardFromConfig = Layer.unwrapEffect(Effect.map(GatewayConfig, Guard.layer))

const Browsers = Layer.unwrapEffect(
  Effect.map(GatewayConfig, ({ autoLoginBrowser, autoLoginHeadless: headless }) =>
    PlaywrightBrowser.layer({ executable: Option.getOrUndefined(autoLoginBrowser), headless })
  )
)

const Lingmas = Layer.unwrapScoped(
  Effect.flatMap(GatewayConfig, (settings) =>
    Effect.map(Fleet.make(settings), (backends) => Pool.layer(backends, settings))
  )
)

/** The API over whatever `Pool` is given. */
const served = Server.layer.pipe(
  Layer.merge(Gauges.keepFresh),
  Layer.provide(Layer.merge(Chat.layerFromConfig, Gauges.layer)),
  Layer.provide([GuardFromConfig, Metrics.layer])
)

/** The whole gateway, to be mounted on an `HttpServer`. */
export const layer = served.pipe(
  Layer.provide(Lingmas),
  Layer.provide(AutoLogin.layerFromConfig),
  Layer.provide(Browsers)
)

/** The gateway over given backends and settings, for tests and for embedding. */
export const layerTest = (backends: Arr.NonEmptyReadonlyArray<Backend>, settings?: Partial<Settings>) =>
  served.pipe(Layer.provide(Pool.layer(backends)), Layer.provideMerge(GatewayConfig.layer(settings)))

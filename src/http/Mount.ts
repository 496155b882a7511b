/**
 * The gateway on the router of an app: its own routes pass its own edge, and nothing else does.
 *
 * The app's router only hands them over; which route it is, is decided by the gateway's own router.
 * The app sends, so what goes around a request ends with the request's scope.
 */
import * as HttpLayerRouter from "@effect/platform/HttpLayerRouter"
import { Effect, Layer } from "effect"
import { GatewayConfig, isLoopback, type Settings } from "../config/Config.ts"
import { Metrics } from "../observe/Metrics.ts"
import * as Registry from "./dialects/Registry.ts"
import * as AccessLog from "./edge/AccessLog.ts"
import { Auth } from "./edge/Auth.ts"
import * as HostPolicy from "./edge/HostPolicy.ts"
import * as LastResort from "./edge/LastResort.ts"
import * as RequestId from "./edge/RequestId.ts"
import * as RequestSpan from "./edge/RequestSpan.ts"
import type * as Routes from "./edge/Routes.ts"
import * as OwnRouter from "./OwnRouter.ts"
import { Drain } from "./server/Drain.ts"

export interface MountOptions {
  readonly table: Routes.Table
  readonly patternOf: (url: string) => string
  /** Undefined: at the paths they have. Otherwise everything under the prefix is the gateway's. */
  readonly prefix: HttpLayerRouter.PathInput | undefined
}

/** Those of `/`, the app's own front page, are left out; an id may hold slashes. */
const handedOver = ({ patterns }: Routes.Table): ReadonlyArray<HttpLayerRouter.PathInput> =>
  patterns.flatMap((path) => (path === "/" ? [] : [path.replace(/:[^/]+$/, "*") as HttpLayerRouter.PathInput]))

const isUnguarded = ({ allowOpen }: Settings, host: string, auth: typeof Auth.Service) =>
  !isLoopback(host) && auth.isOpen() && !allowOpen

/** Adds `routes` to the router of the app. */
export const layer = <A, E, R>(routes: Layer.Layer<A, E, R>, { patternOf, prefix, table }: MountOptions) =>
  Layer.scopedDiscard(
    Effect.gen(function* () {
      const router = yield* HttpLayerRouter.HttpRouter
      const drain = yield* Drain
      const settings = yield* GatewayConfig
      const log = { patternOf, metrics: yield* Metrics }
      if (isUnguarded(settings, yield* HostPolicy.listensAt(settings.host), yield* Auth))
        yield* Effect.logWarning("mounted without API_KEYS where others than this machine can call")
      const inner = yield* OwnRouter.make(routes)
      // The edge has answered every failure; what is left is the client's leaving.
      const app = Effect.orDie(inner)
      const around = Effect.zipRight(
        drain.enter,
        LastResort.middleware(Registry.edge)(
          RequestSpan.scoped(patternOf)(RequestId.middleware(AccessLog.scoped(log)(app)))
        )
      )
      if (prefix === undefined) {
        for (const path of handedOver(table)) yield* router.add("*", path, around)
      } else {
        const under = router.prefixed(prefix)
        yield* under.add("*", "/", around)
        yield* under.add("*", "/*", around)
      }
    })
  ).pipe(Layer.provide(Auth.layer))

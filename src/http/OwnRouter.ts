/**
 * A router that nobody shares: within one graph of layers, platform's own would be the app's too, with all its routes.
 */
import * as HttpLayerRouter from "@effect/platform/HttpLayerRouter"
import { Effect, Layer } from "effect"
import * as Routes from "./edge/Routes.ts"

/** The routes as one app; they are matched as written, whatever a router in front of it folds. */
export const make = <A, E, R>(routes: Layer.Layer<A, E, R>) =>
  HttpLayerRouter.toHttpEffect(routes).pipe(
    Effect.provideServiceEffect(Layer.CurrentMemoMap, Layer.makeMemoMap),
    Effect.provideService(HttpLayerRouter.RouterConfig, Routes.routerConfig)
  )

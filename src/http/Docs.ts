/**
 * The page of the API's docs, made when somebody first asks for it: its script is larger than the gateway.
 */
import type * as HttpApi from "@effect/platform/HttpApi"
import * as HttpLayerRouter from "@effect/platform/HttpLayerRouter"
import { Effect, Layer, Scope } from "effect"

interface DocsOptions {
  readonly api: HttpApi.HttpApi.Any
  readonly path: `/${string}`
}

export const layer = (options: DocsOptions): Layer.Layer<never, never, HttpLayerRouter.HttpRouter> =>
  Layer.scopedDiscard(
    Effect.gen(function* () {
      const router = yield* HttpLayerRouter.HttpRouter
      const scope = yield* Effect.scope
      const page = yield* Effect.cached(
        Effect.promise(() => import("@effect/platform/HttpApiSwagger")).pipe(
          Effect.flatMap(({ layerHttpLayerRouter }) => HttpLayerRouter.toHttpEffect(layerHttpLayerRouter(options))),
          // Else its router would be the one that it is called from.
          Effect.provideServiceEffect(Layer.CurrentMemoMap, Layer.makeMemoMap),
          Effect.provideService(Scope.Scope, scope)
        )
      )
      // It has one route, the one that led here.
      yield* router.add("GET", options.path, Effect.orDie(Effect.flatten(page)))
    })
  )

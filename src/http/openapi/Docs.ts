/**
 * `/openapi.json` and `/docs`, built on the first request: they would slow down the startup, and the script of the page
 * is larger than the gateway.
 */
import type * as HttpApi from "@effect/platform/HttpApi"
import * as HttpLayerRouter from "@effect/platform/HttpLayerRouter"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as OpenApi from "@effect/platform/OpenApi"
import { Duration, Effect, Layer, Scope } from "effect"
import * as SharedWork from "../../runtime/SharedWork.ts"

interface DocsOptions {
  readonly api: HttpApi.HttpApi.Any
  readonly spec: `/${string}`
  readonly page: `/${string}`
}

const forGood = { keep: Duration.infinity }

export const layer = ({ api, page, spec }: DocsOptions): Layer.Layer<never, never, HttpLayerRouter.HttpRouter> =>
  Layer.scopedDiscard(
    Effect.gen(function* () {
      const router = yield* HttpLayerRouter.HttpRouter
      const scope = yield* Effect.scope
      const description = yield* SharedWork.make(
        Effect.sync(() => HttpServerResponse.unsafeJson(OpenApi.fromApi(api as HttpApi.HttpApi.AnyWithProps))),
        forGood
      )
      yield* router.add("GET", spec, Effect.orDie(description.result))
      const shown = yield* SharedWork.make(
        Effect.promise(() => import("@effect/platform/HttpApiSwagger")).pipe(
          Effect.flatMap(({ layerHttpLayerRouter }) =>
            HttpLayerRouter.toHttpEffect(layerHttpLayerRouter({ api, path: page }))
          ),
          // Otherwise it would share the router it is called from.
          Effect.provideServiceEffect(Layer.CurrentMemoMap, Layer.makeMemoMap),
          Effect.provideService(Scope.Scope, scope)
        ),
        forGood
      )
      // Its router has this one route only.
      yield* router.add("GET", page, Effect.orDie(Effect.flatten(shown.result)))
    })
  )

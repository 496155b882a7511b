/**
 * `/dashboard`: the page for operators, which holds no data itself and so needs no key. Where it was not built, as in an
 * app that bundles the gateway, that is said.
 */
import { basename } from "node:path"
import { fileURLToPath } from "node:url"
import * as HttpLayerRouter from "@effect/platform/HttpLayerRouter"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import type * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Context, Duration, Effect, Layer } from "effect"
import * as SharedWork from "../runtime/SharedWork.ts"
import * as Errors from "./dialects/openai/OpenAiErrors.ts"
import { failure } from "./dialects/openai/OpenAiFailure.ts"
import * as Assets from "./page/Assets.ts"

export const PAGE = "/dashboard"
export const ASSETS = "/dashboard/assets/:name"

/** Also from `dist` and from a bundle, which lie as deep. */
const BUILT = fileURLToPath(new URL("../../dist/dashboard", import.meta.url))

/** Where the files are; a reference so that tests have their own. */
export class Directory extends Context.Reference<Directory>()("lingma-gateway/http/DashboardPage/Directory", {
  defaultValue: () => BUILT
}) {}

const notBuilt = failure(404, "The dashboard is not a part of this build: npm run build makes it", {
  code: "dashboard_not_built"
})
const noAsset = failure(404, "The page has no such file: reload it", { code: "not_found" })

export const layer: Layer.Layer<never, never, HttpLayerRouter.HttpRouter> = Layer.scopedDiscard(
  Effect.gen(function* () {
    const router = yield* HttpLayerRouter.HttpRouter
    const directory = yield* Directory
    // A failure is not kept: it may be built later.
    const files = yield* SharedWork.make(
      Effect.tryPromise(() => Assets.read(directory)),
      { keep: Duration.infinity }
    )
    const answered = (
      use: (
        assets: Assets.Assets,
        request: HttpServerRequest.HttpServerRequest
      ) => HttpServerResponse.HttpServerResponse | undefined
    ) =>
      Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) =>
        Effect.match(files.result, {
          onFailure: () => Errors.respond(notBuilt),
          onSuccess: (assets) => use(assets, request) ?? Errors.respond(noAsset)
        })
      )
    const encodings = ({ headers }: HttpServerRequest.HttpServerRequest) => headers["accept-encoding"]
    const nameOf = ({ url }: HttpServerRequest.HttpServerRequest) => basename(url.replace(/[?#].*$/s, ""))
    yield* router.add(
      "GET",
      PAGE,
      answered((assets, request) => Assets.index(assets, encodings(request)))
    )
    yield* router.add(
      "GET",
      ASSETS,
      answered((assets, request) => Assets.asset(assets, nameOf(request), encodings(request)))
    )
  })
)

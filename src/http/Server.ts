/**
 * Routes, docs and everything around them as one layer, still without a port.
 */
import * as HttpLayerRouter from "@effect/platform/HttpLayerRouter"
import * as HttpMiddleware from "@effect/platform/HttpMiddleware"
import * as HttpServer from "@effect/platform/HttpServer"
import { Effect, Layer } from "effect"
import { GatewayConfig } from "../Config.ts"
import * as AccessLog from "./AccessLog.ts"
import { Api } from "./Api.ts"
import { Auth } from "./Auth.ts"
import { MODELS } from "./anthropic/Api.ts"
import * as MessagesFields from "./anthropic/Fields.ts"
import { AnthropicHandlers } from "./anthropic/Handlers.ts"
import { Bodies } from "./Bodies.ts"
import { CapabilitiesHandlers } from "./capabilities/Handlers.ts"
import * as Dialects from "./Dialects.ts"
import * as Docs from "./Docs.ts"
import { Drain, onClose } from "./Drain.ts"
import * as Edge from "./Edge.ts"
import * as Gate from "./Gate.ts"
import { Images } from "./Images.ts"
import { InternalHandlers } from "./internal/Handlers.ts"
import * as LastResort from "./LastResort.ts"
import * as Mount from "./Mount.ts"
import * as OwnRouter from "./OwnRouter.ts"
import { oneSegment } from "./openai/Api.ts"
import * as ChatFields from "./openai/Fields.ts"
import { OpenAiHandlers } from "./openai/Handlers.ts"
import { OpsHandlers } from "./ops/Handlers.ts"
import * as RequestId from "./RequestId.ts"
import * as RequestSpan from "./RequestSpan.ts"
import * as Routes from "./Routes.ts"
import * as ResponsesFields from "./responses/Fields.ts"
import { ResponsesHandlers } from "./responses/Handlers.ts"
import * as Segment from "./Segment.ts"
import { Shortcuts } from "./Shortcuts.ts"

const OPENAPI = "/openapi.json"
const DOCS = "/docs"

/** Told at `/v1/capabilities`. */
const dialects = [ChatFields.dialect, ResponsesFields.dialect, MessagesFields.dialect]

const ApiRoutes = HttpLayerRouter.addHttpApi(Api).pipe(
  Layer.provide([OpenAiHandlers, ResponsesHandlers, AnthropicHandlers, OpsHandlers, InternalHandlers]),
  Layer.provide(CapabilitiesHandlers(dialects)),
  Layer.provide([Auth.layer, Bodies.layerFromConfig, Images.layerFromConfig])
)

const DocsRoute = Docs.layer({ api: Api, spec: OPENAPI, page: DOCS })

const table = Routes.table(Api, [OPENAPI, DOCS])

const patternOf = (url: string) => table.patternOf(Segment.last(oneSegment(AccessLog.pathOf(url)), `${MODELS}/`))

const EdgeMiddleware = HttpLayerRouter.middleware(
  Effect.gen(function* () {
    const config = yield* GatewayConfig
    const drain = yield* Drain
    const auth = yield* Auth
    const shortcuts = yield* Shortcuts
    const host = yield* Gate.listensAt(config.host)
    return Edge.make({ ...config, host, drain, auth, shortcuts, methodsOf: table.methodsOf, dialects: Dialects.all })
  }),
  { global: true }
).pipe(Layer.provide(Auth.layer))

/** All routes, for a router of their own. */
export const routes = Layer.mergeAll(ApiRoutes, DocsRoute, EdgeMiddleware).pipe(Layer.provide(Shortcuts.layer))

const served = Layer.unwrapScoped(
  Effect.gen(function* () {
    const drain = yield* Drain
    const app = yield* OwnRouter.make(routes)
    return HttpServer.serve(app, (inner) =>
      LastResort.middleware(
        RequestSpan.middleware(patternOf)(RequestId.middleware(AccessLog.middleware(patternOf)(drain.track(inner))))
      )
    )
  })
)

/** Platform's own span holds every header. */
const untraced = HttpMiddleware.withTracerDisabledWhen(served, () => true)

const drained = Layer.scopedDiscard(Effect.flatMap(GatewayConfig, ({ drainTimeout }) => onClose(drainTimeout)))

/** Serves on `NodeServer.layerFromConfig`, or on any `HttpServer`. Drains before the server it is on stops. */
export const layer = drained.pipe(Layer.provide(untraced), Layer.provide(Drain.layer))

/** The routes for the router of an app, at the paths they have or under a prefix. Drains before what it stands on. */
export const mounted = (prefix?: HttpLayerRouter.PathInput) =>
  drained.pipe(Layer.provide(Mount.layer(routes, { table, patternOf, prefix })), Layer.provide(Drain.layer))

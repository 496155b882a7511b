/**
 * Routes, docs and everything around them as one layer, still without a port.
 */
import * as HttpApp from "@effect/platform/HttpApp"
import * as HttpLayerRouter from "@effect/platform/HttpLayerRouter"
import * as HttpMiddleware from "@effect/platform/HttpMiddleware"
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import { Effect, Layer } from "effect"
import { LiveSettings } from "../config/LiveSettings.ts"
import * as MetricKeys from "../observe/MetricKeys.ts"
import { Metrics } from "../observe/Metrics.ts"
import * as Fork from "../runtime/Fork.ts"
import { Api } from "./Api.ts"
import { CapabilitiesHandlers } from "./admin/capabilities/Handlers.ts"
import { DashboardHandlers } from "./admin/dashboard/Handlers.ts"
import { OpsHandlers } from "./admin/health/Handlers.ts"
import { HostsHandlers } from "./admin/hosts/Handlers.ts"
import { InspectHandlers } from "./admin/inspect/Handlers.ts"
import { InternalHandlers } from "./admin/internal/Handlers.ts"
import { KeysHandlers } from "./admin/keys/Handlers.ts"
import { UsageHandlers } from "./admin/usage/Handlers.ts"
import { OwnUsageHandlers } from "./admin/usage/OwnHandlers.ts"
import { Bodies } from "./chat/Bodies.ts"
import { Images } from "./chat/Images.ts"
import { Inspector } from "./chat/inspect/Inspector.ts"
import { Admission } from "./chat/limits/Admission.ts"
import { Documents } from "./chat/sources/Documents.ts"
import { Pages } from "./chat/sources/Pages.ts"
import * as DashboardPage from "./DashboardPage.ts"
import * as DialectHandlers from "./dialects/Handlers.ts"
import * as Registry from "./dialects/Registry.ts"
import * as AccessLog from "./edge/AccessLog.ts"
import { Auth } from "./edge/Auth.ts"
import { DirectRoutes } from "./edge/DirectRoutes.ts"
import * as Edge from "./edge/Edge.ts"
import * as HostPolicy from "./edge/HostPolicy.ts"
import * as LastResort from "./edge/LastResort.ts"
import * as PathSegment from "./edge/PathSegment.ts"
import * as RequestId from "./edge/RequestId.ts"
import * as RequestSpan from "./edge/RequestSpan.ts"
import * as Routes from "./edge/Routes.ts"
import { EmbeddingsHandlers } from "./embeddings/Handlers.ts"
import * as Mount from "./Mount.ts"
import * as OwnRouter from "./OwnRouter.ts"
import { OllamaHandlers } from "./ollama/Handlers.ts"
import * as Docs from "./openapi/Docs.ts"
import { Connections } from "./server/Connections.ts"
import { CurrentServer } from "./server/CurrentServer.ts"
import { Drain, onClose } from "./server/Drain.ts"
import * as MessageRequest from "./server/MessageRequest.ts"
import * as Unread from "./server/Unread.ts"
import * as Sockets from "./socket/Sockets.ts"

const OPENAPI = "/openapi.json"
const DOCS = "/docs"

const ApiRoutes = HttpLayerRouter.addHttpApi(Api).pipe(
  Layer.provide([
    DialectHandlers.layer,
    EmbeddingsHandlers,
    OllamaHandlers,
    OpsHandlers,
    InternalHandlers,
    InspectHandlers,
    DashboardHandlers,
    HostsHandlers,
    KeysHandlers,
    OwnUsageHandlers,
    UsageHandlers
  ]),
  Layer.provide(CapabilitiesHandlers(Registry.support)),
  Layer.provide([
    Admission.layer,
    Auth.layer,
    Bodies.layerFromConfig,
    Documents.layer,
    Images.layerFromConfig,
    Inspector.layer,
    Pages.layer
  ])
)

const DocsRoute = Docs.layer({ api: Api, spec: OPENAPI, page: DOCS })

const table = Routes.table(Api, [OPENAPI, DOCS, DashboardPage.PAGE, DashboardPage.ASSETS])

const chatPaths: ReadonlySet<string> = new Set(Registry.support.map(({ path }) => path))

const patternOf = (url: string) => table.patternOf(PathSegment.under(Registry.idRoots, AccessLog.pathOf(url)))

const EdgeMiddleware = HttpLayerRouter.middleware(
  Effect.gen(function* () {
    const live = yield* LiveSettings.get
    const drain = yield* Drain
    const auth = yield* Auth
    const shortcuts = yield* DirectRoutes
    const app = yield* Sockets.MessageApp
    const bodies = yield* Bodies
    const backlog = Unread.backlog()
    const config = live.current
    const sockets = Sockets.make({ app, backlog, bodies, config, drain, protocol: Registry.socket })
    return Edge.make({
      host: yield* HostPolicy.listensAt(config.host),
      policy: () => live.current,
      drain,
      auth,
      shortcuts,
      backlog,
      socketOf: sockets.of,
      socketPath: Registry.socket.path,
      isChat: (path) => chatPaths.has(path),
      methodsOf: table.methodsOf,
      dialects: Registry.edge
    })
  }),
  { global: true }
).pipe(Layer.provide([Auth.layer, Bodies.layerFromConfig]))

const routesWith = (direct: Layer.Layer<DirectRoutes>) =>
  Layer.mergeAll(ApiRoutes, DocsRoute, DashboardPage.layer, EdgeMiddleware).pipe(Layer.provide(direct))

/** All routes, for a router of their own. */
export const routes = routesWith(DirectRoutes.layer)

/** Serves the messages of sockets as the server does requests. */
const served = <E, R>(app: HttpApp.Default<E, R>, around: HttpMiddleware.HttpMiddleware) => {
  const handled = HttpApp.toHandled(
    app,
    (request, response) => MessageRequest.of(request)?.deliver(response, undefined) ?? Effect.void,
    around
  )
  type Needs = Exclude<Effect.Effect.Context<typeof handled>, HttpServerRequest.HttpServerRequest>
  return Effect.map(
    Fork.make<Needs>(),
    (fork) => (request: HttpServerRequest.HttpServerRequest) =>
      fork(Effect.provideService(handled, HttpServerRequest.HttpServerRequest, request))
  )
}

const serve = (all: typeof routes) =>
  Layer.unwrapScoped(
    Effect.gen(function* () {
      const drain = yield* Drain
      const log = { patternOf, metrics: yield* Metrics }
      const messages = yield* Sockets.MessageApp
      const app = yield* OwnRouter.make(all)
      const around = <E, R>(inner: HttpApp.Default<E, R>) =>
        LastResort.middleware(Registry.edge)(
          RequestSpan.middleware(patternOf)(RequestId.middleware(AccessLog.middleware(log)(drain.track(inner))))
        )
      messages.bind(yield* served(app, around))
      return HttpServer.serve(app, around)
    })
  )

const drained = Layer.scopedDiscard(Effect.flatMap(LiveSettings.get, (live) => onClose(() => live.current)))

/** What the Node server counts itself, for all gateways that it serves. */
const observed = Layer.effectDiscard(
  Effect.map(Effect.all([CurrentServer, Metrics]), ([server, metrics]) => {
    if (!(server instanceof Connections)) return
    metrics.observe(
      "connections",
      Effect.sync(() => [{ key: MetricKeys.connectionsShed, value: server.shed }])
    )
  })
)

/** Platform's own span holds every header. */
const layerOf = (all: typeof routes) =>
  Layer.merge(drained, observed).pipe(
    Layer.provide(HttpMiddleware.withTracerDisabledWhen(serve(all), () => true)),
    Layer.provide([Drain.layer, Sockets.MessageApp.layer])
  )

/** Serves on `NodeServer.layerFromConfig`, or on any `HttpServer`. Drains before the server it is on stops. */
export const layer = layerOf(routes)

/** The same without direct routes: every chat by the router, for tests that compare the two. */
export const layerRouted = layerOf(routesWith(DirectRoutes.none))

/** The routes for the router of an app, at the paths they have or under a prefix. Drains before what it stands on. */
export const mounted = (prefix?: HttpLayerRouter.PathInput) =>
  Layer.merge(drained, observed).pipe(
    Layer.provide(Mount.layer(routes, { table, patternOf, prefix })),
    Layer.provide(Drain.layer)
  )

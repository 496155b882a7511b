/**
 * Wraps every route: Host, CORS and drain checks, 404/405/500 fallbacks, and common response headers.
 */
import * as HttpApp from "@effect/platform/HttpApp"
import * as HttpServerError from "@effect/platform/HttpServerError"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Cause, Context, Effect, type Scope } from "effect"
import { type ChatError, ShuttingDown } from "../../domain/ChatError.ts"
import * as RequestContext from "../../observe/RequestContext.ts"
import * as ClientGone from "../server/ClientGone.ts"
import type { Drain } from "../server/Drain.ts"
import * as MessageRequest from "../server/MessageRequest.ts"
import * as NodeRequest from "../server/NodeRequest.ts"
import * as Send from "../server/Send.ts"
import type * as Unread from "../server/Unread.ts"
import * as AccessLog from "./AccessLog.ts"
import type { Auth } from "./Auth.ts"
import * as Dialect from "./Dialect.ts"
import type { DirectRoutes } from "./DirectRoutes.ts"
import { Broken, CallerRefused, type Refusal, RouteRefused, Unparsed } from "./EdgeError.ts"
import * as HeadValidation from "./HeadValidation.ts"
import * as HostPolicy from "./HostPolicy.ts"

type Request = HttpServerRequest.HttpServerRequest
type Response = HttpServerResponse.HttpServerResponse
type App<E> = Effect.Effect<Response, E, Request | Scope.Scope>

/** Who may call. */
export type CallerPolicy = Pick<HostPolicy.GateOptions, "allowedHosts" | "corsOrigins">

export interface EdgeOptions {
  /** Listen address. */
  readonly host: string
  /** Those of now, read once per request. */
  readonly policy: () => CallerPolicy
  readonly drain: Pick<typeof Drain.Service, "isDraining">
  readonly auth: Pick<typeof Auth.Service, "api" | "isOpen">
  readonly shortcuts: typeof DirectRoutes.Service
  /** What waits for the readers of this gateway. */
  readonly backlog: Unread.Backlog
  /** What takes the connection of a request over that asks for a socket, where there is one. */
  readonly socketOf?: (request: Request) => Send.Takeover | undefined
  /** Where sockets are opened, if the settings allow them: a refusal there says that they are off. */
  readonly socketPath: string
  /** Whether chats are asked for at this path. */
  readonly isChat: (path: string) => boolean
  readonly methodsOf: (url: string) => ReadonlyArray<string>
  readonly dialects: Dialect.Dialects
}

/** Served during a drain. */
const probes = new Set(["/health", "/healthz", "/readyz"])

/** Ollama's routes for chats and embeddings, and where these are served instead. */
const ofOllama: Readonly<Record<string, string>> = {
  "/api/chat": "/v1/chat/completions",
  "/api/generate": "/v1/completions",
  "/api/embed": "/v1/embeddings",
  "/api/embeddings": "/v1/embeddings"
}

/** A balancer that repeats by status alone asks by this header for one that nothing else has, where a chat may go to another host. */
const RETRY = "x-retry-not-started"
const TOO_EARLY = "425"
/** The status that it would have had, for whoever repeats it no more. */
const RETRIED = "x-not-started-status"

/** Whether an error response has a JSON body. */
const isTold = ({ body, headers }: Response): boolean =>
  body._tag === "Uint8Array" && body.body.length > 0 && (headers["content-type"] ?? "").startsWith("application/json")

const closing = HttpServerResponse.setHeader("connection", "close")

/** Includes requests whose upgrade a proxy dropped: plain requests never have this header. */
const asksForSocket = ({ headers: { "sec-websocket-key": key, upgrade } }: Request): boolean =>
  upgrade?.toLowerCase() === "websocket" || key !== undefined

/** Validates headers before anything else is read; returns the reason for a rejection. */
const headOf = (
  request: Request,
  socket: Send.Takeover | undefined,
  socketPath: string
): Unparsed["reason"] | undefined => {
  const { expect } = request.headers
  if (socket === undefined && asksForSocket(request)) {
    return AccessLog.pathOf(request.url) === socketPath ? "no_websocket" : "upgrade"
  }
  if (expect !== undefined && expect.toLowerCase() !== "100-continue") return "expectation"
  const node = NodeRequest.fromRequest(request)
  return node === undefined ? undefined : HeadValidation.refusal(node.incoming)
}

export const make = (options: EdgeOptions) => {
  const { isOpen } = options.auth
  const { host } = options
  const dialectOf = ({ headers, url }: Request) => Dialect.of(options.dialects, AccessLog.pathOf(url), headers)

  const refuse = (request: Request, problem: Refusal | ChatError) =>
    Effect.map(RequestContext.refused(problem), ({ id }) => dialectOf(request).respond(problem, id))

  const isRouted = (path: string) => options.methodsOf(path).length > 0

  const noRoute = (request: Request): Effect.Effect<Response> => {
    const { method, url } = request
    const path = AccessLog.pathOf(url)
    const tidy = path.replace(/\/{2,}/g, "/").replace(/(?<=.)\/$/, "")
    const candidates = [`/v1${path}`, path.replace(/^\/v1(?=\/v1\/)/, ""), tidy, `/v1${tidy}`, ofOllama[tidy] ?? ""]
    const meant = candidates.find(isRouted)
    const allow = options.methodsOf(dialectOf(request).route(url))
    return method === "OPTIONS" && allow.length > 0
      ? Effect.succeed(HttpServerResponse.empty({ status: 204, headers: { allow: allow.join(", ") } }))
      : refuse(request, new RouteRefused({ method, path, allow, ...(meant === undefined ? {} : { meant }) }))
  }

  const broken = <E>(request: Request, cause: Cause.Cause<E>): Effect.Effect<Response> =>
    Effect.zipRight(Effect.logError("internal error", cause), refuse(request, new Broken()))

  /** An interrupt counts as a client disconnect only if the client has disconnected. */
  const answerCause = <E>(request: Request, cause: Cause.Cause<E>): App<E> =>
    Effect.withFiberRuntime((fiber) => {
      if (Cause.isInterruptedOnly(cause)) {
        if (ClientGone.isGone(fiber)) return Effect.failCause(cause)
      } else if (Cause.squash(cause) instanceof HttpServerError.RouteNotFound) return noRoute(request)
      return broken(request, cause)
    })

  /** Error responses without a JSON body, and anything that is not a response, are turned into a 500. */
  const checked = (request: Request, response: unknown): Effect.Effect<Response> => {
    const isResponse = HttpServerResponse.isServerResponse(response)
    if (isResponse && (response.status < 400 || isTold(response))) return Effect.succeed(response)
    const what = isResponse ? `${response.status} without a body that tells why` : "no response"
    return broken(request, Cause.die(new Error(`the handler gave ${what}`)))
  }

  const short = <E>(request: Request, app: App<E>): App<E> => {
    const chat = options.shortcuts.find(request)
    if (chat === undefined) return app
    return Effect.matchEffect(options.auth.api(request), {
      onFailure: (refusal) => refuse(request, refusal),
      onSuccess: () => chat
    })
  }

  /** Browsers ask nobody before they open a socket, so a page's origin is looked at here. */
  const letIn = (request: Request, socket: Send.Takeover, policy: HostPolicy.GateOptions): Effect.Effect<Response> =>
    HostPolicy.isOriginAllowed(policy, request)
      ? Effect.matchEffect(options.auth.api(request), {
          onFailure: (refusal) => refuse(request, refusal),
          onSuccess: () => Effect.succeed(HttpServerResponse.raw(socket, { status: 101 }))
        })
      : refuse(request, new CallerRefused({ reason: "origin" }))

  const gate = <E>(request: Request, app: App<E>, policy: HostPolicy.GateOptions): App<E> => {
    const socket = options.socketOf?.(request)
    const wrong = headOf(request, socket, options.socketPath)
    if (wrong !== undefined) return Effect.map(refuse(request, new Unparsed({ reason: wrong })), closing)
    if (!HostPolicy.isHostAllowed(policy, request)) return refuse(request, new CallerRefused({ reason: "host" }))
    if (HostPolicy.isPreflight(request) && HostPolicy.listedOrigin(policy, request) !== undefined) {
      return Effect.succeed(HostPolicy.preflight(request))
    }
    if (options.drain.isDraining() && !probes.has(AccessLog.pathOf(request.url))) {
      return refuse(request, new ShuttingDown())
    }
    if (socket !== undefined) return letIn(request, socket, policy)
    const url = dialectOf(request).route(request.url)
    return url === request.url
      ? short(request, app)
      : Effect.provideService(app, HttpServerRequest.HttpServerRequest, request.modify({ url }))
  }

  /** Only of chats is known when something begins. */
  const hasNotStarted = (request: Request, { status }: Response, { isStarted }: RequestContext.RequestContext) =>
    status >= 400 && !isStarted && request.method === "POST" && options.isChat(AccessLog.pathOf(request.url))

  const shared = (
    request: Request,
    { headers, status }: Response,
    id: string,
    policy: HostPolicy.GateOptions
  ): Record<string, string> => ({
    "x-request-id": id,
    "x-content-type-options": "nosniff",
    ...(headers["cache-control"] === undefined ? { "cache-control": "no-store" } : {}),
    ...(status === 401 ? { "www-authenticate": "Bearer" } : {}),
    ...(options.drain.isDraining() ? { connection: "close" } : {}),
    ...HostPolicy.corsHeaders(policy, request),
    ...(headers["vary"] !== undefined && policy.corsOrigins.length > 0 ? { vary: `${headers["vary"]}, Origin` } : {}),
    ...dialectOf(request).headers?.(id)
  })

  return <E>(app: App<E>): App<E> =>
    Effect.withFiberRuntime((fiber) => {
      const request = Context.unsafeGet(fiber.currentContext, HttpServerRequest.HttpServerRequest)
      const context = RequestContext.of(fiber)
      const { allowedHosts, corsOrigins } = options.policy()
      const policy = { host, isOpen, allowedHosts, corsOrigins }
      const headed = (response: Response): Response => {
        const answer = HttpServerResponse.setHeaders(response, shared(request, response, context.id, policy))
        if (!hasNotStarted(request, response, context)) return answer
        // A balancer may ask another host for it: nothing is done twice.
        const told = HttpServerResponse.setHeader(answer, "x-not-started", "true")
        // A message of a socket has the headers of its connection, and nobody but its client to repeat it.
        const isHeard = request.headers[RETRY] === TOO_EARLY && MessageRequest.of(request) === undefined
        if (!isHeard || !context.isOfHost) return told
        const retried = HttpServerResponse.setHeader(told, RETRIED, String(response.status))
        return HttpServerResponse.setStatus(retried, Number(TOO_EARLY))
      }
      const sender = Send.handler(options.backlog, (cause) => Effect.map(broken(request, cause), headed))
      const finish = (response: Response) =>
        // Registered last, because this handler sends the response.
        Effect.as(HttpApp.appendPreResponseHandler(sender), headed(response))
      return Effect.matchCauseEffect(
        Effect.suspend(() => gate(request, app, policy)),
        {
          onFailure: (cause) => Effect.flatMap(answerCause(request, cause), finish),
          onSuccess: (response) => Effect.flatMap(checked(request, response), finish)
        }
      )
    })
}

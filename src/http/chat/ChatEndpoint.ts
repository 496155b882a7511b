/**
 * Serves a dialect's chats: body, schema, fields, images, `Chat.open`, then the response, whole or streamed.
 *
 * The router's handler and the direct route run the same effect.
 */
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Effect, Either, type Schema, type Scope } from "effect"
import { Chat } from "../../chat/Chat.ts"
import type { Settings } from "../../config/Config.ts"
import { LiveSettings } from "../../config/LiveSettings.ts"
import { anonymous, type Caller } from "../../domain/keys/Caller.ts"
import type * as Model from "../../domain/Model.ts"
import * as RequestContext from "../../observe/RequestContext.ts"
import type { Key } from "../../team/keys/Key.ts"
import { Auth } from "../edge/Auth.ts"
import { DirectRoutes } from "../edge/DirectRoutes.ts"
import { KeyRefused } from "../edge/EdgeError.ts"
import * as RequestLog from "../edge/RequestLog.ts"
import { Drain } from "../server/Drain.ts"
import * as MessageRequest from "../server/MessageRequest.ts"
import { Bodies } from "./Bodies.ts"
import type { ChatContext, ChatDialect, Exchange, Problem } from "./ChatDialect.ts"
import * as ChatResponse from "./ChatResponse.ts"
import * as Decode from "./Decode.ts"
import * as FieldSupport from "./FieldSupport.ts"
import { Images, type Link } from "./Images.ts"
import { Inspector } from "./inspect/Inspector.ts"
import { Admission } from "./limits/Admission.ts"
import * as LimitHeaders from "./limits/LimitHeaders.ts"
import * as SchemaIssue from "./SchemaIssue.ts"
import { Documents } from "./sources/Documents.ts"
import { Pages } from "./sources/Pages.ts"

const SESSION = ["x-session-id", "session-id"]

type Request = HttpServerRequest.HttpServerRequest

/** Made once per gateway; registers the direct route. */
export const make = Effect.fnUntraced(function* <A, I, F>(dialect: ChatDialect<A, I, F>) {
  const chat = yield* Chat
  const auth = yield* Auth
  const bodies = yield* Bodies
  const drain = yield* Drain
  const images = yield* Images
  const documents = yield* Documents
  const pages = yield* Pages
  const shortcuts = yield* DirectRoutes
  const live = yield* LiveSettings.get
  const admission = yield* Admission
  const inspected = (yield* Inspector).over(auth)
  const { errors, support } = dialect
  const answer = ChatResponse.make({ drain })
  const sessionHeaders = [...SESSION, ...(dialect.sessionHeaders ?? [])]

  const pictures = (links: ReadonlyArray<Link>, caller: Caller, config: Settings) =>
    Effect.mapError(images.load(links, caller, config), (error) =>
      error._tag === "ImageRefused" ? errors.fromImage(error) : error
    )

  const heed = (body: unknown, { strictParams }: Settings, leftOut: ReadonlyArray<string>) =>
    Effect.mapError(FieldSupport.heed(support, body, strictParams, leftOut), errors.fromParam)

  const payloadOf = (sent: unknown, message: MessageRequest.Message) =>
    dialect.fromMessage?.(sent, message) ?? Either.right(sent)

  const contextOf = (
    request: Request,
    config: Settings,
    key: Key | undefined,
    requestId: string,
    leftOut: Array<string>
  ): ChatContext<F> => {
    const named = sessionHeaders.find((name) => request.headers[name] !== undefined)
    const caller = key ?? anonymous
    return {
      config,
      caller,
      sessionId: named === undefined ? undefined : request.headers[named],
      requestId,
      message: MessageRequest.of(request),
      leaveOut: (name) => void leftOut.push(name),
      pictures: (links) => pictures(links, caller, config),
      documents: (links) => documents.load(links, caller),
      page: config.webFetch ? (url, mayVisit) => pages.fetch(url, mayVisit, caller) : undefined,
      open: admission.openFor(key, config),
      count: (request) => chat.count(request, config)
    }
  }

  /** Made once per route: decodes a body with `schema`, and `ask` translates it. */
  const reader = <B, J, Asked, R = never>(
    schema: Schema.Schema<B, J>,
    ask: (payload: B, context: ChatContext<F>) => Effect.Effect<Asked, Problem<F>, R>
  ): Effect.Effect<
    {
      readonly asked: Asked
      readonly ignored: Readonly<Record<string, string>>
      readonly key: Key | undefined
      readonly config: Settings
    },
    Problem<F>,
    R | Request | Scope.Scope
  > => {
    const decode = Decode.reader(schema)
    const read = Effect.fnUntraced(function* () {
      const request = yield* HttpServerRequest.HttpServerRequest
      const config = live.current
      yield* RequestLog.calledBy(auth.caller(request))
      const sent = yield* bodies.json(request)
      const message = MessageRequest.of(request)
      const body = message === undefined ? sent : yield* payloadOf(sent, message)
      const { id, tap } = yield* RequestContext.current
      tap?.read(body)
      const payload = yield* Either.mapLeft(decode(body), ({ issue }) =>
        errors.fromIssue(SchemaIssue.explain(issue), body)
      )
      const leftOut: Array<string> = []
      const key = auth.key(request)
      // Revoked while its body arrived.
      if (key === undefined && !auth.isOpen()) return yield* new KeyRefused({ reason: "revoked" })
      const context = contextOf(request, config, key, id, leftOut)
      // Before pictures and documents are loaded for a request that is refused anyway.
      if (config.strictParams) yield* heed(body, config, [])
      const asked = yield* ask(payload, context)
      return { ignored: yield* heed(body, config, leftOut), asked, key, config }
    })
    return Effect.suspend(read)
  }

  /** Every failure in the dialect's error shape. */
  const answered = <R>(effect: Effect.Effect<HttpServerResponse.HttpServerResponse, Problem<F>, R>) =>
    Effect.catchAll(effect, (problem) =>
      Effect.map(RequestContext.refused(problem), ({ id }) => errors.respond(problem, id))
    )

  const read = reader(dialect.payload, dialect.exchange)

  const served = Effect.fnUntraced(function* ({
    asked,
    config,
    ignored,
    key
  }: Effect.Effect.Success<typeof read>): Effect.fn.Return<
    HttpServerResponse.HttpServerResponse,
    Problem<F>,
    Scope.Scope
  > {
    const opened = admission.openFor(key, config)(asked.request)
    const open = asked.open?.(opened) ?? opened
    if (asked.request.origin.stream) {
      const onRevoked = key === undefined ? undefined : (stop: () => void) => auth.onRevoked(key.id, stop)
      const options = { open, onRevoked, silence: config.keepAlive, ...asked.stream() }
      const stream = yield* answer.stream({ ...options, headers: ChatResponse.headersOf })
      // Also on one that starts with a keep-alive, when no instance has answered yet.
      return HttpServerResponse.setHeaders(stream, ignored)
    }
    const { fold, millis, run } = yield* answer.whole(open, asked.whole)
    return HttpServerResponse.unsafeJson(fold.result(millis), {
      headers: { ...ChatResponse.headersOf(run), ...ignored, ...dialect.wholeHeaders?.(millis) }
    })
  })

  /** Serves what was read, unless its key does not allow it. */
  const admitted = <R>(
    {
      asked,
      config,
      key
    }: {
      readonly asked: Pick<Exchange, "request" | "isFree">
      readonly config: Settings
      readonly key: Key | undefined
    },
    serve: Effect.Effect<HttpServerResponse.HttpServerResponse, Problem<F>, R>
  ) =>
    admission.admit<Problem<F>, R>({
      key,
      config,
      request: asked.request,
      isFree: asked.isFree === true,
      headers: dialect.limitHeaders ?? LimitHeaders.openai,
      serve,
      answered
    })

  const chats = Effect.flatMap(read, (all) => admitted(all, served(all)))

  /** Which of these models the key of the request may use. */
  const allowed = (models: ReadonlyArray<Model.Model>) =>
    Effect.map(HttpServerRequest.HttpServerRequest, (request) => admission.allowed(auth.key(request), models))

  const handled = inspected(answered(chats))
  shortcuts.add("POST", support.path, handled)
  const { openFor } = admission
  return { admitted, allowed, answer, answered, chat, inspected, live, handle: () => handled, openFor, reader }
})

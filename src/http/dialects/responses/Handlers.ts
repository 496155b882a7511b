/**
 * Decode, open, encode. Anything longer belongs in `Codec`, `Events` or `Chat`.
 */
import { randomBytes } from "node:crypto"
import * as HttpApi from "@effect/platform/HttpApi"
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Effect, Either, Layer } from "effect"
import { Chat } from "../../../chat/Chat.ts"
import { GatewayConfig } from "../../../config/Config.ts"
import type { ChatError } from "../../../domain/ChatError.ts"
import { Bodies } from "../../chat/Bodies.ts"
import * as ChatResponse from "../../chat/ChatResponse.ts"
import { Images } from "../../chat/Images.ts"
import { Auth } from "../../edge/Auth.ts"
import { DirectRoutes } from "../../edge/DirectRoutes.ts"
import { Drain } from "../../server/Drain.ts"
import * as OpenAiBody from "../openai/OpenAiBody.ts"
import { OpenAiKey } from "../openai/OpenAiKey.ts"
import { ResponsesApi } from "./Api.ts"
import * as Codec from "./Codec.ts"
import * as Errors from "./Errors.ts"
import * as Events from "./Events.ts"
import { dialect } from "./Fields.ts"
import * as Items from "./Items.ts"
import { ResponsesRequest } from "./Payload.ts"
import * as Resource from "./Resource.ts"
import * as Store from "./Store.ts"

const read = OpenAiBody.reader(ResponsesRequest, dialect)

const newId = (prefix: string) => `${prefix}_${randomBytes(24).toString("hex")}`

const answered = <R>(effect: Effect.Effect<HttpServerResponse.HttpServerResponse, Errors.Failure | ChatError, R>) =>
  Effect.catchAll(effect, (error) => Effect.succeed(Errors.respond(error)))

const noteSkipped = (skipped: ReadonlySet<string>) =>
  skipped.size === 0
    ? Effect.void
    : Effect.annotateLogs(Effect.logDebug("parts of a request skipped"), { skipped: [...skipped].join(", ") })

const handlers = HttpApiBuilder.group(
  HttpApi.make("lingma-gateway").add(ResponsesApi),
  "responses",
  Effect.fnUntraced(function* (handlers) {
    const chat = yield* Chat
    const auth = yield* Auth
    const bodies = yield* Bodies
    const shortcuts = yield* DirectRoutes
    const drain = yield* Drain
    const images = yield* Images
    const clock = yield* Effect.clock
    const { keepAlive, responsesStore, strictParams } = yield* GatewayConfig
    const answer = ChatResponse.make({ drain, keepAlive })
    const store = Store.make({ capacity: responsesStore })
    const now = () => Math.floor(clock.unsafeCurrentTimeMillis() / 1000)

    /** A request as the chat that it asks for. */
    const asked = Effect.fnUntraced(function* (wishes: Pick<Codec.RequestOptions, "compacts"> = {}) {
      const { headers, ignored, payload } = yield* read(bodies, strictParams)
      const caller = auth.caller(yield* HttpServerRequest.HttpServerRequest)
      const own = store.of(caller)
      const past: Codec.Past = { items: (id) => own.get(id)?.items, item: own.item }
      const turn = yield* Codec.toTurn(payload, past)
      const pictures = yield* Effect.catchTag(images.load(Items.links(turn)), "ImageRefused", Errors.fromImage)
      const sessionId = headers["x-session-id"] ?? headers["session-id"]
      const options = { caller, payload, turn, pictures, past, sessionId, ...wishes }
      const { skipped, ...rest } = yield* Codec.toRequest(options)
      yield* noteSkipped(skipped)
      return { ...rest, ignored, own, payload, turn }
    })
    type Asked = Effect.Effect.Success<ReturnType<typeof asked>>

    const optionsOf = ({ compacts, own, payload, tools, turn }: Asked, isKept: boolean): Events.EventsOptions => ({
      fixed: Resource.toFixed({ id: newId("resp"), created: now(), payload, tools, kept: isKept }),
      named: tools.named,
      model: payload.model,
      compacts,
      newId,
      now,
      ...(isKept ? { ended: (response) => own.put(response, [...turn.before, ...turn.now]) } : {})
    })

    const create = Effect.fnUntraced(function* () {
      const read = yield* asked()
      const { ignored, payload, request } = read
      const options = optionsOf(read, store.isOn && payload.store !== false)
      const open = chat.open(request)
      if (payload.stream === true) {
        const events = Events.make(options)
        const stream = yield* answer.stream({
          open,
          headers: ChatResponse.headersOf,
          encode: events.encode,
          keepAlive: events.keepAlive,
          failure: (error) => events.fail(Errors.inResponse(error))
        })
        return HttpServerResponse.setHeaders(stream, ignored)
      }
      const { fold, millis, run } = yield* answer.whole(open, (run) => Events.whole(options, run))
      return HttpServerResponse.unsafeJson(fold.result(), {
        headers: { ...ChatResponse.headersOf(run), ...ignored, "openai-processing-ms": String(Math.round(millis)) }
      })
    })

    const inputTokens = Effect.gen(function* () {
      const { ignored, request } = yield* asked()
      const counted = { object: "response.input_tokens", input_tokens: yield* chat.count(request) }
      return HttpServerResponse.unsafeJson(counted, { headers: ignored })
    })

    const compact = Effect.gen(function* () {
      const read = yield* asked({ compacts: true })
      const options = optionsOf(read, false)
      const { fold, run } = yield* answer.whole(chat.open(read.request), (run) => Events.whole(options, run))
      const { created_at, id, output, usage } = fold.result()
      const compacted = {
        id,
        object: "response.compaction",
        created_at,
        output: [...Items.ofUsers(read.turn), ...output],
        usage
      }
      return HttpServerResponse.unsafeJson(compacted, { headers: { ...ChatResponse.headersOf(run), ...read.ignored } })
    })

    const ownStore = Effect.map(HttpServerRequest.HttpServerRequest, (request) => store.of(auth.caller(request)))

    const held = (own: Store.Own, id: string) =>
      Either.map(
        Either.fromNullable(own.get(id), () => Errors.notHeld),
        ({ response }) => HttpServerResponse.unsafeJson(response)
      )

    const forgotten = (own: Store.Own, id: string) =>
      own.remove(id)
        ? Either.right(HttpServerResponse.unsafeJson({ id, object: "response", deleted: true }))
        : Either.left(Errors.notHeld)

    shortcuts.add("POST", dialect.path, answered(Effect.suspend(create)))
    return handlers
      .handleRaw("createResponse", () => answered(create()))
      .handleRaw("inputTokens", () => answered(inputTokens))
      .handleRaw("compact", () => answered(compact))
      .handle("response", ({ path }) => answered(Effect.flatMap(ownStore, (own) => held(own, path.id))))
      .handle("deleteResponse", ({ path }) => answered(Effect.flatMap(ownStore, (own) => forgotten(own, path.id))))
  })
)

export const ResponsesHandlers = Layer.provide(handlers, OpenAiKey.layer)

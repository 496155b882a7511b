/**
 * Decode, open, encode. Anything longer belongs in `Codec`, `Answer` or `Chat`.
 */
import { randomInt } from "node:crypto"
import * as HttpApi from "@effect/platform/HttpApi"
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Effect, Either, Layer, type Schema } from "effect"
import { Chat, type ChatRun } from "../../../chat/Chat.ts"
import { GatewayConfig } from "../../../config/Config.ts"
import { Bodies } from "../../chat/Bodies.ts"
import * as ChatResponse from "../../chat/ChatResponse.ts"
import * as Decode from "../../chat/Decode.ts"
import * as FieldSupport from "../../chat/FieldSupport.ts"
import { Images } from "../../chat/Images.ts"
import * as SchemaIssue from "../../chat/SchemaIssue.ts"
import { Auth } from "../../edge/Auth.ts"
import { DirectRoutes } from "../../edge/DirectRoutes.ts"
import * as RequestId from "../../edge/RequestId.ts"
import { Drain } from "../../server/Drain.ts"
import { AnthropicApi, AnthropicKey } from "./Api.ts"
import type * as Blocks from "./Blocks.ts"
import * as Codec from "./Codec.ts"
import * as Errors from "./Errors.ts"
import * as Events from "./Events.ts"
import { dialect } from "./Fields.ts"
import * as Message from "./Message.ts"
import * as Models from "./Models.ts"
import { CountTokensRequest, MessagesRequest } from "./Payload.ts"
import * as Refused from "./Refused.ts"

const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
const newId = Effect.sync(() => `msg_${Array.from({ length: 24 }, () => ALPHABET[randomInt(62)]).join("")}`)

type Pictures = (payload: CountTokensRequest) => Effect.Effect<Blocks.Reader["picture"], Errors.Problem>

const read = <A extends MessagesRequest | CountTokensRequest, I>(
  schema: Schema.Schema<A, I>,
  bodies: typeof Bodies.Service,
  pictures: Pictures,
  auth: Pick<typeof Auth.Service, "caller">
) => {
  const decode = Decode.reader(schema)
  return Effect.gen(function* () {
    const request = yield* HttpServerRequest.HttpServerRequest
    const body = yield* bodies.json(request)
    const payload = yield* Either.mapLeft(decode(body), ({ issue }) =>
      Errors.fromIssue(SchemaIssue.explain(issue), body)
    )
    const { headers } = request
    const sessionId = headers["x-session-id"] ?? headers["session-id"] ?? headers["x-claude-code-session-id"]
    const reading = yield* Codec.toRequest(payload, {
      caller: auth.caller(request),
      sessionId,
      picture: yield* pictures(payload)
    })
    const kinds = [...new Set(reading.skipped)].join(", ").slice(0, 500)
    if (kinds !== "") yield* Effect.annotateLogs(Effect.logDebug("parts of a request left out"), { kinds })
    const { strictParams } = yield* GatewayConfig
    const ignored = yield* Effect.mapError(FieldSupport.heed(dialect, body, strictParams), Errors.fromParam)
    return { payload, request: reading.request, ignored }
  })
}

/** Who asks wants to know whether it will fit: an estimate that is a few percent low would say yes too long. */
const MARGIN = 1.05

/** A picture is counted by its being there; it is neither looked at nor fetched for that. */
const unseen: Pictures = () =>
  Effect.succeed((link) => ({ mediaType: "image/png", data: "data" in link ? link.data : "" }))

const runHeaders = (ignored: Readonly<Record<string, string>>) => (run: ChatRun) => ({
  ...ChatResponse.headersOf(run),
  ...ignored
})

const answered = <R>(effect: Effect.Effect<HttpServerResponse.HttpServerResponse, Errors.Problem, R>) =>
  Effect.catchAll(effect, (error) => Effect.map(RequestId.current, (id) => Errors.respond(error, id)))

const handlers = HttpApiBuilder.group(
  HttpApi.make("lingma-gateway").add(AnthropicApi),
  "anthropic",
  Effect.fnUntraced(function* (handlers) {
    const chat = yield* Chat
    const auth = yield* Auth
    const bodies = yield* Bodies
    const shortcuts = yield* DirectRoutes
    const drain = yield* Drain
    const config = yield* GatewayConfig
    const { keepAlive, messagesKeepAlive } = config
    const names = { ...config, aliases: config.modelAliases, fallback: config.modelFallback }
    const answer = ChatResponse.make({ drain, keepAlive })
    const images = yield* Images
    const pictures: Pictures = (payload) =>
      images.load(Codec.links(payload)).pipe(
        Effect.map(
          (loaded): Blocks.Reader["picture"] =>
            ({ param }) =>
              loaded.get(param)
        ),
        Effect.catchTag("ImageRefused", (refused) => Errors.fromImage(refused))
      )
    const readMessages = read(MessagesRequest, bodies, pictures, auth)
    const readCount = read(CountTokensRequest, bodies, unseen, auth)

    const messages = Effect.gen(function* () {
      const { ignored, payload, request } = yield* readMessages
      const stamp = { id: yield* newId, thoughts: Codec.wantsThoughts(payload) }
      const open = Effect.catchTag(chat.open(request), "ContentFiltered", ({ instance }) =>
        Effect.map(chat.count(request), (promptTokens) => Refused.run({ instance, model: payload.model, promptTokens }))
      )
      if (payload.stream === true) {
        const requestId = yield* RequestId.current
        return yield* answer.stream({
          open,
          headers: runHeaders(ignored),
          encode: (run) => Events.frames({ ...stamp, ...run }),
          failure: (error) => Errors.frame(error, requestId),
          ...(messagesKeepAlive === "ping" ? { keepAlive: () => Events.PING } : {})
        })
      }
      const { fold, run } = yield* answer.whole(open, (run) => Message.fold({ ...stamp, ...run }))
      return HttpServerResponse.unsafeJson(fold.result(), { headers: runHeaders(ignored)(run) })
    })

    const countTokens = Effect.gen(function* () {
      const { request } = yield* readCount
      return HttpServerResponse.unsafeJson({ input_tokens: Math.ceil((yield* chat.count(request)) * MARGIN) })
    })

    shortcuts.add("POST", dialect.path, Effect.provideService(answered(messages), GatewayConfig, config))
    return handlers
      .handleRaw("messages", () => answered(messages))
      .handleRaw("countTokens", () => answered(countTokens))
      .handle("models", () =>
        answered(Effect.map(chat.models, (all) => HttpServerResponse.unsafeJson(Models.toList(all, names))))
      )
      .handle("model", ({ path }) =>
        answered(
          Effect.flatMap(chat.models, (all) =>
            Either.map(Models.toOne(all, names, path.id), (model) => HttpServerResponse.unsafeJson(model))
          )
        )
      )
  })
)

const keys = Layer.effect(
  AnthropicKey,
  Effect.map(Auth, (auth) => {
    // Both schemes ask the same question: which header held a key is the gate's matter.
    const check = Effect.fnUntraced(function* () {
      const id = yield* RequestId.current
      const request = yield* HttpServerRequest.HttpServerRequest
      yield* Effect.mapError(auth.api(request), (refusal) => Errors.named(Errors.fromRefusal(refusal), id))
    })
    return AnthropicKey.of({ bearer: check, apiKey: check })
  })
)

export const AnthropicHandlers = Layer.provide(handlers, keys)

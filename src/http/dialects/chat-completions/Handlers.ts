/**
 * Decode, open, encode. Anything longer belongs in `Codec`, `Answer` or `Chat`.
 */
import { randomUUID } from "node:crypto"
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
import * as Errors from "../openai/OpenAiErrors.ts"
import { OpenAiKey } from "../openai/OpenAiKey.ts"
import { OpenAiApi } from "./Api.ts"
import * as Codec from "./Codec.ts"
import * as Completion from "./Completion.ts"
import { dialect } from "./Fields.ts"
import { ChatCompletionRequest } from "./Payload.ts"
import * as Tools from "./Tools.ts"

const read = OpenAiBody.reader(ChatCompletionRequest, dialect)

const stamped = Effect.map(Effect.clock, (clock) => {
  const began = clock.unsafeCurrentTimeNanos()
  return {
    id: `chatcmpl-${randomUUID().replaceAll("-", "")}`,
    created: Math.floor(clock.unsafeCurrentTimeMillis() / 1000),
    elapsed: () => Number(clock.unsafeCurrentTimeNanos() - began) / 1e6
  }
})

const answered = <R>(effect: Effect.Effect<HttpServerResponse.HttpServerResponse, Errors.Failure | ChatError, R>) =>
  Effect.catchAll(effect, (error) => Effect.succeed(Errors.respond(error)))

const handlers = HttpApiBuilder.group(
  HttpApi.make("lingma-gateway").add(OpenAiApi),
  "openai",
  Effect.fnUntraced(function* (handlers) {
    const chat = yield* Chat
    const auth = yield* Auth
    const bodies = yield* Bodies
    const drain = yield* Drain
    const images = yield* Images
    const shortcuts = yield* DirectRoutes
    const config = yield* GatewayConfig
    const { keepAlive, reasoningField, strictParams } = config
    const names = { ...config, aliases: config.modelAliases, fallback: config.modelFallback }
    const answer = ChatResponse.make({ drain, keepAlive })

    const chatCompletions = Effect.fnUntraced(function* () {
      const { headers, ignored, payload } = yield* read(bodies, strictParams)
      const pictures = yield* Effect.catchTag(images.load(Codec.links(payload)), "ImageRefused", Errors.fromImage)
      const caller = auth.caller(yield* HttpServerRequest.HttpServerRequest)
      const sessionId = headers["x-session-id"] ?? headers["session-id"]
      const hidesThoughts = reasoningField === "none"
      const request = yield* Codec.toRequest(payload, { caller, sessionId, hidesThoughts }, pictures)
      const options = { ...(yield* stamped), reasoningField, shape: Tools.shapeOf(payload) }
      const open = chat.open(request)
      if (payload.stream === true) {
        const includeUsage = payload.stream_options?.include_usage === true
        const stream = yield* answer.stream({
          open,
          headers: ChatResponse.headersOf,
          encode: (run) => Completion.chunks({ ...options, includeUsage, ...run }),
          failure: (error) => Errors.frame(Errors.fromProblem(error))
        })
        return HttpServerResponse.setHeaders(stream, ignored)
      }
      const { fold, millis, run } = yield* answer.whole(open, (run) => Completion.fold({ ...options, ...run }))
      return HttpServerResponse.unsafeJson(fold.result(millis), {
        headers: { ...ChatResponse.headersOf(run), ...ignored, "openai-processing-ms": String(Math.round(millis)) }
      })
    })

    shortcuts.add("POST", dialect.path, answered(Effect.suspend(chatCompletions)))
    return handlers
      .handleRaw("chatCompletions", () => answered(chatCompletions()))
      .handle("models", () =>
        answered(Effect.map(chat.models, (all) => HttpServerResponse.unsafeJson(Codec.toModelList(all, names))))
      )
      .handle("model", ({ path }) =>
        answered(
          Effect.flatMap(chat.models, (all) =>
            Either.map(Codec.toModel(all, path.id, names), (model) => HttpServerResponse.unsafeJson(model))
          )
        )
      )
  })
)

export const OpenAiHandlers = Layer.provide(handlers, OpenAiKey.layer)

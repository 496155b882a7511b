/**
 * Handlers of chat completions and models.
 */
import * as HttpApi from "@effect/platform/HttpApi"
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Effect, Either, Layer } from "effect"
import * as ChatEndpoint from "../../chat/ChatEndpoint.ts"
import { OpenAiKey } from "../openai/OpenAiKey.ts"
import { ChatCompletionsApi } from "./Api.ts"
import { chatCompletions } from "./Exchange.ts"
import * as ToRequest from "./ToRequest.ts"

const handlers = HttpApiBuilder.group(
  HttpApi.make("lingma-gateway").add(ChatCompletionsApi),
  "openai",
  Effect.fnUntraced(function* (handlers) {
    const { answered, chat, config, handle } = yield* ChatEndpoint.make(chatCompletions)
    const names = { ...config, aliases: config.modelAliases, fallback: config.modelFallback }
    return handlers
      .handleRaw("chatCompletions", handle)
      .handle("models", () =>
        answered(Effect.map(chat.models, (all) => HttpServerResponse.unsafeJson(ToRequest.toModelList(all, names))))
      )
      .handle("model", ({ path }) =>
        answered(
          Effect.flatMap(chat.models, (all) =>
            Either.map(ToRequest.toModel(all, path.id, names), (model) => HttpServerResponse.unsafeJson(model))
          )
        )
      )
  })
)

export const ChatCompletionsHandlers = Layer.provide(handlers, OpenAiKey.layer)

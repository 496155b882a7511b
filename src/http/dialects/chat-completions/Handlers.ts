/**
 * Handlers of chat completions and models.
 */
import * as HttpApi from "@effect/platform/HttpApi"
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Effect, Either, Layer } from "effect"
import { namesOf } from "../../../config/LiveSettings.ts"
import * as ChatEndpoint from "../../chat/ChatEndpoint.ts"
import * as OpenAiKeyCheck from "../openai/OpenAiKeyCheck.ts"
import { ChatCompletionsApi } from "./Api.ts"
import { chatCompletions } from "./Exchange.ts"
import * as ToRequest from "./ToRequest.ts"

const handlers = HttpApiBuilder.group(
  HttpApi.make("lingma-gateway").add(ChatCompletionsApi),
  "openai",
  Effect.fnUntraced(function* (handlers) {
    const { allowed, answered, chat, handle, live } = yield* ChatEndpoint.make(chatCompletions)
    const listed = Effect.flatMap(chat.models, (all) => Effect.map(allowed(all), (isAllowed) => ({ all, isAllowed })))
    const models = Effect.map(listed, ({ all, isAllowed }) =>
      HttpServerResponse.unsafeJson(ToRequest.toModelList(all, namesOf(live.current), isAllowed))
    )
    const model = (id: string) =>
      Effect.flatMap(listed, ({ all, isAllowed }) =>
        Either.map(ToRequest.toModel(all, id, namesOf(live.current), isAllowed), (found) =>
          HttpServerResponse.unsafeJson(found)
        )
      )
    return handlers
      .handleRaw("chatCompletions", handle)
      .handle("models", () => answered(models))
      .handle("model", ({ path }) => answered(model(path.id)))
  })
)

export const ChatCompletionsHandlers = Layer.provide(handlers, OpenAiKeyCheck.layer)

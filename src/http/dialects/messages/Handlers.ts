/**
 * Handlers of Anthropic's API: messages, token counts and models.
 */
import * as HttpApi from "@effect/platform/HttpApi"
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Effect, Either, Layer } from "effect"
import { namesOf } from "../../../config/LiveSettings.ts"
import * as ChatEndpoint from "../../chat/ChatEndpoint.ts"
import * as Auth from "../../edge/Auth.ts"
import * as RequestId from "../../edge/RequestId.ts"
import { MessagesApi, MessagesKey } from "./Api.ts"
import * as Errors from "./Errors.ts"
import { counted, messages } from "./Exchange.ts"
import * as Models from "./Models.ts"
import { CountTokensRequest } from "./request/Payload.ts"

/** Clients ask whether a request will fit, so a count must rather be too high than a few percent too low. */
const MARGIN = 1.05

const handlers = HttpApiBuilder.group(
  HttpApi.make("lingma-gateway").add(MessagesApi),
  "anthropic",
  Effect.fnUntraced(function* (handlers) {
    const { allowed, answered, chat, handle, live, reader } = yield* ChatEndpoint.make(messages)

    const readCount = reader(CountTokensRequest, counted)
    const countTokens = Effect.map(readCount, ({ asked: { originalTokens: original, tokens } }) => {
      const more =
        original === undefined ? {} : { context_management: { original_input_tokens: Math.ceil(original * MARGIN) } }
      return HttpServerResponse.unsafeJson({ input_tokens: Math.ceil(tokens * MARGIN), ...more })
    })

    const listed = Effect.flatMap(chat.models, (all) => Effect.map(allowed(all), (isAllowed) => ({ all, isAllowed })))
    const models = Effect.map(listed, ({ all, isAllowed }) =>
      HttpServerResponse.unsafeJson(Models.toList(all, namesOf(live.current), isAllowed))
    )
    const model = (id: string) =>
      Effect.flatMap(listed, ({ all, isAllowed }) =>
        Either.map(Models.toOne(all, namesOf(live.current), id, isAllowed), (found) =>
          HttpServerResponse.unsafeJson(found)
        )
      )

    return handlers
      .handleRaw("messages", handle)
      .handleRaw("countTokens", () => answered(countTokens))
      .handle("models", () => answered(models))
      .handle("model", ({ path }) => answered(model(path.id)))
  })
)

const keys = Layer.effect(
  MessagesKey,
  Effect.map(
    Auth.routeCheck((refusal) =>
      Effect.flatMap(RequestId.current, (id) => Errors.named(Errors.fromRefusal(refusal), id))
    ),
    MessagesKey.of
  )
)

export const MessagesHandlers = Layer.provide(handlers, keys)

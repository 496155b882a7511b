/**
 * Discovery as Ollama's clients do it; a 404 that names the setting while it is switched off.
 */
import * as HttpApi from "@effect/platform/HttpApi"
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Effect, Either, Layer } from "effect"
import { Chat } from "../../chat/Chat.ts"
import { LiveSettings, namesOf } from "../../config/LiveSettings.ts"
import type { ChatError } from "../../domain/ChatError.ts"
import * as Model from "../../domain/Model.ts"
import { Bodies } from "../chat/Bodies.ts"
import * as Decode from "../chat/Decode.ts"
import { Admission } from "../chat/limits/Admission.ts"
import * as SchemaIssue from "../chat/SchemaIssue.ts"
import * as OpenAiChat from "../dialects/openai/OpenAiChat.ts"
import * as Errors from "../dialects/openai/OpenAiErrors.ts"
import * as Auth from "../edge/Auth.ts"
import type { Refusal } from "../edge/EdgeError.ts"
import { OllamaApi, OllamaKey, ShowRequest } from "./Api.ts"
import * as Models from "./Models.ts"

const decode = Decode.reader(ShowRequest)
const missing = Errors.invalid("model", "Missing required parameter: 'model'.", "missing_required_parameter")

const handlers = HttpApiBuilder.group(
  HttpApi.make("lingma-gateway").add(OllamaApi),
  "ollama",
  Effect.fnUntraced(function* (handlers) {
    const chat = yield* Chat
    const bodies = yield* Bodies
    const live = yield* LiveSettings.get
    const admission = yield* Admission
    const auth = yield* Auth.Auth

    const listed = Effect.zipWith(chat.models, HttpServerRequest.HttpServerRequest, (all, request) => ({
      all,
      isAllowed: admission.allowed(auth.key(request), all)
    }))

    const show = Effect.fnUntraced(function* () {
      const body = yield* bodies.json(yield* HttpServerRequest.HttpServerRequest)
      const payload = yield* Either.mapLeft(decode(body), ({ issue }) => Errors.fromIssue(SchemaIssue.explain(issue)))
      const name = payload.model ?? payload.name
      if (name === undefined) return yield* missing
      const { all, isAllowed } = yield* listed
      const found = isAllowed(name) ? Model.named(all, name, namesOf(live.current)) : undefined
      return yield* found === undefined ? Errors.modelNotFound(name) : Effect.succeed(Models.toShown(found))
    })

    const answer = <A, R>(effect: Effect.Effect<A, Errors.Failure | Refusal | ChatError, R>) =>
      Effect.match(effect, {
        onFailure: (problem) => OpenAiChat.errors.respond(problem, ""),
        onSuccess: (body) => HttpServerResponse.unsafeJson(body)
      })

    return handlers
      .handle("version", () => answer(Effect.succeed({ version: Models.VERSION })))
      .handle("tags", () =>
        answer(
          Effect.map(listed, ({ all, isAllowed }) =>
            Models.toTags(Model.names(all, namesOf(live.current)).filter(({ id }) => isAllowed(id)))
          )
        )
      )
      .handleRaw("show", () => answer(Effect.suspend(show)))
  })
)

/** No key is asked for by routes that are not there. */
const keys = Layer.effect(
  OllamaKey,
  Effect.gen(function* () {
    const live = yield* LiveSettings.get
    const checks = yield* Auth.routeCheck((refusal) => Errors.fromRefusal(refusal))
    const unlessOff = (check: typeof checks.bearer) => () =>
      Effect.suspend((): ReturnType<typeof check> => (live.current.ollamaDiscovery ? check() : Errors.ollamaOff))
    return OllamaKey.of({ bearer: unlessOff(checks.bearer), apiKey: unlessOff(checks.apiKey) })
  })
)

export const OllamaHandlers = Layer.provide(handlers, keys)

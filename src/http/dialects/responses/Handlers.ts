/**
 * The routes of OpenAI's newer API: responses, and what is asked beside them.
 */
import * as HttpApi from "@effect/platform/HttpApi"
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Effect, Either, Layer } from "effect"
import { GatewayConfig } from "../../../config/Config.ts"
import * as ChatEndpoint from "../../chat/ChatEndpoint.ts"
import * as ChatResponse from "../../chat/ChatResponse.ts"
import { Auth } from "../../edge/Auth.ts"
import { OpenAiKey } from "../openai/OpenAiKey.ts"
import { ResponsesApi } from "./Api.ts"
import * as Errors from "./Errors.ts"
import * as Events from "./Events.ts"
import * as Exchange from "./Exchange.ts"
import * as Items from "./Items.ts"
import { ResponsesRequest } from "./Payload.ts"
import * as Store from "./Store.ts"

const handlers = HttpApiBuilder.group(
  HttpApi.make("lingma-gateway").add(ResponsesApi),
  "responses",
  Effect.fnUntraced(function* (handlers) {
    const auth = yield* Auth
    const clock = yield* Effect.clock
    const { responsesStore } = yield* GatewayConfig
    const store = Store.make({ capacity: responsesStore })
    const { asked, dialect, optionsOf } = Exchange.make({ clock, store })
    const { answer, answered, chat, handle, reader } = yield* ChatEndpoint.make(dialect)

    const readCount = reader(ResponsesRequest, (payload, context) => asked(payload, context, {}))
    const readCompact = reader(ResponsesRequest, (payload, context) => asked(payload, context, { compacts: true }))

    const inputTokens = Effect.gen(function* () {
      const { asked, ignored } = yield* readCount
      const counted = { object: "response.input_tokens", input_tokens: yield* chat.count(asked.request) }
      return HttpServerResponse.unsafeJson(counted, { headers: ignored })
    })

    const compact = Effect.gen(function* () {
      const { asked, ignored } = yield* readCompact
      const options = optionsOf(asked, false)
      const { fold, run } = yield* answer.whole(chat.open(asked.request), (run) => Events.whole(options, run))
      const { created_at, id, output, usage } = fold.result()
      const compacted = {
        id,
        object: "response.compaction",
        created_at,
        output: [...Items.ofUsers(asked.turn), ...output],
        usage
      }
      return HttpServerResponse.unsafeJson(compacted, { headers: { ...ChatResponse.headersOf(run), ...ignored } })
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

    return handlers
      .handleRaw("createResponse", handle)
      .handleRaw("inputTokens", () => answered(inputTokens))
      .handleRaw("compact", () => answered(compact))
      .handle("response", ({ path }) => answered(Effect.flatMap(ownStore, (own) => held(own, path.id))))
      .handle("deleteResponse", ({ path }) => answered(Effect.flatMap(ownStore, (own) => forgotten(own, path.id))))
  })
)

export const ResponsesHandlers = Layer.provide(handlers, OpenAiKey.layer)

/**
 * The routes of OpenAI's newer API: responses, and what is asked beside them.
 */
import * as HttpApi from "@effect/platform/HttpApi"
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Effect, Either, Layer, type Schema } from "effect"
import { GatewayConfig } from "../../../config/Config.ts"
import { Bodies } from "../../chat/Bodies.ts"
import * as ChatEndpoint from "../../chat/ChatEndpoint.ts"
import * as ChatResponse from "../../chat/ChatResponse.ts"
import * as Decode from "../../chat/Decode.ts"
import * as FieldSupport from "../../chat/FieldSupport.ts"
import * as SchemaIssue from "../../chat/SchemaIssue.ts"
import { Auth } from "../../edge/Auth.ts"
import { OpenAiKey } from "../openai/OpenAiKey.ts"
import { ResponsesApi } from "./Api.ts"
import * as Conversations from "./Conversations.ts"
import * as ConversationsApi from "./ConversationsApi.ts"
import * as Errors from "./Errors.ts"
import * as Exchange from "./Exchange.ts"
import * as Items from "./Items.ts"
import { CountRequest, ResponsesRequest } from "./request/Payload.ts"
import * as Store from "./Store.ts"
import * as WholeEncoder from "./WholeEncoder.ts"

const handlers = HttpApiBuilder.group(
  HttpApi.make("lingma-gateway").add(ResponsesApi),
  "responses",
  Effect.fnUntraced(function* (handlers) {
    const auth = yield* Auth
    const clock = yield* Effect.clock
    const bodies = yield* Bodies
    const config = yield* GatewayConfig
    const store = Store.make({ capacity: config.responsesStore })
    const { asked, dialect, making, optionsOf } = Exchange.make({ clock, store })
    const { admitted, answer, answered, chat, handle, openFor, reader } = yield* ChatEndpoint.make(dialect)

    const readCount = reader(CountRequest, (payload, context) =>
      asked({ ...payload, model: payload.model ?? config.defaultModel }, context, {})
    )
    const readCompact = reader(ResponsesRequest, (payload, context) => asked(payload, context, { compacts: true }))

    const inputTokens = Effect.gen(function* () {
      const { asked, ignored } = yield* readCount
      const counted = { object: "response.input_tokens", input_tokens: yield* chat.count(asked.request) }
      return HttpServerResponse.unsafeJson(counted, { headers: ignored })
    })

    const compacted = Effect.fnUntraced(function* ({ asked, ignored, key }: Effect.Effect.Success<typeof readCompact>) {
      const options = optionsOf(asked, false)
      const { fold, run } = yield* answer.whole(openFor(key)(asked.request), (run) => WholeEncoder.make(options, run))
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
    const compact = Effect.flatMap(readCompact, (read) => admitted(read, compacted(read)))

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

    const strict = config.strictParams
    /** A body beside a chat's: what it asks of what the caller has. */
    const written = <B, J>(
      schema: Schema.Schema<B, J>,
      ask: (own: Store.Own, body: B) => Either.Either<object, Errors.Failure>
    ) => {
      const decode = Decode.reader(schema)
      const fields = { items: { class: "honoured" }, metadata: { class: "honoured" } } as const
      return Effect.gen(function* () {
        const request = yield* HttpServerRequest.HttpServerRequest
        const body = yield* bodies.json(request)
        const payload = yield* Either.mapLeft(decode(body), ({ issue }) => Errors.fromIssue(SchemaIssue.explain(issue)))
        const ignored = yield* Effect.mapError(FieldSupport.heed({ fields }, body, strict), Errors.fromParam)
        const result = yield* ask(yield* ownStore, payload)
        return HttpServerResponse.unsafeJson(result, { headers: ignored })
      })
    }
    const looked = (ask: (own: Store.Own) => Either.Either<object, Errors.Failure>) =>
      answered(Effect.flatMap(ownStore, (own) => Either.map(ask(own), (found) => HttpServerResponse.unsafeJson(found))))
    const query = ({ url }: HttpServerRequest.HttpServerRequest) => new URL(url, "http://localhost").searchParams

    return handlers
      .handleRaw("createConversation", () =>
        answered(written(ConversationsApi.Create, (own, body) => Conversations.create(own, body, making)))
      )
      .handle("conversation", ({ path }) => looked((own) => Conversations.retrieve(own, path.id)))
      .handleRaw("updateConversation", ({ path }) =>
        answered(written(ConversationsApi.Update, (own, body) => Conversations.update(own, path.id, body)))
      )
      .handle("deleteConversation", ({ path }) => looked((own) => Conversations.remove(own, path.id)))
      .handleRaw("addConversationItems", ({ path }) =>
        answered(written(ConversationsApi.AddItems, (own, body) => Conversations.addItems(own, path.id, body, making)))
      )
      .handle("conversationItems", ({ path, request }) =>
        looked((own) => Conversations.listItems(own, path.id, query(request)))
      )
      .handle("conversationItem", ({ path }) => looked((own) => Conversations.item(own, path.id, path.item)))
      .handle("deleteConversationItem", ({ path }) =>
        looked((own) => Conversations.removeItem(own, path.id, path.item))
      )
      .handleRaw("createResponse", handle)
      .handleRaw("inputTokens", () => answered(inputTokens))
      .handleRaw("compact", () => answered(compact))
      .handle("response", ({ path }) => answered(Effect.flatMap(ownStore, (own) => held(own, path.id))))
      .handle("deleteResponse", ({ path }) => answered(Effect.flatMap(ownStore, (own) => forgotten(own, path.id))))
  })
)

export const ResponsesHandlers = Layer.provide(handlers, OpenAiKey.layer)

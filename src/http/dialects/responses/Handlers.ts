/**
 * Handlers of the Responses API: responses, token counts, compaction and conversations.
 */
import * as HttpApi from "@effect/platform/HttpApi"
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Effect, Either, Layer, type Schema } from "effect"
import { GatewayConfig } from "../../../config/Config.ts"
import { KeptResponses } from "../../../team/responses/KeptResponses.ts"
import { Bodies } from "../../chat/Bodies.ts"
import * as ChatEndpoint from "../../chat/ChatEndpoint.ts"
import * as ChatResponse from "../../chat/ChatResponse.ts"
import * as Decode from "../../chat/Decode.ts"
import * as FieldSupport from "../../chat/FieldSupport.ts"
import * as SchemaIssue from "../../chat/SchemaIssue.ts"
import { Auth } from "../../edge/Auth.ts"
import * as OpenAiKeyCheck from "../openai/OpenAiKeyCheck.ts"
import { ResponsesApi } from "./Api.ts"
import * as Conversations from "./Conversations.ts"
import * as ConversationsApi from "./ConversationsApi.ts"
import * as Errors from "./Errors.ts"
import * as Exchange from "./Exchange.ts"
import * as Items from "./Items.ts"
import type { Loose } from "./request/Loose.ts"
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
    const { hostId, responsesStore: capacity } = yield* GatewayConfig
    const store = Store.make({ capacity, kept: yield* KeptResponses })
    const { asked, dialect, making, optionsOf } = Exchange.make({ clock, hostId, store })
    const { admitted, answer, answered, handle, inspected, live, openFor, reader } = yield* ChatEndpoint.make(dialect)

    const readCount = reader(CountRequest, (payload, context) =>
      Effect.map(asked({ ...payload, model: payload.model ?? context.config.defaultModel }, context, {}), (asked) => ({
        ...asked,
        tokens: context.count(asked.request)
      }))
    )
    const readCompact = reader(ResponsesRequest, (payload, context) => asked(payload, context, { compacts: true }))

    const inputTokens = Effect.gen(function* () {
      const { asked, ignored } = yield* readCount
      const counted = { object: "response.input_tokens", input_tokens: yield* asked.tokens }
      return HttpServerResponse.unsafeJson(counted, { headers: ignored })
    })

    const compacted = Effect.fnUntraced(function* ({
      asked,
      config,
      ignored,
      key
    }: Effect.Effect.Success<typeof readCompact>) {
      const options = optionsOf(asked, false)
      const { fold, run } = yield* answer.whole(openFor(key, config)(asked.request), (run) =>
        WholeEncoder.make(options, run)
      )
      const { created_at, id, output, usage } = fold.result()
      const compacted = {
        id,
        object: "response.compaction",
        created_at,
        output: [...Items.ofUsers(asked.turn, making.newId), ...output],
        usage
      }
      return HttpServerResponse.unsafeJson(compacted, { headers: { ...ChatResponse.headersOf(run), ...ignored } })
    })
    const compact = inspected(answered(Effect.flatMap(readCompact, (read) => admitted(read, compacted(read)))))

    const ownStore = (references: Store.References) =>
      Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) => {
        const own = store.of(auth.caller(request).id)
        return Effect.as(own.load(references), own)
      })

    const held = (own: Store.Own, id: string) =>
      Either.map(
        Either.fromNullable(own.get(id), () => Errors.notHeld),
        ({ response }) => HttpServerResponse.unsafeJson(response)
      )

    const forgotten = (own: Store.Own, id: string) =>
      own.remove(id)
        ? Either.right(HttpServerResponse.unsafeJson({ id, object: "response", deleted: true }))
        : Either.left(Errors.notHeld)

    const itemsOf = (body: { readonly items?: ReadonlyArray<Loose> | null | undefined }) =>
      Items.references(body.items ?? [])
    /** Handles a body that is no chat, over the caller's store. */
    const written = <B extends object, J>(
      schema: Schema.Schema<B, J>,
      conversations: ReadonlyArray<string>,
      ask: (own: Store.Own, body: B) => Either.Either<object, Errors.Failure>
    ) => {
      const decode = Decode.reader(schema)
      const fields = { items: { class: "honoured" }, metadata: { class: "honoured" } } as const
      return Effect.gen(function* () {
        const request = yield* HttpServerRequest.HttpServerRequest
        const { strictParams } = live.current
        const body = yield* bodies.json(request)
        const payload = yield* Either.mapLeft(decode(body), ({ issue }) => Errors.fromIssue(SchemaIssue.explain(issue)))
        const ignored = yield* Effect.mapError(FieldSupport.heed({ fields }, body, strictParams), Errors.fromParam)
        const own = yield* ownStore({ conversations, items: itemsOf(payload) })
        const result = yield* ask(own, payload)
        yield* own.settled
        return HttpServerResponse.unsafeJson(result, { headers: ignored })
      })
    }
    const looked = (id: string, ask: (own: Store.Own) => Either.Either<object, Errors.Failure>) =>
      answered(
        Effect.flatMap(ownStore({ conversations: [id] }), (own) =>
          Either.map(ask(own), (found) => HttpServerResponse.unsafeJson(found))
        )
      )
    const changed = (id: string, ask: (own: Store.Own) => Either.Either<object, Errors.Failure>) =>
      answered(
        Effect.flatMap(ownStore({ conversations: [id] }), (own) =>
          Effect.zipLeft(
            Either.map(ask(own), (found) => HttpServerResponse.unsafeJson(found)),
            own.settled
          )
        )
      )
    const ofResponse = (id: string, ask: typeof held) =>
      answered(Effect.flatMap(ownStore({ responses: [id] }), (own) => ask(own, id)))
    const deletedResponse = (id: string) =>
      answered(Effect.flatMap(ownStore({ responses: [id] }), (own) => Effect.zipLeft(forgotten(own, id), own.settled)))
    const query = ({ url }: HttpServerRequest.HttpServerRequest) => new URL(url, "http://localhost").searchParams

    return handlers
      .handleRaw("createConversation", () =>
        answered(written(ConversationsApi.Create, [], (own, body) => Conversations.create(own, body, making)))
      )
      .handle("conversation", ({ path }) => looked(path.id, (own) => Conversations.retrieve(own, path.id)))
      .handleRaw("updateConversation", ({ path }) =>
        answered(written(ConversationsApi.Update, [path.id], (own, body) => Conversations.update(own, path.id, body)))
      )
      .handle("deleteConversation", ({ path }) => changed(path.id, (own) => Conversations.remove(own, path.id)))
      .handleRaw("addConversationItems", ({ path }) =>
        answered(
          written(ConversationsApi.AddItems, [path.id], (own, body) =>
            Conversations.addItems(own, path.id, body, making)
          )
        )
      )
      .handle("conversationItems", ({ path, request }) =>
        looked(path.id, (own) => Conversations.listItems(own, path.id, query(request)))
      )
      .handle("conversationItem", ({ path }) => looked(path.id, (own) => Conversations.item(own, path.id, path.item)))
      .handle("deleteConversationItem", ({ path }) =>
        changed(path.id, (own) => Conversations.removeItem(own, path.id, path.item))
      )
      .handleRaw("createResponse", handle)
      .handleRaw("inputTokens", () => answered(inputTokens))
      .handleRaw("compact", () => compact)
      .handle("response", ({ path }) => ofResponse(path.id, held))
      .handle("deleteResponse", ({ path }) => deletedResponse(path.id))
  })
)

export const ResponsesHandlers = Layer.provide(handlers, OpenAiKeyCheck.layer)

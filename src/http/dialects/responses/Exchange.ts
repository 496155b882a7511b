/**
 * Responses as `ChatEndpoint` serves them, and as the routes beside them read them: over what is stored.
 */
import { randomBytes } from "node:crypto"
import { type Clock, Effect } from "effect"
import type { ChatContext, ChatDialect, Exchange } from "../../chat/ChatDialect.ts"
import * as OpenAiChat from "../openai/OpenAiChat.ts"
import * as Codec from "./Codec.ts"
import * as Errors from "./Errors.ts"
import * as Events from "./Events.ts"
import { dialect as support } from "./Fields.ts"
import * as Items from "./Items.ts"
import { ResponsesRequest } from "./Payload.ts"
import * as Resource from "./Resource.ts"
import type * as Store from "./Store.ts"

const newId = (prefix: string) => `${prefix}_${randomBytes(24).toString("hex")}`

const noteSkipped = (skipped: ReadonlySet<string>) =>
  skipped.size === 0
    ? Effect.void
    : Effect.annotateLogs(Effect.logDebug("parts of a request skipped"), { skipped: [...skipped].join(", ") })

export interface ResponsesOptions {
  readonly clock: Clock.Clock
  readonly store: Store.Store
}

export const make = ({ clock, store }: ResponsesOptions) => {
  const now = () => Math.floor(clock.unsafeCurrentTimeMillis() / 1000)

  /** A request as the chat that it asks for. */
  const asked = Effect.fnUntraced(function* (
    payload: ResponsesRequest,
    { caller, pictures: load, sessionId }: ChatContext<Errors.Failure>,
    wishes: Pick<Codec.RequestOptions, "compacts">
  ) {
    const own = store.of(caller)
    const past: Codec.Past = { items: (id) => own.get(id)?.items, item: own.item }
    const turn = yield* Codec.toTurn(payload, past)
    const pictures = yield* load(Items.links(turn))
    const { skipped, ...rest } = yield* Codec.toRequest({ caller, payload, turn, pictures, past, sessionId, ...wishes })
    yield* noteSkipped(skipped)
    return { ...rest, own, payload, turn }
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

  const exchange = Effect.fnUntraced(function* (payload: ResponsesRequest, context: ChatContext<Errors.Failure>) {
    const read = yield* asked(payload, context, {})
    const options = optionsOf(read, store.isOn && payload.store !== false)
    const made: Exchange = {
      request: read.request,
      stream: () => {
        const { encode, fail, keepAlive } = Events.make(options)
        return { encode, keepAlive, failure: (error) => fail(Errors.inResponse(error)) }
      },
      whole: (run) => Events.whole(options, run)
    }
    return made
  })

  const dialect: ChatDialect<ResponsesRequest, typeof ResponsesRequest.Encoded, Errors.Failure> = {
    payload: ResponsesRequest,
    support,
    exchange,
    ...OpenAiChat.shared,
    errors: { ...OpenAiChat.errors, respond: Errors.respond }
  }
  return { asked, dialect, optionsOf }
}

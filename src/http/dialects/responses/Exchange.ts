/**
 * The `ChatDialect` record of Responses, and the reader of requests that the other routes share; over the store.
 */
import { randomBytes } from "node:crypto"
import { type Clock, Effect, Option } from "effect"
import type { ChatContext, ChatDialect, Exchange } from "../../chat/ChatDialect.ts"
import * as OpenAiChat from "../openai/OpenAiChat.ts"
import * as Conversations from "./Conversations.ts"
import * as Errors from "./Errors.ts"
import { support } from "./Fields.ts"
import * as Items from "./Items.ts"
import * as Resource from "./Resource.ts"
import { ResponsesRequest } from "./request/Payload.ts"
import type * as Store from "./Store.ts"
import * as StreamEncoder from "./StreamEncoder.ts"
import * as Recent from "./socket/Recent.ts"
import * as Socket from "./socket/Socket.ts"
import * as WarmUp from "./socket/WarmUp.ts"
import * as ToRequest from "./ToRequest.ts"
import * as WholeEncoder from "./WholeEncoder.ts"

/** Those by which clients come back: they bear their host, so that a balancer finds it. */
const returning = new Set(["resp", "conv"])

export interface ResponsesOptions {
  readonly clock: Clock.Clock
  readonly store: Store.Store
  readonly hostId: Option.Option<string>
}

export const make = ({ clock, hostId, store }: ResponsesOptions) => {
  const recent = Recent.make()
  const ofHost = Option.match(hostId, { onNone: () => "", onSome: (id) => `${id}_` })
  const newId = (prefix: string) => `${prefix}_${returning.has(prefix) ? ofHost : ""}${randomBytes(24).toString("hex")}`
  const now = () => Math.floor(clock.unsafeCurrentTimeMillis() / 1000)

  /** Translates a request into a chat. */
  const asked = Effect.fnUntraced(function* (
    sent: ResponsesRequest,
    { caller, leaveOut, message, pictures: load, sessionId }: ChatContext<Errors.Failure>,
    wishes: Pick<ToRequest.RequestOptions, "compacts">
  ) {
    const warmsUp = Socket.isWarmUp(message)
    const payload = warmsUp && (sent.input ?? undefined) === undefined ? { ...sent, input: [] } : sent
    const own = store.of(caller.id)
    const lately = message === undefined ? undefined : recent.of(message)
    const named = ToRequest.references(payload)
    yield* own.load(
      lately === undefined ? named : { ...named, responses: named.responses.filter((id) => !lately.has(id)) }
    )
    const past: ToRequest.Past = {
      items: (id) => lately?.take(id) ?? own.get(id)?.items,
      conversation: (id) => own.conversations.get(id)?.items,
      item: (id) => lately?.item(id) ?? own.item(id)
    }
    const turn = yield* ToRequest.toTurn(payload, past)
    const pictures = yield* load(Items.links(turn))
    const { leftOut, ...rest } = yield* ToRequest.toRequest({
      caller,
      payload,
      turn: warmsUp ? { ...turn, now: WarmUp.behind(turn.now) } : turn,
      pictures,
      sessionId,
      ...wishes
    })
    leftOut.forEach(leaveOut)
    // A summary requested by `/compact` is not added to the conversation.
    const conversation = wishes.compacts === true ? undefined : ToRequest.conversationOf(payload)
    return { ...rest, conversation, lately, own, payload, turn, warmsUp }
  })
  type Asked = Effect.Effect.Success<ReturnType<typeof asked>>

  const making: Conversations.Making = { newId, now }

  const optionsOf = (
    { compacts, conversation, lately, own, payload, tools, turn, warmsUp }: Asked,
    isKept: boolean
  ): StreamEncoder.EncodingOptions => ({
    fixed: Resource.toFixed({
      id: newId("resp"),
      created: now(),
      payload,
      tools,
      kept: isKept,
      conversation
    }),
    named: tools.named,
    model: payload.model,
    compacts,
    newId,
    now,
    ended: (response) => {
      if (isKept) own.put(response, [...turn.before, ...turn.now])
      lately?.put(response, turn)
      if (conversation === undefined || warmsUp) return
      Conversations.append(own, conversation, [...turn.now, ...response.output], making)
    }
  })

  const exchange = Effect.fnUntraced(function* (payload: ResponsesRequest, context: ChatContext<Errors.Failure>) {
    const read = yield* asked(payload, context, {})
    const options = optionsOf(read, store.isOn && payload.store !== false)
    const made: Exchange = {
      request: read.request,
      stream: () => {
        const { encode, fail, keepAlive } = StreamEncoder.make(options)
        return { encode, keepAlive, failure: (error) => fail(Errors.inResponse(error)) }
      },
      whole: (run) => WholeEncoder.make(options, run),
      ...(read.warmsUp ? { open: () => WarmUp.run(payload.model), isFree: true } : {})
    }
    return made
  })

  const dialect: ChatDialect<ResponsesRequest, typeof ResponsesRequest.Encoded, Errors.Failure> = {
    payload: ResponsesRequest,
    support,
    exchange,
    fromMessage: Socket.fromMessage,
    ...OpenAiChat.shared,
    errors: { ...OpenAiChat.errors, respond: Errors.respond }
  }
  return { asked, dialect, making, optionsOf }
}

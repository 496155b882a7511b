/**
 * Messages as `ChatEndpoint` serves them.
 */
import { randomInt } from "node:crypto"
import { Effect } from "effect"
import type { ChatContext, ChatDialect, Exchange } from "../../chat/ChatDialect.ts"
import type * as Blocks from "./Blocks.ts"
import * as Codec from "./Codec.ts"
import * as Errors from "./Errors.ts"
import * as Events from "./Events.ts"
import { dialect as support } from "./Fields.ts"
import * as Message from "./Message.ts"
import { type CountTokensRequest, MessagesRequest } from "./Payload.ts"
import * as Refused from "./Refused.ts"

type Context = ChatContext<Errors.Failure>

const ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
const newId = () => `msg_${Array.from({ length: 24 }, () => ALPHABET[randomInt(62)]).join("")}`

const toRequest = Effect.fnUntraced(function* (
  payload: MessagesRequest | CountTokensRequest,
  { caller, leaveOut, sessionId }: Context,
  picture: Blocks.Reader["picture"]
) {
  const { request, skipped } = yield* Codec.toRequest(payload, { caller, sessionId, picture })
  skipped.forEach(leaveOut)
  return request
})

/** The request whose tokens are counted. A picture counts by its being there; it is neither looked at nor fetched. */
export const counted = (payload: CountTokensRequest, context: Context) =>
  toRequest(payload, context, (link) => ({ mediaType: "image/png", data: "data" in link ? link.data : "" }))

const exchange = Effect.fnUntraced(function* (payload: MessagesRequest, context: Context) {
  const loaded = yield* context.pictures(Codec.links(payload))
  const request = yield* toRequest(payload, context, ({ param }) => loaded.get(param))
  const { config, count, requestId } = context
  const stamp = { id: newId(), thoughts: Codec.wantsThoughts(payload) }
  const keepAlive = config.messagesKeepAlive === "ping" ? { keepAlive: () => Events.PING } : {}
  const asked: Exchange = {
    request,
    open: (open) =>
      Effect.catchTag(open, "ContentFiltered", ({ instance }) =>
        Effect.map(count(request), (promptTokens) => Refused.run({ instance, model: payload.model, promptTokens }))
      ),
    stream: () => ({
      encode: (run) => Events.frames({ ...stamp, ...run }),
      failure: (error) => Errors.frame(error, requestId),
      ...keepAlive
    }),
    whole: (run) => Message.fold({ ...stamp, ...run })
  }
  return asked
})

export const messages: ChatDialect<MessagesRequest, typeof MessagesRequest.Encoded, Errors.Failure> = {
  payload: MessagesRequest,
  support,
  errors: Errors,
  exchange,
  heeds: "last",
  sessionHeaders: ["x-claude-code-session-id"]
}

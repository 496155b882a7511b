/**
 * The `ChatDialect` record of chat completions.
 */
import { Effect } from "effect"
import type { ChatContext, ChatDialect, Exchange } from "../../chat/ChatDialect.ts"
import * as OpenAiChat from "../openai/OpenAiChat.ts"
import * as Errors from "../openai/OpenAiErrors.ts"
import { support } from "./Fields.ts"
import { ChatCompletionRequest } from "./Payload.ts"
import * as StreamEncoder from "./StreamEncoder.ts"
import * as Tools from "./Tools.ts"
import * as ToRequest from "./ToRequest.ts"
import * as WholeEncoder from "./WholeEncoder.ts"

const stamped = OpenAiChat.stamped("chatcmpl")

const exchange = Effect.fnUntraced(function* (
  payload: ChatCompletionRequest,
  { caller, config, leaveOut, pictures, sessionId }: ChatContext<Errors.Failure>
) {
  const { reasoningField } = config
  Tools.missing(payload).leftOut.forEach(leaveOut)
  const loaded = yield* pictures(ToRequest.links(payload))
  const hidesThoughts = reasoningField === "none"
  const request = yield* ToRequest.toRequest(payload, { caller, sessionId, hidesThoughts }, loaded)
  const options = { ...(yield* stamped), reasoningField, shape: Tools.shapeOf(payload) }
  const includeUsage = payload.stream_options?.include_usage === true
  const asked: Exchange = {
    request,
    stream: () => ({
      encode: (run) => StreamEncoder.make({ ...options, includeUsage, ...run }),
      failure: (error) => Errors.frame(Errors.fromProblem(error))
    }),
    whole: (run) => WholeEncoder.make({ ...options, ...run })
  }
  return asked
})

export const chatCompletions: ChatDialect<ChatCompletionRequest, typeof ChatCompletionRequest.Encoded, Errors.Failure> =
  { payload: ChatCompletionRequest, support, exchange, ...OpenAiChat.shared }

/**
 * The `ChatDialect` record of text completions.
 */
import { Effect } from "effect"
import type { ChatContext, ChatDialect, Exchange } from "../../chat/ChatDialect.ts"
import * as OpenAiChat from "../openai/OpenAiChat.ts"
import type { Failure } from "../openai/OpenAiErrors.ts"
import * as Errors from "./Errors.ts"
import { support } from "./Fields.ts"
import { CompletionRequest } from "./Payload.ts"
import * as StreamEncoder from "./StreamEncoder.ts"
import * as ToRequest from "./ToRequest.ts"
import * as WholeEncoder from "./WholeEncoder.ts"

const stamped = OpenAiChat.stamped("cmpl")

const exchange = Effect.fnUntraced(function* (payload: CompletionRequest, context: ChatContext<Failure>) {
  const request = yield* ToRequest.toRequest(payload, context)
  const { created, id } = yield* stamped
  const [{ text }] = request.messages
  const options = { id, created, echo: payload.echo === true ? text : "" }
  const includeUsage = payload.stream_options?.include_usage === true
  const asked: Exchange = {
    request,
    stream: () => ({
      encode: (run) => StreamEncoder.make({ ...options, includeUsage, ...run }),
      failure: Errors.frame
    }),
    whole: (run) => WholeEncoder.make({ ...options, ...run })
  }
  return asked
})

export const completions: ChatDialect<CompletionRequest, typeof CompletionRequest.Encoded, Failure> = {
  payload: CompletionRequest,
  support,
  exchange,
  ...OpenAiChat.shared,
  errors: Errors.errors
}

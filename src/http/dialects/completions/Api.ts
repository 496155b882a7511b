/**
 * Route and schemas of OpenAI's legacy text completions. Without handlers, so that clients can import it.
 */
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as OpenApi from "@effect/platform/OpenApi"
import { Schema } from "effect"
import { streamed } from "../../chat/Streamed.ts"
import * as DeclaredErrors from "../../edge/DeclaredErrors.ts"
import * as Errors from "../openai/OpenAiErrors.ts"
import { OpenAiKey } from "../openai/OpenAiKey.ts"
import { CompletionRequest } from "./Payload.ts"

const FinishReason = Schema.Literal("stop", "length", "content_filter")

const Usage = Schema.Struct({
  prompt_tokens: Schema.Int,
  completion_tokens: Schema.Int,
  total_tokens: Schema.Int
})

/** Whether `usage` is Lingma's own, or estimated here. */
const UsageSource = Schema.Literal("reported", "estimated")

const head = {
  id: Schema.String,
  object: Schema.Literal("text_completion"),
  created: Schema.Int,
  model: Schema.String
}
const choice = { text: Schema.String, index: Schema.Int, logprobs: Schema.Null }

export const Completion = Schema.Struct({
  ...head,
  choices: Schema.Array(Schema.Struct({ ...choice, finish_reason: FinishReason })),
  usage: Usage,
  usage_source: UsageSource
}).annotations({ identifier: "Completion" })

/** The JSON of each `data:` line of a stream, except the last, `[DONE]`. */
export const CompletionChunk = Schema.Struct({
  ...head,
  choices: Schema.Array(Schema.Struct({ ...choice, finish_reason: Schema.NullOr(FinishReason) })),
  usage: Schema.optional(Schema.NullOr(Usage)),
  usage_source: Schema.optional(UsageSource)
}).annotations({ identifier: "CompletionChunk" })

export class CompletionsApi extends HttpApiGroup.make("completions")
  .add(
    HttpApiEndpoint.post("completions", "/v1/completions")
      .setPayload(CompletionRequest)
      .addSuccess(Completion)
      .addError(Errors.withStatuses(...DeclaredErrors.ofChat))
      .annotate(OpenApi.Summary, "Answers a prompt that is a text, whole or as a stream")
      .annotate(OpenApi.Transform, streamed("CompletionChunk"))
  )
  .annotate(OpenApi.Description, "As OpenAI's API: legacy text completions")
  .middleware(OpenAiKey) {}

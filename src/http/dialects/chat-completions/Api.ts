/**
 * Routes and schemas of chat completions and models. Without handlers, so that clients can import it.
 */
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as HttpApiSchema from "@effect/platform/HttpApiSchema"
import * as OpenApi from "@effect/platform/OpenApi"
import { Schema } from "effect"
import { streamed } from "../../chat/Streamed.ts"
import * as DeclaredErrors from "../../edge/DeclaredErrors.ts"
import * as Errors from "../openai/OpenAiErrors.ts"
import { OpenAiKey } from "../openai/OpenAiKey.ts"
import { ChatCompletionRequest } from "./Payload.ts"

const Call = Schema.Struct({ name: Schema.String, arguments: Schema.String })
const FunctionCall = Schema.Struct({ id: Schema.String, type: Schema.Literal("function"), function: Call })
const CustomCall = Schema.Struct({
  id: Schema.String,
  type: Schema.Literal("custom"),
  custom: Schema.Struct({ name: Schema.String, input: Schema.String })
})
const index = { index: Schema.Int }
const Arguments = Schema.Struct({ arguments: Schema.String })

const Latency = Schema.Struct({ first_token_ms: Schema.Number, total_ms: Schema.Number })

/** REASONING_FIELD selects which of the two is present. */
const thoughts = {
  reasoning_content: Schema.optional(Schema.String),
  reasoning: Schema.optional(Schema.String)
}

const Usage = Schema.Struct({
  prompt_tokens: Schema.Int,
  completion_tokens: Schema.Int,
  total_tokens: Schema.Int,
  completion_tokens_details: Schema.optional(Schema.Struct({ reasoning_tokens: Schema.Int }))
})

/** Whether `usage` was reported by Lingma or estimated. */
const UsageSource = Schema.Literal("reported", "estimated")
const FinishReason = Schema.Literal("stop", "length", "tool_calls", "function_call", "content_filter")

export const ChatCompletion = Schema.Struct({
  id: Schema.String,
  object: Schema.Literal("chat.completion"),
  created: Schema.Int,
  model: Schema.String,
  choices: Schema.Array(
    Schema.Struct({
      index: Schema.Int,
      message: Schema.Struct({
        role: Schema.Literal("assistant"),
        content: Schema.NullOr(Schema.String),
        refusal: Schema.Null,
        ...thoughts,
        tool_calls: Schema.optional(Schema.Array(Schema.Union(FunctionCall, CustomCall))),
        function_call: Schema.optional(Call)
      }),
      logprobs: Schema.Null,
      finish_reason: FinishReason
    })
  ),
  usage: Usage,
  latency: Latency,
  served_by: Schema.String,
  usage_source: UsageSource
}).annotations({ identifier: "ChatCompletion" })

/** The JSON of each `data:` line of a stream, except the last, `[DONE]`. */
export const ChatCompletionChunk = Schema.Struct({
  id: Schema.String,
  object: Schema.Literal("chat.completion.chunk"),
  created: Schema.Int,
  model: Schema.String,
  choices: Schema.Array(
    Schema.Struct({
      index: Schema.Int,
      delta: Schema.Struct({
        role: Schema.optional(Schema.Literal("assistant")),
        content: Schema.optional(Schema.NullOr(Schema.String)),
        ...thoughts,
        tool_calls: Schema.optional(
          Schema.Array(
            Schema.Union(
              Schema.Struct({ ...index, ...FunctionCall.fields }),
              Schema.Struct({ ...index, ...CustomCall.fields }),
              // Further arguments of a call from an earlier chunk.
              Schema.Struct({ ...index, function: Arguments }),
              Schema.Struct({ ...index, custom: Schema.Struct({ input: Schema.String }) })
            )
          )
        ),
        function_call: Schema.optional(Schema.Union(Call, Arguments))
      }),
      logprobs: Schema.Null,
      finish_reason: Schema.NullOr(FinishReason)
    })
  ),
  usage: Schema.optional(Schema.NullOr(Usage)),
  latency: Schema.optional(Latency.annotations({ description: "On the last chunk" })),
  served_by: Schema.optional(Schema.String.annotations({ description: "On the last chunk" })),
  usage_source: Schema.optional(UsageSource)
}).annotations({ identifier: "ChatCompletionChunk" })

export const ModelObject = Schema.Struct({
  id: Schema.String,
  object: Schema.Literal("model"),
  created: Schema.Int,
  owned_by: Schema.String,
  name: Schema.String,
  context_length: Schema.optional(Schema.Int),
  context_window: Schema.optional(Schema.Int),
  max_model_len: Schema.optional(Schema.Int),
  max_output_tokens: Schema.optional(Schema.Int),
  capabilities: Schema.Struct({
    vision: Schema.optional(Schema.Boolean),
    tools: Schema.Boolean,
    reasoning: Schema.optional(Schema.Boolean)
  })
}).annotations({ identifier: "Model" })

export const ModelList = Schema.Struct({
  object: Schema.Literal("list"),
  data: Schema.Array(ModelObject)
}).annotations({ identifier: "ModelList" })

const id = HttpApiSchema.param("id", Schema.String)

export class ChatCompletionsApi extends HttpApiGroup.make("openai")
  .add(
    HttpApiEndpoint.post("chatCompletions", "/v1/chat/completions")
      .setPayload(ChatCompletionRequest)
      .addSuccess(ChatCompletion)
      .addError(Errors.withStatuses(...DeclaredErrors.ofChat))
      .annotate(OpenApi.Summary, "Answers a conversation, whole or as a stream")
      .annotate(OpenApi.Transform, streamed("ChatCompletionChunk"))
  )
  .add(
    HttpApiEndpoint.get("models", "/v1/models")
      .addSuccess(ModelList)
      .addError(Errors.withStatus(503))
      .annotate(OpenApi.Summary, "The models that the ready instances offer")
  )
  .add(
    HttpApiEndpoint.get("model")`/v1/models/${id}`
      .addSuccess(ModelObject)
      .addError(Errors.withStatuses(404, 503))
      .annotate(OpenApi.Summary, "One model")
  )
  .annotate(OpenApi.Description, "As OpenAI's API: chat completions and models")
  .middleware(OpenAiKey) {}

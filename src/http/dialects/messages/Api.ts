/**
 * Routes and schemas of Anthropic's API. No handlers here, so clients can import it.
 */
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as HttpApiMiddleware from "@effect/platform/HttpApiMiddleware"
import * as HttpApiSchema from "@effect/platform/HttpApiSchema"
import * as HttpApiSecurity from "@effect/platform/HttpApiSecurity"
import * as OpenApi from "@effect/platform/OpenApi"
import { Schema } from "effect"
import { streamed } from "../../chat/Streamed.ts"
import * as DeclaredErrors from "../../edge/DeclaredErrors.ts"
import * as Errors from "./Errors.ts"
import { CountTokensRequest, MessagesRequest } from "./request/Payload.ts"
import { Caller, ResultBlock } from "./served/ResultBlock.ts"

export const ContentBlock = Schema.Union(
  Schema.Struct({ type: Schema.Literal("text"), text: Schema.String }),
  Schema.Struct({ type: Schema.Literal("thinking"), thinking: Schema.String, signature: Schema.String }),
  Schema.Struct({
    type: Schema.Literal("tool_use"),
    id: Schema.String,
    name: Schema.String,
    input: Schema.Record({ key: Schema.String, value: Schema.Unknown })
  }),
  Schema.Struct({
    type: Schema.Literal("server_tool_use"),
    id: Schema.String,
    caller: Caller,
    name: Schema.String,
    input: Schema.Record({ key: Schema.String, value: Schema.Unknown })
  }),
  ResultBlock
)

const StopReason = Schema.Literal("end_turn", "max_tokens", "stop_sequence", "refusal", "tool_use")

const Usage = Schema.Struct({
  input_tokens: Schema.Int,
  cache_creation_input_tokens: Schema.Int,
  cache_read_input_tokens: Schema.Int,
  output_tokens: Schema.Int,
  /** Absent if the gateway ran no tools. */
  server_tool_use: Schema.optional(Schema.Struct({ web_search_requests: Schema.Int, web_fetch_requests: Schema.Int }))
})

const UsageSource = Schema.Literal("reported", "estimated").annotations({
  description: "Whether the figures are Lingma's own"
})

const AppliedEdit = Schema.Union(
  Schema.Struct({
    type: Schema.Literal("clear_tool_uses_20250919"),
    cleared_tool_uses: Schema.Int,
    cleared_input_tokens: Schema.Int
  }),
  Schema.Struct({
    type: Schema.Literal("clear_thinking_20251015"),
    cleared_thinking_turns: Schema.Int,
    cleared_input_tokens: Schema.Int
  })
)

/** Absent if the request has none. */
const ContextManagement = Schema.optional(Schema.Struct({ applied_edits: Schema.Array(AppliedEdit) }))

export const Message = Schema.Struct({
  id: Schema.String,
  type: Schema.Literal("message"),
  role: Schema.Literal("assistant"),
  model: Schema.String,
  content: Schema.Array(ContentBlock),
  stop_reason: StopReason,
  stop_sequence: Schema.NullOr(Schema.String),
  container: Schema.Null,
  stop_details: Schema.Null,
  diagnostics: Schema.Null,
  usage: Usage,
  usage_source: Schema.optional(UsageSource),
  context_management: ContextManagement
}).annotations({ identifier: "AnthropicMessage" })

const event = <T extends string, F extends Schema.Struct.Fields>(type: T, fields: F) =>
  Schema.Struct({ type: Schema.Literal(type), ...fields })
const Index = { index: Schema.Int }

/** The JSON of each `data:` line of a stream; the `event:` line repeats its type. */
export const MessageStreamEvent = Schema.Union(
  event("message_start", {
    message: Schema.Struct({ ...Message.fields, content: Schema.Array(ContentBlock), stop_reason: Schema.Null })
  }),
  event("ping", {}),
  event("content_block_start", { ...Index, content_block: ContentBlock }),
  event("content_block_delta", {
    ...Index,
    delta: Schema.Union(
      event("text_delta", { text: Schema.String }),
      event("thinking_delta", { thinking: Schema.String }),
      event("signature_delta", { signature: Schema.String }),
      event("input_json_delta", { partial_json: Schema.String })
    )
  }),
  event("content_block_stop", Index),
  event("message_delta", {
    delta: Schema.Struct({
      stop_reason: StopReason,
      stop_sequence: Schema.NullOr(Schema.String),
      container: Schema.Null,
      stop_details: Schema.Null
    }),
    usage: Usage,
    usage_source: Schema.optional(UsageSource),
    context_management: ContextManagement
  }),
  event("message_stop", {}),
  Errors.ErrorBody
).annotations({ identifier: "MessageStreamEvent" })

/** `context_management` is absent if the request has none. */
export const TokenCount = Schema.Struct({
  input_tokens: Schema.Int,
  context_management: Schema.optional(Schema.Struct({ original_input_tokens: Schema.Int }))
}).annotations({ identifier: "TokenCount" })

/** `max_input_tokens` is absent if it is unknown. */
export const ModelInfo = Schema.Struct({
  type: Schema.Literal("model"),
  id: Schema.String,
  display_name: Schema.String,
  created_at: Schema.String,
  max_input_tokens: Schema.optional(Schema.Int)
}).annotations({ identifier: "AnthropicModel" })

export const ModelList = Schema.Struct({
  data: Schema.Array(ModelInfo),
  has_more: Schema.Literal(false),
  first_id: Schema.NullOr(Schema.String),
  last_id: Schema.NullOr(Schema.String)
}).annotations({ identifier: "AnthropicModelList" })

/** An API key, by `x-api-key` or `Authorization: Bearer`. */
export class MessagesKey extends HttpApiMiddleware.Tag<MessagesKey>()("lingma-gateway/http/messages/MessagesKey", {
  failure: Errors.withStatus(401),
  security: {
    apiKey: HttpApiSecurity.apiKey({ key: "x-api-key", in: "header" }),
    bearer: HttpApiSecurity.bearer
  }
}) {}

const id = HttpApiSchema.param("id", Schema.String)

/** Internal route of requests for `/v1/models` that have an `anthropic-version` header. */
export const MODELS = "/anthropic/v1/models"

export class MessagesApi extends HttpApiGroup.make("anthropic")
  .add(
    HttpApiEndpoint.post("messages", "/v1/messages")
      .setPayload(MessagesRequest)
      .addSuccess(Message)
      .addError(Errors.withStatuses(...DeclaredErrors.ofChat, 529))
      .annotate(OpenApi.Summary, "Answers a conversation in Anthropic's dialect, whole or as a stream")
      .annotate(OpenApi.Transform, streamed("MessageStreamEvent"))
  )
  .add(
    HttpApiEndpoint.post("countTokens", "/v1/messages/count_tokens")
      .setPayload(CountTokensRequest)
      .addSuccess(TokenCount)
      .addError(Errors.withStatuses(...DeclaredErrors.ofBody))
      .annotate(OpenApi.Summary, "How many tokens a conversation has, as it is sent on")
  )
  .add(
    HttpApiEndpoint.get("models", MODELS)
      .addSuccess(ModelList)
      .addError(Errors.withStatus(503))
      .annotate(
        OpenApi.Summary,
        "The models in Anthropic's shape; also at /v1/models with the header anthropic-version"
      )
  )
  .add(
    HttpApiEndpoint.get("model")`/anthropic/v1/models/${id}`
      .addSuccess(ModelInfo)
      .addError(Errors.withStatuses(404, 503))
      .annotate(OpenApi.Summary, "One model in Anthropic's shape")
  )
  .middleware(MessagesKey) {}

/**
 * Routes and schemas of the Responses API. No handlers here, so clients can import it.
 */
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as HttpApiSchema from "@effect/platform/HttpApiSchema"
import * as OpenApi from "@effect/platform/OpenApi"
import { Schema } from "effect"
import { streamed } from "../../chat/Streamed.ts"
import * as DeclaredErrors from "../../edge/DeclaredErrors.ts"
import { OpenAiKey } from "../openai/OpenAiKey.ts"
import * as Conversations from "./ConversationsApi.ts"
import * as Errors from "./Errors.ts"
import { OutputItem, OutputText, ResponseObject } from "./Resource.ts"
import { CountRequest, ResponsesRequest } from "./request/Payload.ts"

const numbered = <T extends string>(...types: ReadonlyArray<T>) => ({
  type: Schema.Literal(...types),
  sequence_number: Schema.Int
})
const placed = { item_id: Schema.String, output_index: Schema.Int }
const inMessage = { ...placed, content_index: Schema.Int }
const inSummary = { ...placed, summary_index: Schema.Int }
const ofCommand = { output_index: Schema.Int, command_index: Schema.Int }
const SummaryText = Schema.Struct({ type: Schema.Literal("summary_text"), text: Schema.String })
const logprobs = Schema.Array(Schema.Unknown)

/** The JSON of each `data:` line of a stream; the `event:` line repeats its `type`. */
export const ResponseStreamEvent = Schema.Union(
  Schema.Struct({
    ...numbered(
      "response.created",
      "response.in_progress",
      "response.completed",
      "response.incomplete",
      "response.failed"
    ),
    response: ResponseObject
  }),
  Schema.Struct(numbered("keepalive")),
  Schema.Struct({
    ...numbered("response.output_item.added", "response.output_item.done"),
    output_index: Schema.Int,
    item: OutputItem
  }),
  Schema.Struct({
    ...numbered("response.content_part.added", "response.content_part.done"),
    ...inMessage,
    part: OutputText
  }),
  Schema.Struct({ ...numbered("response.output_text.delta"), ...inMessage, delta: Schema.String, logprobs }),
  Schema.Struct({ ...numbered("response.output_text.done"), ...inMessage, text: Schema.String, logprobs }),
  Schema.Struct({
    ...numbered("response.reasoning_summary_part.added", "response.reasoning_summary_part.done"),
    ...inSummary,
    part: SummaryText
  }),
  Schema.Struct({ ...numbered("response.reasoning_summary_text.delta"), ...inSummary, delta: Schema.String }),
  Schema.Struct({ ...numbered("response.reasoning_summary_text.done"), ...inSummary, text: Schema.String }),
  Schema.Struct({
    ...numbered("response.function_call_arguments.delta", "response.custom_tool_call_input.delta"),
    ...placed,
    delta: Schema.String
  }),
  Schema.Struct({
    ...numbered("response.function_call_arguments.done"),
    ...placed,
    name: Schema.String,
    arguments: Schema.String
  }),
  Schema.Struct({ ...numbered("response.custom_tool_call_input.done"), ...placed, input: Schema.String }),
  Schema.Struct({
    ...numbered("response.shell_call_command.added", "response.shell_call_command.done"),
    ...ofCommand,
    command: Schema.String
  }),
  Schema.Struct({ ...numbered("response.shell_call_command.delta"), ...ofCommand, delta: Schema.String })
).annotations({ identifier: "ResponseStreamEvent" })
export type ResponseStreamEvent = typeof ResponseStreamEvent.Type

export const InputTokens = Schema.Struct({
  object: Schema.Literal("response.input_tokens"),
  input_tokens: Schema.Int
}).annotations({ identifier: "ResponseInputTokens" })

export const Compacted = Schema.Struct({
  id: Schema.String,
  object: Schema.Literal("response.compaction"),
  created_at: Schema.Int,
  output: Schema.Array(Schema.Union(OutputItem, Schema.Record({ key: Schema.String, value: Schema.Unknown }))),
  usage: ResponseObject.fields.usage
}).annotations({ identifier: "ResponseCompaction" })

export const Deleted = Schema.Struct({
  id: Schema.String,
  object: Schema.Literal("response"),
  deleted: Schema.Literal(true)
}).annotations({ identifier: "ResponseDeleted" })

const id = HttpApiSchema.param("id", Schema.String)

export class ResponsesApi extends HttpApiGroup.make("responses")
  .add(
    HttpApiEndpoint.post("createResponse", "/v1/responses")
      .setPayload(ResponsesRequest)
      .addSuccess(ResponseObject)
      .addError(Errors.withStatuses(...DeclaredErrors.ofChat))
      .annotate(OpenApi.Summary, "Answers an input, whole or as a stream of events")
      .annotate(OpenApi.Transform, streamed("ResponseStreamEvent"))
  )
  .add(
    HttpApiEndpoint.post("inputTokens", "/v1/responses/input_tokens")
      .setPayload(CountRequest)
      .addSuccess(InputTokens)
      .addError(Errors.withStatuses(...DeclaredErrors.ofBody, 404))
      .annotate(OpenApi.Summary, "How many tokens an input has, as it is sent on")
  )
  .add(
    HttpApiEndpoint.post("compact", "/v1/responses/compact")
      .setPayload(ResponsesRequest)
      .addSuccess(Compacted)
      .addError(Errors.withStatuses(...DeclaredErrors.ofChat))
      .annotate(OpenApi.Summary, "A conversation made short: what users said, and a summary that the model writes")
  )
  .add(
    HttpApiEndpoint.get("response")`/v1/responses/${id}`
      .addSuccess(ResponseObject)
      .addError(Errors.withStatus(404))
      .annotate(OpenApi.Summary, "A response that is still held in memory")
  )
  .add(
    HttpApiEndpoint.del("deleteResponse")`/v1/responses/${id}`
      .addSuccess(Deleted)
      .addError(Errors.withStatus(404))
      .annotate(OpenApi.Summary, "Forgets a response")
  )
  .add(Conversations.create)
  .add(Conversations.retrieve)
  .add(Conversations.update)
  .add(Conversations.remove)
  .add(Conversations.addItems)
  .add(Conversations.listItems)
  .add(Conversations.oneItem)
  .add(Conversations.removeItem)
  .middleware(OpenAiKey) {}

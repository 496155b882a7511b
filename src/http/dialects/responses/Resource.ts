/**
 * The response object: every field of the API's types; unset ones are `null`.
 */
import { Schema } from "effect"
import type { FinishReason } from "../../../domain/Chat.ts"
import * as TokenMeter from "../../../tokens/TokenMeter.ts"
import type { ResponseError } from "./Errors.ts"
import type { ResponsesRequest } from "./request/Payload.ts"
import type { Tools } from "./request/Tools.ts"

const Status = Schema.Literal("in_progress", "completed", "incomplete")

export const OutputText = Schema.Struct({
  type: Schema.Literal("output_text"),
  text: Schema.String,
  annotations: Schema.Array(Schema.Unknown),
  logprobs: Schema.Array(Schema.Unknown)
})
const Message = Schema.Struct({
  id: Schema.String,
  type: Schema.Literal("message"),
  status: Status,
  role: Schema.Literal("assistant"),
  content: Schema.Array(OutputText)
})
const Reasoning = Schema.Struct({
  id: Schema.String,
  type: Schema.Literal("reasoning"),
  status: Status,
  summary: Schema.Array(Schema.Struct({ type: Schema.Literal("summary_text"), text: Schema.String }))
})
const FunctionCall = Schema.Struct({
  id: Schema.String,
  type: Schema.Literal("function_call"),
  status: Status,
  call_id: Schema.String,
  name: Schema.String,
  namespace: Schema.optional(Schema.String),
  arguments: Schema.String
})
const CustomToolCall = Schema.Struct({
  id: Schema.String,
  type: Schema.Literal("custom_tool_call"),
  status: Status,
  call_id: Schema.String,
  name: Schema.String,
  namespace: Schema.optional(Schema.String),
  input: Schema.String
})

/** A search of the client's deferred tools, run by the client. */
const ToolSearchCall = Schema.Struct({
  id: Schema.String,
  type: Schema.Literal("tool_search_call"),
  status: Status,
  execution: Schema.Literal("client"),
  call_id: Schema.String,
  arguments: Schema.Record({ key: Schema.String, value: Schema.Unknown })
})

const LocalShellCall = Schema.Struct({
  id: Schema.String,
  type: Schema.Literal("local_shell_call"),
  status: Status,
  call_id: Schema.String,
  action: Schema.Struct({
    type: Schema.Literal("exec"),
    command: Schema.Array(Schema.String),
    env: Schema.Record({ key: Schema.String, value: Schema.String }),
    timeout_ms: Schema.optional(Schema.Number),
    user: Schema.optional(Schema.String),
    working_directory: Schema.optional(Schema.String)
  })
})
const ShellCall = Schema.Struct({
  id: Schema.String,
  type: Schema.Literal("shell_call"),
  status: Status,
  call_id: Schema.String,
  action: Schema.Struct({
    commands: Schema.Array(Schema.String),
    timeout_ms: Schema.NullOr(Schema.Number),
    max_output_length: Schema.NullOr(Schema.Number)
  }),
  environment: Schema.Struct({ type: Schema.Literal("local") })
})
const ApplyPatchCall = Schema.Struct({
  id: Schema.String,
  type: Schema.Literal("apply_patch_call"),
  status: Schema.Literal("in_progress", "completed"),
  call_id: Schema.String,
  operation: Schema.Union(
    Schema.Struct({ type: Schema.Literal("create_file", "update_file"), path: Schema.String, diff: Schema.String }),
    Schema.Struct({ type: Schema.Literal("delete_file"), path: Schema.String })
  )
})

/** A summary of the conversation, for later requests. */
export const CompactionItem = Schema.Struct({
  id: Schema.String,
  type: Schema.Literal("compaction"),
  status: Status,
  encrypted_content: Schema.String
})

export const OutputItem = Schema.Union(
  Message,
  Reasoning,
  FunctionCall,
  CustomToolCall,
  ToolSearchCall,
  LocalShellCall,
  ShellCall,
  ApplyPatchCall,
  CompactionItem
)
export type OutputItem = typeof OutputItem.Type

const Usage = Schema.Struct({
  input_tokens: Schema.Int,
  input_tokens_details: Schema.Struct({ cached_tokens: Schema.Int, cache_write_tokens: Schema.Int }),
  output_tokens: Schema.Int,
  output_tokens_details: Schema.Struct({ reasoning_tokens: Schema.Int }),
  total_tokens: Schema.Int
})

const Loose = Schema.Record({ key: Schema.String, value: Schema.Unknown })
const maybe = <A, I>(schema: Schema.Schema<A, I>) => Schema.NullOr(schema)

/** Fields that are the same in all events of a response. */
const fixed = {
  id: Schema.String,
  object: Schema.Literal("response"),
  created_at: Schema.Int,
  background: Schema.Boolean,
  conversation: maybe(Schema.Struct({ id: Schema.String })),
  frequency_penalty: Schema.Number,
  instructions: maybe(Schema.String),
  max_output_tokens: maybe(Schema.Int),
  max_tool_calls: maybe(Schema.Int),
  metadata: maybe(Schema.Record({ key: Schema.String, value: Schema.String })),
  model: Schema.String,
  parallel_tool_calls: Schema.Boolean,
  presence_penalty: Schema.Number,
  previous_response_id: maybe(Schema.String),
  prompt: Schema.Null,
  prompt_cache_key: maybe(Schema.String),
  reasoning: maybe(Schema.Struct({ effort: maybe(Schema.String), summary: maybe(Schema.String) })),
  safety_identifier: maybe(Schema.String),
  service_tier: Schema.String,
  store: Schema.Boolean,
  temperature: Schema.Number,
  text: Schema.Struct({ format: Loose, verbosity: Schema.optional(Schema.String) }),
  tool_choice: Schema.Union(Schema.String, Loose),
  tools: Schema.Array(Loose),
  top_logprobs: Schema.Int,
  top_p: Schema.Number,
  truncation: Schema.String,
  user: maybe(Schema.String)
}

/** Fields that change while the response is generated. */
const changing = {
  status: Schema.Literal("in_progress", "completed", "incomplete", "failed"),
  completed_at: maybe(Schema.Int),
  error: maybe(Schema.Struct({ code: Schema.String, message: Schema.String })),
  incomplete_details: maybe(Schema.Struct({ reason: Schema.Literal("max_output_tokens", "content_filter") })),
  output: Schema.Array(OutputItem),
  usage: maybe(Usage),
  /** Whether the upstream reported the figures or they are estimates. */
  usage_source: maybe(Schema.Literal("reported", "estimated"))
}

export const ResponseObject = Schema.Struct({ ...fixed, ...changing }).annotations({ identifier: "Response" })
export type ResponseObject = typeof ResponseObject.Type

export type Fixed = Pick<ResponseObject, keyof typeof fixed>
export type Changing = Pick<ResponseObject, keyof typeof changing>

export interface FixedOptions {
  readonly id: string
  /** Seconds since 1970. */
  readonly created: number
  readonly payload: ResponsesRequest
  readonly tools: Tools
  /** Whether the response is stored. */
  readonly kept: boolean
  /** Id of the conversation that it belongs to. */
  readonly conversation?: string | undefined
}

/** As it was asked for; what was left out has the value that it means. */
const formatOf = (format: NonNullable<ResponsesRequest["text"]>["format"]): Fixed["text"]["format"] =>
  format?.type === "json_schema"
    ? { ...format, description: format.description ?? null, strict: format.strict ?? false }
    : { type: format?.type ?? "text" }

const choiceOf = (choice: ResponsesRequest["tool_choice"]): Fixed["tool_choice"] =>
  typeof choice === "object" && choice?.type === "allowed_tools"
    ? { ...choice, mode: choice.mode ?? "auto" }
    : (choice ?? "auto")

/** All but the model, which is known when one answers. */
export const toFixed = ({ conversation, created, id, kept, payload, tools }: FixedOptions): Omit<Fixed, "model"> => {
  const { reasoning, text } = payload
  return {
    id,
    object: "response",
    created_at: created,
    background: false,
    conversation: conversation === undefined ? null : { id: conversation },
    frequency_penalty: payload.frequency_penalty ?? 0,
    instructions: payload.instructions ?? null,
    max_output_tokens: payload.max_output_tokens ?? null,
    max_tool_calls: payload.max_tool_calls ?? null,
    metadata: payload.metadata ?? null,
    parallel_tool_calls: payload.parallel_tool_calls ?? true,
    presence_penalty: payload.presence_penalty ?? 0,
    previous_response_id: payload.previous_response_id ?? null,
    prompt: null,
    prompt_cache_key: payload.prompt_cache_key ?? null,
    reasoning: reasoning ? { effort: reasoning.effort ?? null, summary: reasoning.summary ?? null } : null,
    safety_identifier: payload.safety_identifier ?? null,
    service_tier: "default",
    store: kept,
    temperature: payload.temperature ?? 1,
    text: { format: formatOf(text?.format), ...(text?.verbosity ? { verbosity: text.verbosity } : {}) },
    tool_choice: choiceOf(payload.tool_choice),
    tools: tools.echoed,
    top_logprobs: 0,
    top_p: payload.top_p ?? 1,
    truncation: "disabled",
    user: payload.user ?? null
  }
}

export const begun: Changing = {
  status: "in_progress",
  completed_at: null,
  error: null,
  incomplete_details: null,
  output: [],
  usage: null,
  usage_source: null
}

export const toUsage = ({ completion, prompt, reasoning }: TokenMeter.Tokens): NonNullable<Changing["usage"]> => ({
  input_tokens: prompt,
  input_tokens_details: { cached_tokens: 0, cache_write_tokens: 0 },
  output_tokens: completion,
  output_tokens_details: { reasoning_tokens: reasoning },
  total_tokens: prompt + completion
})

export type Cut = NonNullable<Changing["incomplete_details"]>["reason"]

/** Why a finish reason makes the response incomplete; undefined if it does not. */
export const cutBy = (reason: FinishReason): Cut | undefined =>
  reason === "length" ? "max_output_tokens" : reason === "content_filter" ? "content_filter" : undefined

export interface EndOptions {
  readonly output: ReadonlyArray<OutputItem>
  readonly tokens: TokenMeter.Tokens
  /** Reason why it is incomplete, if it is. */
  readonly cut: Cut | undefined
  /** Seconds since 1970. */
  readonly now: number
}

export const ended = ({ cut, now, output, tokens }: EndOptions): Changing => ({
  status: cut === undefined ? "completed" : "incomplete",
  completed_at: cut === undefined ? now : null,
  error: null,
  incomplete_details: cut === undefined ? null : { reason: cut },
  output,
  usage: toUsage(tokens),
  usage_source: TokenMeter.source(tokens)
})

export const failed = (output: ReadonlyArray<OutputItem>, error: ResponseError): Changing => ({
  ...begun,
  status: "failed",
  output,
  error
})

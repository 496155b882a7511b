/**
 * The body of a chat completion request: every field with its type and limits.
 *
 * Lenient on purpose: optional fields may be `null`, and unknown ones are ignored.
 */
import { Schema } from "effect"
import { efforts } from "../../../domain/Chat.ts"
import { atMost, counts, Description, Id, Label, listOf, Name, Stop, Word } from "../../chat/TextLimits.ts"
import * as HostedTools from "../openai/HostedTools.ts"

const opt = <A, I>(schema: Schema.Schema<A, I>) => Schema.optional(Schema.NullOr(schema))
const between = (min: number, max: number) => Schema.Number.pipe(Schema.between(min, max))
// Beyond the safe integers too: a seed may be any int64.
const Whole = Schema.Number.pipe(Schema.filter(Number.isInteger, { jsonSchema: { type: "integer" } }))
const integer = (min: number, max: number) => Whole.pipe(Schema.between(min, max))
const Loose = Schema.Record({ key: Schema.String, value: Schema.Unknown })

/** Max number of items per request. */
export const limits = { messages: 4096, tools: 128, stop: 4, metadata: 16 } as const

// MCP servers use dots and more than OpenAI's 64 characters.
const FunctionName = Schema.String.pipe(Schema.pattern(/^[A-Za-z0-9_.-]{1,128}$/))

const TextPart = Schema.Struct({ type: Schema.Literal("text"), text: Schema.String })
const RefusalPart = Schema.Struct({ type: Schema.Literal("refusal"), refusal: Schema.String })
const ImagePart = Schema.Struct({
  type: Schema.Literal("image_url"),
  image_url: Schema.Union(
    Schema.Struct({ url: Schema.String, detail: opt(Schema.Literal("auto", "low", "high", "original")) }),
    Schema.String
  )
})
const AudioPart = Schema.Struct({ type: Schema.Literal("input_audio") })
const FilePart = Schema.Struct({ type: Schema.Literal("file") })

const Part = Schema.Union(TextPart, RefusalPart, ImagePart, AudioPart, FilePart)
export type Part = typeof Part.Type

const Content = Schema.NullOr(Schema.Union(Schema.String, listOf(Part, counts.parts)))

const Call = Schema.Struct({ name: Name, arguments: Schema.String })
const ToolCall = Schema.Union(
  Schema.Struct({ id: Id, type: Schema.Literal("function"), function: Call }),
  Schema.Struct({
    id: Id,
    type: Schema.Literal("custom"),
    custom: Schema.Struct({ name: Name, input: Schema.String })
  })
)
export type ToolCall = typeof ToolCall.Type

// One literal role each, so that the union is discriminated by it.
const Said = <R extends string>(role: R) => Schema.Struct({ role: Schema.Literal(role), content: Content })

const Message = Schema.Union(
  Said("system"),
  Said("developer"),
  Said("user"),
  Schema.Struct({
    role: Schema.Literal("assistant"),
    content: Schema.optional(Content),
    refusal: opt(Schema.String),
    tool_calls: opt(listOf(ToolCall, counts.calls)),
    function_call: opt(Call)
  }),
  Schema.Struct({ role: Schema.Literal("tool"), content: Content, tool_call_id: Id }),
  Schema.Struct({ role: Schema.Literal("function"), content: Content, name: Name })
)
export type Message = typeof Message.Type

const Function = Schema.Struct({
  name: FunctionName,
  description: opt(Description),
  parameters: opt(Loose),
  strict: opt(Schema.Boolean)
})

const CustomFormat = Schema.Union(
  Schema.Struct({ type: Schema.Literal("text") }),
  Schema.Struct({
    type: Schema.Literal("grammar"),
    grammar: Schema.Struct({ definition: Description, syntax: Schema.Literal("lark", "regex") })
  })
)

/** None of them is there: they are left out, and told to be missing. */
const HostedTool = Schema.Struct({ type: Schema.Literal(...HostedTools.kinds) })

const Tool = Schema.Union(
  Schema.Struct({ type: Schema.Literal("function"), function: Function }),
  Schema.Struct({
    type: Schema.Literal("custom"),
    custom: Schema.Struct({ name: FunctionName, description: opt(Description), format: opt(CustomFormat) })
  }),
  HostedTool
)
export type Tool = typeof Tool.Type

const Named = Schema.Struct({ name: Name })
const NamedFunction = Schema.Struct({ type: Schema.Literal("function"), function: Named })
const NamedCustom = Schema.Struct({ type: Schema.Literal("custom"), custom: Named })
const NamedTool = Schema.Union(NamedFunction, NamedCustom)
export type NamedTool = typeof NamedTool.Type

const ToolChoice = Schema.Union(
  Schema.Literal("none", "auto", "required"),
  NamedFunction,
  NamedCustom,
  HostedTool,
  Schema.Struct({
    type: Schema.Literal("allowed_tools"),
    allowed_tools: Schema.Struct({
      mode: Schema.Literal("auto", "required"),
      tools: Schema.Array(NamedTool).pipe(Schema.minItems(1), Schema.maxItems(limits.tools))
    })
  })
)

const ResponseFormat = Schema.Union(
  Schema.Struct({ type: Schema.Literal("text") }),
  Schema.Struct({ type: Schema.Literal("json_object") }),
  Schema.Struct({
    type: Schema.Literal("json_schema"),
    json_schema: Schema.Struct({
      name: Schema.String.pipe(Schema.pattern(/^[A-Za-z0-9_-]{1,64}$/)),
      description: opt(Description),
      schema: opt(Loose),
      strict: opt(Schema.Boolean)
    })
  })
)

const Metadata = Schema.Record({ key: Schema.String, value: atMost(512) }).pipe(
  Schema.filter((pairs) => Object.keys(pairs).length <= limits.metadata, {
    jsonSchema: { maxProperties: limits.metadata }
  }),
  Schema.filter((pairs) => Object.keys(pairs).every((name) => name.length <= 64), {
    jsonSchema: { propertyNames: { maxLength: 64 } }
  })
)

export const ChatCompletionRequest = Schema.Struct({
  model: atMost(256).pipe(Schema.minLength(1)),
  messages: Schema.Array(Message).pipe(Schema.minItems(1), Schema.maxItems(limits.messages)),
  stream: opt(Schema.Boolean),
  stream_options: opt(Schema.Struct({ include_usage: opt(Schema.Boolean), include_obfuscation: opt(Schema.Boolean) })),
  temperature: opt(between(0, 2)),
  top_p: opt(between(0, 1)),
  frequency_penalty: opt(between(-2, 2)),
  presence_penalty: opt(between(-2, 2)),
  n: opt(integer(1, 128)),
  stop: opt(Schema.Union(Stop, Schema.Array(Stop).pipe(Schema.minItems(1), Schema.maxItems(limits.stop)))),
  max_tokens: opt(integer(1, Number.MAX_SAFE_INTEGER)),
  max_completion_tokens: opt(integer(1, Number.MAX_SAFE_INTEGER)),
  logprobs: opt(Schema.Boolean),
  top_logprobs: opt(integer(0, 20)),
  logit_bias: opt(
    Schema.Record({ key: Schema.String, value: integer(-100, 100) }).pipe(
      Schema.filter((pairs) => Object.keys(pairs).length <= counts.bias, { jsonSchema: { maxProperties: counts.bias } })
    )
  ),
  seed: opt(Whole),
  user: opt(Label),
  safety_identifier: opt(atMost(64)),
  prompt_cache_key: opt(Label),
  prompt_cache_options: opt(Loose),
  prompt_cache_retention: opt(Word),
  metadata: opt(Metadata),
  store: opt(Schema.Boolean),
  modalities: opt(listOf(Schema.Literal("text", "audio"), counts.words)),
  audio: opt(Loose),
  prediction: opt(Schema.Struct({ type: Schema.Literal("content"), content: Content })),
  reasoning_effort: opt(Schema.Literal(...efforts)),
  verbosity: opt(Schema.Literal("low", "medium", "high")),
  service_tier: opt(Schema.Literal("auto", "default", "flex", "scale", "priority", "fast")),
  moderation: opt(Loose),
  web_search_options: opt(Loose),
  response_format: opt(ResponseFormat),
  tools: opt(Schema.Array(Tool).pipe(Schema.maxItems(limits.tools))),
  tool_choice: opt(ToolChoice),
  parallel_tool_calls: opt(Schema.Boolean),
  functions: opt(Schema.Array(Function).pipe(Schema.minItems(1), Schema.maxItems(limits.tools))),
  function_call: opt(Schema.Union(Schema.Literal("none", "auto"), Named))
}).annotations({ identifier: "ChatCompletionRequest" })
export type ChatCompletionRequest = typeof ChatCompletionRequest.Type

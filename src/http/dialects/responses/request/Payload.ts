/**
 * Schema of a `/v1/responses` request: every field with its type and limits.
 *
 * Lenient: optional fields may be `null`, unknown fields are ignored, and items, parts and tools of unknown kinds are
 * left out and named. They are decoded one by one, by the tables below and in `ClientItems.ts`.
 */
import { JSONSchema, Schema } from "effect"
import { efforts } from "../../../../domain/Chat.ts"
import { atMost, counts, Description, Id, Label, listOf, Name, Word } from "../../../chat/TextLimits.ts"
import * as Hosted from "../../openai/HostedTools.ts"
import * as ClientItems from "./ClientItems.ts"
import { Loose, opt } from "./Loose.ts"

export type { Loose } from "./Loose.ts"

const between = (min: number, max: number) => Schema.Number.pipe(Schema.between(min, max))
const integer = (min: number, max: number) => Schema.Int.pipe(Schema.between(min, max))

/** Max counts per request. A long agent session has thousands of items. */
export const limits = { input: 16_384, tools: 256, metadata: 16 } as const

/** Decoded leniently, but described exactly in the API description. */
const described = <A, I>(schema: Schema.Schema<A, I>) => {
  const { $defs: _, $schema: __, ...jsonSchema } = JSONSchema.make(schema)
  return Loose.annotations({ jsonSchema: { ...jsonSchema, type: "object" } })
}

const Text = { text: Schema.String }
const parts = {
  input_text: Schema.Struct({ type: Schema.Literal("input_text"), ...Text }),
  output_text: Schema.Struct({ type: Schema.Literal("output_text"), ...Text }),
  text: Schema.Struct({ type: Schema.Literal("text"), ...Text }),
  refusal: Schema.Struct({ type: Schema.Literal("refusal"), refusal: Schema.String }),
  input_image: Schema.Struct({
    type: Schema.Literal("input_image"),
    image_url: opt(Schema.String),
    file_id: opt(Id),
    detail: opt(Schema.Literal("auto", "low", "high", "original"))
  }),
  input_file: Schema.Struct({ type: Schema.Literal("input_file") }),
  input_audio: Schema.Struct({ type: Schema.Literal("input_audio") })
} as const
export type Part = (typeof parts)[keyof typeof parts]["Type"]

const Part = described(
  Schema.Union(parts.input_text, parts.output_text, parts.text, parts.refusal, parts.input_image, parts.input_file)
)
const Content = Schema.Union(Schema.String, listOf(Part, counts.parts))
export type Content = typeof Content.Type

// MCP servers use dots, and more than the 64 characters that the API allows.
const ToolName = Schema.String.pipe(Schema.pattern(/^[A-Za-z0-9_.-]{1,128}$/))

const FunctionTool = Schema.Struct({
  type: Schema.Literal("function"),
  name: ToolName,
  description: opt(Description),
  parameters: opt(Loose),
  strict: opt(Schema.Boolean)
})
const CustomTool = Schema.Struct({
  type: Schema.Literal("custom"),
  name: ToolName,
  description: opt(Description),
  format: opt(
    Schema.Union(
      Schema.Struct({ type: Schema.Literal("text") }),
      Schema.Struct({
        type: Schema.Literal("grammar"),
        definition: Description,
        syntax: Schema.Literal("lark", "regex")
      })
    )
  )
})
const NamespaceTool = Schema.Struct({
  type: Schema.Literal("namespace"),
  name: ToolName,
  description: opt(Description),
  tools: Schema.Array(described(Schema.Union(FunctionTool, CustomTool))).pipe(Schema.maxItems(limits.tools))
})

/** Searches the client's deferred tools; the result arrives as `tool_search_output`. */
const ToolSearch = Schema.Struct({
  type: Schema.Literal("tool_search"),
  execution: opt(Word),
  description: opt(Description),
  parameters: opt(Loose)
})

/** The known kinds of tools. */
const tools = {
  function: FunctionTool,
  custom: CustomTool,
  namespace: NamespaceTool,
  tool_search: ToolSearch,
  ...ClientItems.tools
} as const
const Tool = described(
  Schema.Union(FunctionTool, CustomTool, NamespaceTool, ToolSearch, ...Object.values(ClientItems.tools))
)
const Tools = Schema.Array(Tool).pipe(Schema.maxItems(limits.tools))
export type FunctionTool = typeof FunctionTool.Type
export type CustomTool = typeof CustomTool.Type
export type NamespaceTool = typeof NamespaceTool.Type
export type ToolSearch = typeof ToolSearch.Type
export type Tool = (typeof tools)[keyof typeof tools]["Type"]

const Format = Schema.Union(
  Schema.Struct({ type: Schema.Literal("text") }),
  Schema.Struct({ type: Schema.Literal("json_object") }),
  Schema.Struct({
    type: Schema.Literal("json_schema"),
    name: Schema.String.pipe(Schema.pattern(/^[A-Za-z0-9_-]{1,64}$/)),
    description: opt(Description),
    schema: Loose,
    strict: opt(Schema.Boolean)
  })
)
export type Format = typeof Format.Type

const items = {
  ...ClientItems.items,
  message: Schema.Struct({
    type: opt(Schema.Literal("message")),
    role: Schema.Literal("user", "assistant", "system", "developer"),
    content: Schema.NullOr(Content)
  }),
  function_call: Schema.Struct({
    type: Schema.Literal("function_call"),
    call_id: Id,
    name: Name,
    arguments: Schema.String,
    namespace: opt(Name)
  }),
  custom_tool_call: Schema.Struct({
    type: Schema.Literal("custom_tool_call"),
    call_id: Id,
    name: Name,
    input: Schema.String,
    namespace: opt(Name)
  }),
  function_call_output: Schema.Struct({
    type: Schema.Literal("function_call_output"),
    call_id: Id,
    output: Content
  }),
  custom_tool_call_output: Schema.Struct({
    type: Schema.Literal("custom_tool_call_output"),
    call_id: Id,
    output: Content
  }),
  compaction_trigger: Schema.Struct({ type: Schema.Literal("compaction_trigger") }),
  compaction: Schema.Struct({ type: Schema.Literal("compaction"), encrypted_content: Schema.String }),
  compaction_summary: Schema.Struct({ type: Schema.Literal("compaction_summary"), encrypted_content: Schema.String }),
  additional_tools: Schema.Struct({ type: Schema.Literal("additional_tools"), tools: Tools }),
  tool_search_call: Schema.Struct({
    type: Schema.Literal("tool_search_call"),
    call_id: opt(Id),
    arguments: Schema.Union(Loose, Schema.String)
  }),
  tool_search_output: Schema.Struct({
    type: Schema.Literal("tool_search_output"),
    call_id: opt(Id),
    tools: Tools
  }),
  configuration_update: Schema.Struct({
    type: Schema.Literal("configuration_update"),
    reasoning: opt(Schema.Struct({ effort: opt(Schema.Literal(...efforts)) })),
    text: opt(Schema.Struct({ format: opt(Format) }))
  }),
  reasoning: Schema.Struct({ type: Schema.Literal("reasoning"), summary: opt(listOf(Loose, counts.parts)) })
} as const
/** Refers to a stored item. */
const reference = Schema.Struct({ type: opt(Schema.Literal("item_reference")), id: Id })
export type Item = (typeof items)[keyof typeof items]["Type"]

export const Item = described(
  Schema.Union(
    items.message,
    items.function_call,
    items.custom_tool_call,
    items.function_call_output,
    items.custom_tool_call_output,
    items.compaction_trigger,
    items.compaction,
    items.additional_tools,
    items.tool_search_call,
    items.tool_search_output,
    items.configuration_update,
    items.reasoning,
    ...Object.values(ClientItems.items)
  )
)

/** The schema of each known kind; other kinds are left out and named. */
export const kinds = { parts, items, tools, reference }

const NamedTool = Schema.Struct({
  type: Schema.Literal("function", "custom"),
  name: Name,
  namespace: opt(Name)
})

/** A choice of a tool by its type; OpenAI's hosted ones are not available. */
const KindOfTool = Schema.Struct({
  type: Schema.Literal("tool_search", ...ClientItems.kinds, ...Hosted.kinds)
})

const ToolChoice = Schema.Union(
  Schema.Literal("none", "auto", "required"),
  NamedTool,
  KindOfTool,
  Schema.Struct({
    type: Schema.Literal("allowed_tools"),
    mode: opt(Schema.Literal("none", "auto", "required")),
    tools: Schema.Array(Loose).pipe(Schema.minItems(1), Schema.maxItems(limits.tools))
  })
)

export const Metadata = Schema.Record({ key: Schema.String, value: atMost(512) }).pipe(
  Schema.filter((pairs) => Object.keys(pairs).length <= limits.metadata, {
    jsonSchema: { maxProperties: limits.metadata }
  }),
  Schema.filter((pairs) => Object.keys(pairs).every((name) => name.length <= 64), {
    jsonSchema: { propertyNames: { maxLength: 64 } }
  })
)

export const ResponsesRequest = Schema.Struct({
  model: atMost(256).pipe(Schema.minLength(1)),
  input: opt(Schema.Union(Schema.String, Schema.Array(Item).pipe(Schema.maxItems(limits.input)))),
  instructions: opt(Schema.String),
  stream: opt(Schema.Boolean),
  stream_options: opt(Schema.Struct({ include_obfuscation: opt(Schema.Boolean) })),
  tools: opt(Tools),
  tool_choice: opt(ToolChoice),
  parallel_tool_calls: opt(Schema.Boolean),
  max_output_tokens: opt(integer(1, Number.MAX_SAFE_INTEGER)),
  max_tool_calls: opt(integer(1, Number.MAX_SAFE_INTEGER)),
  temperature: opt(between(0, 2)),
  top_p: opt(between(0, 1)),
  presence_penalty: opt(between(-2, 2)),
  frequency_penalty: opt(between(-2, 2)),
  top_logprobs: opt(integer(0, 20)),
  text: opt(Schema.Struct({ format: opt(Format), verbosity: opt(Schema.Literal("low", "medium", "high")) })),
  reasoning: opt(
    Schema.Struct({
      effort: opt(Schema.Literal(...efforts)),
      summary: opt(Schema.Literal("auto", "concise", "detailed", "none")),
      generate_summary: opt(Word)
    })
  ),
  include: opt(listOf(Word, counts.words)),
  metadata: opt(Metadata),
  store: opt(Schema.Boolean),
  previous_response_id: opt(Id),
  conversation: opt(Schema.Union(Id, Schema.Struct({ id: Id }))),
  prompt: opt(Loose),
  background: opt(Schema.Boolean),
  truncation: opt(Schema.Literal("auto", "disabled")),
  service_tier: opt(Schema.Literal("auto", "default", "flex", "scale", "priority", "fast")),
  user: opt(Label),
  safety_identifier: opt(atMost(64)),
  prompt_cache_key: opt(Label),
  prompt_cache_options: opt(Loose),
  prompt_cache_retention: opt(Word),
  moderation: opt(Loose),
  context_management: opt(Schema.Unknown)
}).annotations({ identifier: "ResponsesRequest" })
export type ResponsesRequest = typeof ResponsesRequest.Type

/** A token count's request, in which `model` is optional. */
export const CountRequest = Schema.Struct({
  ...ResponsesRequest.fields,
  model: opt(ResponsesRequest.fields.model)
}).annotations({ identifier: "ResponsesCountRequest" })

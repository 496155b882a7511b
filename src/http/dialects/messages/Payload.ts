/**
 * The body of a Messages request: every field that matters, with its type and limits.
 *
 * Liberal on purpose: unknown fields are ignored, optional ones may be `null`, and a block, a tool or a word of a kind
 * that nobody knows yet is taken, to be left out later.
 */
import { Schema } from "effect"
import { counts, Description, Id, Label, listOf, Name, Stop, Title, Word } from "../../chat/TextLimits.ts"
import * as ClientTools from "./ClientTools.ts"

const opt = <A, I>(schema: Schema.Schema<A, I>) => Schema.optional(Schema.NullOr(schema))
const unit = Schema.Number.pipe(Schema.between(0, 1))
const amount = Schema.Int.pipe(Schema.between(0, Number.MAX_SAFE_INTEGER))
const some = Schema.Int.pipe(Schema.between(1, Number.MAX_SAFE_INTEGER))
const Loose = Schema.Record({ key: Schema.String, value: Schema.Unknown })

const Text = Schema.Struct({ type: Schema.Literal("text"), text: Schema.String })

const Base64 = Schema.Struct({
  type: Schema.Literal("base64"),
  media_type: Word,
  data: Schema.String
})
const Url = Schema.Struct({ type: Schema.Literal("url"), url: Schema.String })
const File = Schema.Struct({ type: Schema.Literal("file"), file_id: Id })

const Image = Schema.Struct({ type: Schema.Literal("image"), source: Schema.Union(Base64, Url, File) })

const Citations = opt(Schema.Struct({ enabled: opt(Schema.Boolean) }))

const SearchResult = Schema.Struct({
  type: Schema.Literal("search_result"),
  source: Title,
  title: Title,
  content: listOf(Text, counts.parts),
  citations: Citations
})

/** Anything with a type that is none of these. */
const other = (...known: ReadonlyArray<string>) =>
  Schema.transform(
    Schema.Struct({ type: Word.pipe(Schema.filter((type) => !known.includes(type), { jsonSchema: {} })) }),
    Schema.Struct({ type: Schema.Literal("other"), kind: Schema.String }),
    {
      strict: true,
      decode: ({ type }) => ({ type: "other" as const, kind: type }),
      encode: ({ kind }) => ({ type: kind })
    }
  )

/** Of a document whose source is content: text and pictures. */
const Inner = Schema.Union(Text, Image, other("text", "image"))

const Document = Schema.Struct({
  type: Schema.Literal("document"),
  title: opt(Title),
  context: opt(Schema.String),
  citations: Citations,
  source: Schema.Union(
    Schema.Struct({ type: Schema.Literal("text"), data: Schema.String }),
    Schema.Struct({
      type: Schema.Literal("content"),
      content: Schema.Union(Schema.String, listOf(Inner, counts.parts))
    }),
    Base64,
    Url,
    File
  )
})

const ToolUse = Schema.Struct({
  type: Schema.Literal("tool_use"),
  id: Id,
  name: Name,
  input: Schema.optional(Schema.Unknown)
})

/** Says that a tool whose loading was put off is to be offered from here on. */
const ToolReference = Schema.Struct({ type: Schema.Literal("tool_reference"), tool_name: Name })

const RESULT = ["text", "image", "document", "search_result", "tool_reference"]
const ResultBlock = Schema.Union(Text, Image, Document, SearchResult, ToolReference, other(...RESULT))

const ToolResult = Schema.Struct({
  type: Schema.Literal("tool_result"),
  tool_use_id: Id,
  content: opt(Schema.Union(Schema.String, listOf(ResultBlock, counts.parts))),
  is_error: opt(Schema.Boolean)
})

/** A call that the service made by itself, as its answers have it. */
const ServerToolUse = Schema.Struct({
  type: Schema.Literal("server_tool_use", "mcp_tool_use"),
  id: Id,
  name: Name,
  input: Schema.optional(Schema.Unknown)
})

const SERVER_RESULT = [
  "web_search_tool_result",
  "web_fetch_tool_result",
  "tool_search_tool_result",
  "code_execution_tool_result",
  "bash_code_execution_tool_result",
  "text_editor_code_execution_tool_result",
  "advisor_tool_result",
  "mcp_tool_result"
] as const

/** What came of it. */
const ServerToolResult = Schema.Struct({
  type: Schema.Literal(...SERVER_RESULT),
  tool_use_id: Id,
  content: Schema.optional(Schema.Unknown),
  is_error: opt(Schema.Boolean)
})

const Thinking = Schema.Struct({ type: Schema.Literal("thinking", "redacted_thinking") })

const ContainerUpload = Schema.Struct({ type: Schema.Literal("container_upload"), file_id: Id })

/** A summary that stands for all before it. */
const Compaction = Schema.Struct({ type: Schema.Literal("compaction"), content: opt(Schema.String) })

/** From here on a tool is offered, or is not. */
const ToolChange = Schema.Struct({
  type: Schema.Literal("tool_addition", "tool_removal"),
  tool: Schema.Union(Schema.Struct({ type: Schema.Literal("tool_reference"), name: Name }), other("tool_reference"))
})

const KNOWN = [
  ...RESULT,
  ...SERVER_RESULT,
  ...["tool_use", "tool_result", "server_tool_use", "mcp_tool_use", "thinking", "redacted_thinking"],
  ...["container_upload", "compaction", "tool_addition", "tool_removal"]
]

const Block = Schema.Union(
  Text,
  Image,
  Document,
  SearchResult,
  ToolReference,
  ToolUse,
  ToolResult,
  ServerToolUse,
  ServerToolResult,
  Thinking,
  ContainerUpload,
  Compaction,
  ToolChange,
  other(...KNOWN)
)
export type Block = typeof Block.Type
export type ResultBlock = typeof ResultBlock.Type
export type Known<T extends Block["type"]> = Extract<Block, { readonly type: T }>

const Message = Schema.Struct({
  role: Schema.Literal("user", "assistant", "system"),
  content: Schema.Union(Schema.String, listOf(Block, counts.parts))
})
export type Message = typeof Message.Type

// MCP servers use dots beside what the original rule allows.
const ToolName = Schema.String.pipe(Schema.pattern(/^[A-Za-z0-9_.-]{1,128}$/))

const isClientTool = (type: string) => ClientTools.familyOf(type) !== undefined

/** One of a kind that the API has a schema for, and the client the hands. */
const ClientTool = Schema.transform(
  Schema.Struct({
    type: Word.pipe(Schema.filter(isClientTool, { jsonSchema: {} })),
    name: ToolName,
    display_width_px: opt(Schema.Number),
    display_height_px: opt(Schema.Number),
    enable_zoom: opt(Schema.Boolean),
    max_characters: opt(Schema.Number),
    strict: opt(Schema.Boolean),
    defer_loading: opt(Schema.Boolean)
  }),
  Schema.Struct({
    type: Schema.Literal("client"),
    kind: Schema.String,
    name: Schema.String,
    display_width_px: opt(Schema.Number),
    display_height_px: opt(Schema.Number),
    enable_zoom: opt(Schema.Boolean),
    max_characters: opt(Schema.Number),
    strict: opt(Schema.Boolean),
    defer_loading: opt(Schema.Boolean)
  }),
  {
    strict: true,
    decode: ({ type, ...tool }) => ({ ...tool, type: "client" as const, kind: type }),
    encode: ({ kind, type: _, ...tool }) => ({ ...tool, type: kind })
  }
)

const CustomTool = Schema.Struct({
  type: opt(Schema.Literal("custom")),
  name: ToolName,
  description: opt(Description),
  input_schema: Loose,
  strict: opt(Schema.Boolean),
  /** It is offered once a `tool_reference` names it. */
  defer_loading: opt(Schema.Boolean)
})

const hosted = {
  max_uses: opt(some),
  allowed_domains: opt(listOf(Title, counts.calls)),
  blocked_domains: opt(listOf(Title, counts.calls)),
  user_location: Schema.optional(Schema.Unknown)
}

/** What neither is one the client runs is the hosted service's own. */
const HostedTool = Schema.transform(
  Schema.Struct({
    type: Word.pipe(Schema.filter((type) => type !== "custom" && !isClientTool(type), { jsonSchema: {} })),
    ...hosted
  }),
  Schema.Struct({ type: Schema.Literal("hosted"), kind: Schema.String, ...hosted }),
  {
    strict: true,
    decode: ({ type, ...tool }) => ({ ...tool, type: "hosted" as const, kind: type }),
    encode: ({ kind, type: _, ...tool }) => ({ ...tool, type: kind })
  }
)

const Tool = Schema.Union(CustomTool, ClientTool, HostedTool)
export type Tool = typeof Tool.Type

const parallel = { disable_parallel_tool_use: opt(Schema.Boolean) }
const ToolChoice = Schema.Union(
  Schema.Struct({ type: Schema.Literal("auto", "any"), ...parallel }),
  Schema.Struct({ type: Schema.Literal("tool"), name: Name, ...parallel }),
  Schema.Struct({ type: Schema.Literal("none") })
)
export type ToolChoice = typeof ToolChoice.Type

const Tokens = Schema.Struct({ type: Schema.Literal("input_tokens"), value: some })
const Names = listOf(Name, counts.parts)

const ClearToolUses = Schema.Struct({
  type: Schema.Literal("clear_tool_uses_20250919"),
  trigger: opt(Schema.Union(Tokens, Schema.Struct({ type: Schema.Literal("tool_uses"), value: some }))),
  keep: opt(Schema.Struct({ type: Schema.Literal("tool_uses"), value: amount })),
  clear_at_least: opt(Tokens),
  exclude_tools: opt(Names),
  clear_tool_inputs: opt(Schema.Union(Schema.Boolean, Names))
})

const ClearThinking = Schema.Struct({
  type: Schema.Literal("clear_thinking_20251015"),
  keep: opt(
    Schema.Union(
      Schema.Literal("all"),
      Schema.Struct({ type: Schema.Literal("all") }),
      Schema.Struct({ type: Schema.Literal("thinking_turns"), value: some })
    )
  )
})

const ContextManagement = Schema.Struct({
  edits: opt(
    listOf(
      Schema.Union(ClearToolUses, ClearThinking, other("clear_tool_uses_20250919", "clear_thinking_20251015")),
      counts.words
    )
  )
})
export type ContextManagement = typeof ContextManagement.Type

const Format = Schema.Struct({ type: Schema.Literal("json_schema"), schema: Loose })

const counted = {
  model: Schema.String.pipe(Schema.minLength(1), Schema.maxLength(256)),
  messages: Schema.Array(Message).pipe(Schema.minItems(1), Schema.maxItems(100_000)),
  system: opt(Schema.Union(Schema.String, listOf(Schema.Union(Text, other("text")), counts.parts))),
  tools: opt(Schema.Array(Tool).pipe(Schema.maxItems(1024))),
  tool_choice: opt(ToolChoice),
  thinking: opt(Schema.Struct({ type: Word, display: opt(Word) })),
  output_config: opt(Schema.Struct({ effort: opt(Word), format: opt(Format) })),
  /** The name of `output_config.format` before it had one. */
  output_format: opt(Format),
  /** Applied before the conversation is rendered. */
  context_management: opt(ContextManagement)
}

/** What is counted: the same without how it is to be answered. */
export const CountTokensRequest = Schema.Struct(counted).annotations({ identifier: "CountTokensRequest" })
export type CountTokensRequest = typeof CountTokensRequest.Type

export const MessagesRequest = Schema.Struct({
  ...counted,
  max_tokens: Schema.Int.pipe(Schema.between(1, Number.MAX_SAFE_INTEGER)),
  stop_sequences: opt(listOf(Stop, 64)),
  stream: opt(Schema.Boolean),
  temperature: opt(unit),
  top_p: opt(unit),
  top_k: opt(Schema.Int.pipe(Schema.between(0, Number.MAX_SAFE_INTEGER))),
  metadata: opt(Schema.Struct({ user_id: opt(Label) }))
}).annotations({ identifier: "MessagesRequest" })
export type MessagesRequest = typeof MessagesRequest.Type

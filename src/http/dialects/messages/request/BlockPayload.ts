/**
 * Schemas of messages and their blocks. Blocks of an unknown kind are accepted, and left out later.
 */
import { Schema } from "effect"
import { counts, Id, listOf, Name, Title, Word } from "../../../chat/TextLimits.ts"
import { opt, other } from "./PayloadWords.ts"

export const Text = Schema.Struct({ type: Schema.Literal("text"), text: Schema.String })

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

/** Content of a document whose source is `content`: text and pictures. */
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

/** From here on, the deferred tool is offered. */
const ToolReference = Schema.Struct({ type: Schema.Literal("tool_reference"), tool_name: Name })

const RESULT = ["text", "image", "document", "search_result", "tool_reference"]
const ResultBlock = Schema.Union(Text, Image, Document, SearchResult, ToolReference, other(...RESULT))

const ToolResult = Schema.Struct({
  type: Schema.Literal("tool_result"),
  tool_use_id: Id,
  content: opt(Schema.Union(Schema.String, listOf(ResultBlock, counts.parts))),
  is_error: opt(Schema.Boolean)
})

/** A call of a tool that the service ran, as in its answers. */
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

/** Its result. */
const ServerToolResult = Schema.Struct({
  type: Schema.Literal(...SERVER_RESULT),
  tool_use_id: Id,
  content: Schema.optional(Schema.Unknown),
  is_error: opt(Schema.Boolean)
})

const Thinking = Schema.Struct({ type: Schema.Literal("thinking", "redacted_thinking") })

const ContainerUpload = Schema.Struct({ type: Schema.Literal("container_upload"), file_id: Id })

/** A summary that replaces everything before it. */
const Compaction = Schema.Struct({ type: Schema.Literal("compaction"), content: opt(Schema.String) })

/** Adds or removes an offered tool from here on. */
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

export const Message = Schema.Struct({
  role: Schema.Literal("user", "assistant", "system"),
  content: Schema.Union(Schema.String, listOf(Block, counts.parts))
})
export type Message = typeof Message.Type

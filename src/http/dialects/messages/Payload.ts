/**
 * The body of a Messages request: every field that matters, with its type and limits.
 *
 * Liberal on purpose: unknown fields are ignored, optional ones may be `null`, and a block, a tool or a word of a kind
 * that nobody knows yet is taken, to be left out later.
 */
import { Schema } from "effect"
import { counts, Description, Id, Label, listOf, Name, Stop, Title, Word } from "../../chat/TextLimits.ts"

const opt = <A, I>(schema: Schema.Schema<A, I>) => Schema.optional(Schema.NullOr(schema))
const unit = Schema.Number.pipe(Schema.between(0, 1))
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

const SearchResult = Schema.Struct({
  type: Schema.Literal("search_result"),
  source: Title,
  title: Title,
  content: listOf(Text, counts.parts)
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

const RESULT = ["text", "image", "document", "search_result"]
const ResultBlock = Schema.Union(Text, Image, Document, SearchResult, other(...RESULT))

const ToolResult = Schema.Struct({
  type: Schema.Literal("tool_result"),
  tool_use_id: Id,
  content: opt(Schema.Union(Schema.String, listOf(ResultBlock, counts.parts))),
  is_error: opt(Schema.Boolean)
})

const Block = Schema.Union(
  Text,
  Image,
  Document,
  SearchResult,
  ToolUse,
  ToolResult,
  other(...RESULT, "tool_use", "tool_result")
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

/** One without a type, or of type `custom`, is run by the client; the others are the hosted service's own. */
const Tool = Schema.Union(
  Schema.Struct({
    type: opt(Schema.Literal("custom")),
    name: ToolName,
    description: opt(Description),
    input_schema: Loose,
    strict: opt(Schema.Boolean)
  }),
  other("custom")
)
export type Tool = typeof Tool.Type

const parallel = { disable_parallel_tool_use: opt(Schema.Boolean) }
const ToolChoice = Schema.Union(
  Schema.Struct({ type: Schema.Literal("auto", "any"), ...parallel }),
  Schema.Struct({ type: Schema.Literal("tool"), name: Name, ...parallel }),
  Schema.Struct({ type: Schema.Literal("none") })
)
export type ToolChoice = typeof ToolChoice.Type

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
  output_format: opt(Format)
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

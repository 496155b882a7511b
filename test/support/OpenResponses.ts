/**
 * The shapes that the Open Responses specification (2026-04-24) gives responses, their items and their events, and what
 * is wrong with a value by them. Fields beside those it names are allowed, as it allows them.
 */
import { ParseResult, Schema } from "effect"

const text = Schema.String
const whole = Schema.Int
const list = Schema.Array
const nullable = Schema.NullOr
const loose = Schema.Record({ key: text, value: Schema.Unknown })
/** May be missing, and is not null. */
const optional = <A, I>(schema: Schema.Schema<A, I>) => Schema.optionalWith(schema, { exact: true })
const typed = <T extends string, F extends Schema.Struct.Fields>(type: T, fields: F) =>
  Schema.Struct({ type: Schema.Literal(type), ...fields })

const LogProb = Schema.Struct({ token: text, logprob: Schema.Number, bytes: list(whole), top_logprobs: list(loose) })
const Citation = typed("url_citation", { url: text, start_index: whole, end_index: whole, title: text })
const Part = Schema.Union(
  typed("input_text", { text }),
  typed("output_text", { text, annotations: list(Citation), logprobs: optional(list(LogProb)) }),
  typed("text", { text }),
  typed("summary_text", { text }),
  typed("reasoning_text", { text }),
  typed("refusal", { refusal: text }),
  typed("input_image", { image_url: nullable(text), detail: Schema.Literal("low", "high", "auto") }),
  typed("input_file", { filename: optional(text), file_url: optional(text) })
)

const Status = Schema.Literal("in_progress", "completed", "incomplete")
/** Of every item, by the rules for extensions: its kind, its id and where it stands. */
const item = <T extends string, F extends Schema.Struct.Fields>(type: T, fields: F) =>
  typed(type, { id: text, status: Status, ...fields })
export const Item = Schema.Union(
  item("message", {
    role: Schema.Literal("user", "assistant", "system", "developer"),
    content: list(Part),
    phase: optional(Schema.Literal("commentary", "final_answer"))
  }),
  item("function_call", { call_id: text, name: text, arguments: text }),
  item("function_call_output", { call_id: text, output: Schema.Union(text, list(Part)) }),
  item("reasoning", { summary: list(Part), content: optional(list(Part)), encrypted_content: optional(text) }),
  item("compaction", { encrypted_content: text, created_by: optional(text) })
)

const Choice = Schema.Literal("none", "auto", "required")
const Named = typed("function", { name: optional(text) })
const Format = Schema.Union(
  typed("text", {}),
  typed("json_object", {}),
  typed("json_schema", { name: text, description: nullable(text), schema: loose, strict: Schema.Boolean })
)
const Effort = Schema.Literal("none", "minimal", "low", "medium", "high", "xhigh")
const Usage = Schema.Struct({
  input_tokens: whole,
  output_tokens: whole,
  total_tokens: whole,
  input_tokens_details: Schema.Struct({ cached_tokens: whole }),
  output_tokens_details: Schema.Struct({ reasoning_tokens: whole })
})

export const Response = Schema.Struct({
  id: text,
  object: Schema.Literal("response"),
  created_at: whole,
  completed_at: nullable(whole),
  status: text,
  incomplete_details: nullable(Schema.Struct({ reason: text })),
  model: text,
  previous_response_id: nullable(text),
  instructions: nullable(text),
  output: list(Item),
  error: nullable(Schema.Struct({ code: text, message: text })),
  tools: list(
    typed("function", {
      name: text,
      description: nullable(text),
      parameters: nullable(loose),
      strict: nullable(Schema.Boolean)
    })
  ),
  tool_choice: Schema.Union(Named, Choice, typed("allowed_tools", { tools: list(Named), mode: Choice })),
  truncation: Schema.Literal("auto", "disabled"),
  parallel_tool_calls: Schema.Boolean,
  text: Schema.Struct({ format: Format, verbosity: optional(Schema.Literal("low", "medium", "high")) }),
  top_p: Schema.Number,
  presence_penalty: Schema.Number,
  frequency_penalty: Schema.Number,
  top_logprobs: whole,
  temperature: Schema.Number,
  reasoning: nullable(
    Schema.Struct({
      effort: nullable(Effort),
      summary: nullable(Schema.Literal("concise", "detailed", "auto"))
    })
  ),
  usage: nullable(Usage),
  max_output_tokens: nullable(whole),
  max_tool_calls: nullable(whole),
  store: Schema.Boolean,
  background: Schema.Boolean,
  service_tier: text,
  metadata: Schema.Unknown,
  safety_identifier: nullable(text),
  prompt_cache_key: nullable(text)
})

export const Compacted = Schema.Struct({
  id: text,
  object: Schema.Literal("response.compaction"),
  output: list(Item),
  created_at: whole,
  usage: Usage
})

const event = <T extends string, F extends Schema.Struct.Fields>(type: T, fields: F) =>
  typed(type, { sequence_number: whole, ...fields })
const ofResponse = { response: Response }
const ofItem = { output_index: whole, item: nullable(Item) }
const place = { item_id: text, output_index: whole }
const inContent = { ...place, content_index: whole }
const inSummary = { ...place, summary_index: whole }
const logprobs = optional(list(LogProb))
export const Event = Schema.Union(
  event("response.created", ofResponse),
  event("response.queued", ofResponse),
  event("response.in_progress", ofResponse),
  event("response.completed", ofResponse),
  event("response.failed", ofResponse),
  event("response.incomplete", ofResponse),
  event("response.output_item.added", ofItem),
  event("response.output_item.done", ofItem),
  event("response.reasoning_summary_part.added", { ...inSummary, part: Part }),
  event("response.reasoning_summary_part.done", { ...inSummary, part: Part }),
  event("response.reasoning_summary_text.delta", { ...inSummary, delta: text }),
  event("response.reasoning_summary_text.done", { ...inSummary, text }),
  event("response.content_part.added", { ...inContent, part: Part }),
  event("response.content_part.done", { ...inContent, part: Part }),
  event("response.output_text.delta", { ...inContent, delta: text, logprobs }),
  event("response.output_text.done", { ...inContent, text, logprobs }),
  event("response.output_text.annotation.added", { ...inContent, annotation_index: whole, annotation: Citation }),
  event("response.refusal.delta", { ...inContent, delta: text }),
  event("response.refusal.done", { ...inContent, refusal: text }),
  event("response.reasoning.delta", { ...inContent, delta: text }),
  event("response.reasoning.done", { ...inContent, text }),
  event("response.function_call_arguments.delta", { ...place, delta: text }),
  event("response.function_call_arguments.done", { ...place, arguments: text })
)

/** A failure over a WebSocket. */
export const SocketError = typed("error", {
  status: whole,
  error: Schema.Struct({
    type: optional(text),
    code: text,
    message: text,
    param: optional(nullable(text))
  })
})

/** What is wrong with a value, each by its place; nothing where all is right. */
export const faults = <A, I>(schema: Schema.Schema<A, I>, value: unknown): ReadonlyArray<string> => {
  const read = ParseResult.decodeUnknownEither(schema, { errors: "all" })(value)
  return read._tag === "Right"
    ? []
    : ParseResult.ArrayFormatter.formatIssueSync(read.left).map(({ message, path }) => `${path.join(".")}: ${message}`)
}

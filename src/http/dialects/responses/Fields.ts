/**
 * How each field of a `/v1/responses` request is supported.
 */
import type { Dialect, Fields } from "../../chat/FieldSupport.ts"
import { limits, type ResponsesRequest } from "./request/Payload.ts"

const honoured = { class: "honoured" } as const
const emulated = { class: "emulated" } as const
const ignored = { class: "ignored" } as const
const refused = { class: "refused" } as const

const fields: Fields<ResponsesRequest> = {
  model: honoured,
  input: {
    ...honoured,
    refused: "parts of type input_file and input_audio, references to items that are not held",
    note: "reasoning items are not sent upstream; items of tools that OpenAI runs itself are told to the model as a short mark; items and parts of unknown kinds are named in the header as input.kind and input.content.kind"
  },
  instructions: honoured,
  stream: honoured,
  stream_options: { ...honoured, refused: "without stream", note: "include_obfuscation is ignored" },
  tools: {
    ...emulated,
    note: "function, custom, namespace, tool_search, local_shell, shell and apply_patch; all other kinds are named in the header as tools.kind, and the model is told that they are missing. The grammar of a custom tool is told to the model, not enforced; async, output_schema and allowed_callers are named; defer_loading is as if it were not there"
  },
  tool_choice: { ...emulated, refused: "tools that are not among tools, or that OpenAI runs itself" },
  parallel_tool_calls: emulated,
  max_output_tokens: emulated,
  max_tool_calls: ignored,
  temperature: ignored,
  top_p: ignored,
  presence_penalty: ignored,
  frequency_penalty: ignored,
  top_logprobs: { ...honoured, refused: "more than 0" },
  text: { ...emulated, note: "verbosity is ignored" },
  reasoning: { ...emulated, note: "effort chooses a model where MODEL_ALIASES says so; thoughts are always told" },
  include: ignored,
  metadata: { ...honoured, note: "repeated in the response" },
  store: { ...honoured, note: "kept in memory, the last ones; false with RESPONSES_STORE=0" },
  previous_response_id: { ...honoured, refused: "what is not held" },
  conversation: { ...honoured, refused: "what is not held", note: "kept in memory, as responses are" },
  prompt: refused,
  background: { ...honoured, refused: "true" },
  truncation: ignored,
  service_tier: ignored,
  user: { ...honoured, note: "ties requests to one instance" },
  safety_identifier: { ...honoured, note: "as user, where there is none" },
  prompt_cache_key: { ...honoured, note: "ties requests to one instance" },
  prompt_cache_options: ignored,
  prompt_cache_retention: ignored,
  moderation: ignored,
  context_management: ignored
}

export const support: Dialect = { path: "/v1/responses", fields, limits }

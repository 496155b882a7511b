/**
 * Support for each field of a chat completion request.
 */
import type { Dialect, Fields } from "../../chat/FieldSupport.ts"
import { type ChatCompletionRequest, limits } from "./Payload.ts"

const honoured = { class: "honoured" } as const
const emulated = { class: "emulated" } as const
const ignored = { class: "ignored" } as const

const fields: Fields<ChatCompletionRequest> = {
  model: honoured,
  messages: { ...honoured, refused: "parts of type input_audio and file" },
  stream: honoured,
  stream_options: { ...honoured, refused: "without stream", note: "include_obfuscation is ignored" },
  temperature: ignored,
  top_p: ignored,
  frequency_penalty: ignored,
  presence_penalty: ignored,
  n: { ...honoured, refused: "more than 1" },
  stop: { ...emulated, refused: "empty strings" },
  max_tokens: { ...emulated, note: "thoughts count, except with REASONING_FIELD=none" },
  max_completion_tokens: { ...emulated, note: "as max_tokens" },
  logprobs: { ...honoured, refused: "true" },
  top_logprobs: { ...honoured, refused: "more than 0" },
  logit_bias: ignored,
  seed: ignored,
  user: { ...honoured, note: "ties requests to one instance" },
  safety_identifier: { ...honoured, note: "as user, where there is none" },
  prompt_cache_key: { ...honoured, note: "ties requests to one instance" },
  prompt_cache_options: ignored,
  prompt_cache_retention: ignored,
  metadata: ignored,
  store: ignored,
  modalities: { ...honoured, refused: "audio" },
  audio: { class: "refused" },
  prediction: ignored,
  reasoning_effort: { ...emulated, note: "chooses a model where MODEL_ALIASES says so" },
  verbosity: ignored,
  service_tier: ignored,
  moderation: ignored,
  web_search_options: { ...ignored, note: "the model is told that there is no search" },
  response_format: emulated,
  tools: {
    ...emulated,
    note: "those that OpenAI runs itself are named in the header as tools.kind, and the model is told that they are missing. The grammar of a custom tool is told to the model, not enforced"
  },
  tool_choice: { ...emulated, refused: "tools that are not among tools, or that OpenAI runs itself" },
  parallel_tool_calls: emulated,
  functions: { ...emulated, refused: "beside tools" },
  function_call: { ...emulated, refused: "beside tools" }
}

export const support: Dialect = { path: "/v1/chat/completions", fields, limits }

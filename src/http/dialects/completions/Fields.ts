/**
 * Support for each field of a text completion request.
 */
import type { Dialect, Fields } from "../../chat/FieldSupport.ts"
import { type CompletionRequest, limits } from "./Payload.ts"

const honoured = { class: "honoured" } as const
const emulated = { class: "emulated" } as const
const ignored = { class: "ignored" } as const

const fields: Fields<CompletionRequest> = {
  model: honoured,
  prompt: { ...honoured, refused: "several texts, tokens", note: "asked as one message of the user" },
  suffix: { class: "refused", note: "an empty one is taken" },
  echo: honoured,
  stream: honoured,
  stream_options: { ...honoured, refused: "without stream", note: "include_obfuscation is ignored" },
  stop: { ...emulated, refused: "empty strings" },
  max_tokens: { ...emulated, note: "no limit unless it is given: OpenAI's is 16 then" },
  n: { ...honoured, refused: "more than 1" },
  best_of: { ...honoured, refused: "more than 1" },
  logprobs: { class: "refused" },
  temperature: ignored,
  top_p: ignored,
  frequency_penalty: ignored,
  presence_penalty: ignored,
  logit_bias: ignored,
  seed: ignored,
  user: { ...honoured, note: "ties requests to one instance" }
}

export const support: Dialect = { path: "/v1/completions", fields, limits }

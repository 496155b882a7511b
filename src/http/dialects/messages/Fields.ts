/**
 * What becomes of each field of a Messages request.
 */
import type { Dialect, Fields } from "../../chat/FieldSupport.ts"
import type { MessagesRequest } from "./Payload.ts"

const honoured = { class: "honoured" } as const
const emulated = { class: "emulated" } as const
const ignored = { class: "ignored" } as const

const fields: Fields<MessagesRequest> = {
  model: honoured,
  messages: {
    ...honoured,
    refused: "images by file_id",
    note: "earlier thoughts, and blocks and documents that are no text, are left out"
  },
  system: honoured,
  max_tokens: { ...emulated, note: "thoughts count where they are shown" },
  stop_sequences: { ...emulated, refused: "empty strings" },
  stream: honoured,
  temperature: ignored,
  top_p: ignored,
  top_k: ignored,
  metadata: { ...honoured, note: "user_id ties requests to one instance" },
  tools: { ...emulated, note: "tools of the hosted service are left out" },
  tool_choice: emulated,
  thinking: { ...honoured, note: "whether thoughts are part of the answer; budget_tokens is ignored" },
  output_config: { ...emulated, note: "format; effort chooses a model where MODEL_ALIASES says so" },
  output_format: emulated
}

export const dialect: Dialect = { path: "/v1/messages", fields, limits: {} }

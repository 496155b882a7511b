/**
 * How each field of a Messages request is supported.
 */
import type { Dialect, Fields } from "../../chat/FieldSupport.ts"
import type { MessagesRequest } from "./request/Payload.ts"

const honoured = { class: "honoured" } as const
const emulated = { class: "emulated" } as const
const ignored = { class: "ignored" } as const

const fields: Fields<MessagesRequest> = {
  model: honoured,
  messages: {
    ...honoured,
    refused: "files by file_id, documents by address, citations",
    note: "PDFs as their text; the last may be the answer's beginning; a model is not shown its earlier thoughts; blocks of unknown kinds are named"
  },
  system: honoured,
  max_tokens: { ...emulated, note: "thoughts count where they are shown" },
  stop_sequences: { ...emulated, refused: "empty strings" },
  stream: honoured,
  temperature: ignored,
  top_p: ignored,
  top_k: ignored,
  metadata: { ...honoured, note: "user_id ties requests to one instance" },
  tools: {
    ...emulated,
    note: "also those with built-in schemas, deferred ones, web_search with WEB_SEARCH_URL and web_fetch with WEB_FETCH; others of the hosted service are named"
  },
  tool_choice: emulated,
  thinking: { ...honoured, note: "whether thoughts are part of the answer; budget_tokens is ignored" },
  output_config: { ...emulated, note: "format; effort chooses a model where MODEL_ALIASES says so" },
  output_format: emulated,
  context_management: { ...emulated, note: "clear_tool_uses and clear_thinking; other edits are named" }
}

export const support: Dialect = { path: "/v1/messages", fields, limits: {} }

/**
 * Chats that have ended, as rows: the last ones from memory, older ones from the ledger.
 */
import { Schema } from "effect"

const described = (description: string) => ({ description })
const Text = Schema.NullOr(Schema.String)
const Millis = Schema.NullOr(Schema.Number)

export const outcomes = ["completed", "failed", "cancelled", "rejected"] as const

/** Rows of one page: usual and most. */
export const PAGE = { usual: 100, most: 500 } as const

export const ChatRow = Schema.Struct({
  id: Schema.String,
  request_id: Schema.String,
  ended_at: Schema.String.annotations(described("A date with a time, in UTC")),
  key: Schema.String,
  client: Schema.String,
  dialect: Schema.String,
  stream: Schema.Boolean,
  model_asked: Schema.String,
  model: Text.annotations(described("Null where no answer began")),
  instance: Text,
  account: Text.annotations(described("Masked")),
  outcome: Schema.Literal(...outcomes),
  error_code: Text,
  error: Text.annotations(described("What went wrong, in words for administrators")),
  prompt_tokens: Schema.Int,
  completion_tokens: Schema.Int,
  reasoning_tokens: Schema.Int.annotations(described("Part of the completion tokens")),
  usage_source: Schema.NullOr(Schema.Literal("reported", "estimated")),
  queue_ms: Millis.annotations(described("Null where it got no slot")),
  login_ms: Millis.annotations(
    described("Until its instance was connected and signed in; null where that was not needed or is not known")
  ),
  first_token_ms: Millis.annotations(described("Since its arrival")),
  total_ms: Schema.Number,
  retries: Schema.Int,
  tool_calls: Schema.Int
}).annotations({ identifier: "ChatRow" })
export type ChatRow = typeof ChatRow.Type

export const ChatList = Schema.Struct({
  object: Schema.Literal("list"),
  data: Schema.Array(ChatRow).annotations(described("The newest first")),
  next: Text.annotations(
    described("`before` of the next page; null at the end. A page may be short, or empty, and still have a next one")
  ),
  searched_until: Text.annotations(described("The time of the oldest row that was looked at")),
  ledger: Schema.Literal("kept", "memory", "none", "unavailable").annotations(
    described("Where older rows are: in the database, in memory until the process ends, nowhere, or not to be read now")
  )
}).annotations({ identifier: "ChatList" })

export const ChatStopped = Schema.Struct({
  ok: Schema.Literal(true),
  id: Schema.String,
  state: Schema.Literal("stopped")
}).annotations({ identifier: "ChatStopped" })

export const InstanceRetried = Schema.Struct({
  ok: Schema.Literal(true),
  instance: Schema.String,
  state: Schema.Literal("trying")
}).annotations({ identifier: "InstanceRetried" })

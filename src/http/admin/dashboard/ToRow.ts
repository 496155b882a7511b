/**
 * A chat that has ended as administrators see it: from memory or from the ledger, in the same words.
 */
import type * as Rows from "../../../team/ledger/Rows.ts"
import { type ChatRow, outcomes } from "./ChatRow.ts"

const outcomeOf = (text: string) => outcomes.find((outcome) => outcome === text) ?? "cancelled"

export const toRow = (row: Rows.ChatRow): ChatRow => ({
  id: row.id,
  request_id: row.requestId,
  ended_at: new Date(row.endedAt).toISOString(),
  key: row.keyName,
  client: row.client,
  dialect: row.dialect,
  stream: row.isStream !== 0,
  model_asked: row.modelAsked,
  model: row.model,
  instance: row.instance,
  account: row.account,
  outcome: outcomeOf(row.outcome),
  error_code: row.errorCode,
  error: row.error,
  prompt_tokens: row.promptTokens,
  completion_tokens: row.completionTokens,
  reasoning_tokens: row.reasoningTokens,
  usage_source: row.usageSource === "reported" || row.usageSource === "estimated" ? row.usageSource : null,
  queue_ms: row.queueMs,
  login_ms: row.loginMs,
  first_token_ms: row.firstTokenMs,
  total_ms: row.totalMs,
  retries: row.retries,
  tool_calls: row.toolCalls
})

/**
 * Chats for a ledger, and the ledger over a database that a test chooses.
 */
import * as SqlClient from "@effect/sql/SqlClient"
import { Effect, Layer } from "effect"
import type { DatabaseUrl } from "../../src/config/DatabaseUrl.ts"
import { type Answered, type ChatRecord, Metrics } from "../../src/observe/Metrics.ts"
import * as Database from "../../src/team/database/Database.ts"
import { Ledger, type LedgerOptions } from "../../src/team/ledger/Ledger.ts"

export const answer: Answered = {
  instance: "inst-0",
  model: "qwen",
  mode: "chat",
  firstTokenMillis: 20.123,
  promptTokens: 7,
  completionTokens: 30,
  reasoningTokens: 10,
  isReported: true,
  toolCalls: 1,
  pieces: 5
}

let made = 0
export const chat = (more: Partial<ChatRecord> = {}): ChatRecord => ({
  id: `chat-${++made}`,
  endedAt: Date.now(),
  dialect: "messages",
  stream: true,
  requestId: "req-1",
  caller: { id: "k1", name: "ann", weight: 1 },
  client: "curl",
  modelAsked: "auto",
  outcome: "completed",
  errorCode: undefined,
  error: undefined,
  instance: "inst-0",
  account: "ann@example.com",
  retries: 0,
  answer,
  queueMillis: 1.5,
  loginMillis: undefined,
  millis: 100,
  ...more
})

export const memory: DatabaseUrl = { _tag: "Memory" }

export const layer = (url: DatabaseUrl = memory, options: Partial<LedgerOptions> = {}) =>
  Ledger.layer({ zone: "UTC", days: 90, interval: "5 millis", ...options }).pipe(
    Layer.provideMerge(Metrics.layer),
    Layer.provideMerge(Layer.orDie(Database.layer(url, { workDir: "/nowhere", isServing: true })))
  )

export const count = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const [chats] = yield* sql<{ readonly n: number }>`SELECT COUNT(*) AS n FROM chats`
  const [hours] = yield* sql<{ readonly n: number }>`SELECT COALESCE(SUM(requests), 0) AS n FROM usage_hours`
  const [days] = yield* sql<{ readonly n: number }>`SELECT COALESCE(SUM(requests), 0) AS n FROM usage_days`
  return [chats, hours, days].map((row) => Number(row?.n))
})

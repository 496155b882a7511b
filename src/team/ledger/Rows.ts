/**
 * A chat as a row of the ledger, and the sums of many; no content, no key and no account by its full name.
 */
import { createHash } from "node:crypto"
import { redact } from "../../domain/Redact.ts"
import type { Days } from "../../domain/usage/Days.ts"
import * as ChatSpan from "../../observe/ChatSpan.ts"
import type { ChatRecord } from "../../observe/Metrics.ts"

/** Columns of `chats`, as the client writes them. */
export interface ChatRow {
  readonly id: string
  readonly requestId: string
  readonly endedAt: number
  readonly host: string
  readonly keyId: string
  readonly keyName: string
  readonly client: string
  readonly dialect: string
  readonly isStream: number
  readonly modelAsked: string
  readonly model: string | null
  readonly instance: string | null
  readonly account: string | null
  readonly outcome: string
  readonly errorCode: string | null
  readonly error: string | null
  readonly promptTokens: number
  readonly completionTokens: number
  readonly reasoningTokens: number
  readonly usageSource: string | null
  readonly queueMs: number | null
  readonly loginMs: number | null
  readonly firstTokenMs: number | null
  readonly totalMs: number
  readonly retries: number
  readonly toolCalls: number
}

/** What stands for a model or an account where there is none. */
export const NONE = "none"

/** Enough of an account's name to know it again, and no more. */
export const masked = (account: string): string =>
  `${ChatSpan.plain(account.slice(0, 2))}…${createHash("sha256").update(account).digest("hex").slice(0, 6)}`

/** Names come from outside: one that the database refuses would stop all that wait behind it. */
const name = (text: string, longest = 128) =>
  text
    .replace(/\p{Cc}/gu, " ")
    .slice(0, longest)
    .toWellFormed()
/** Max characters of what went wrong. */
const LONGEST_ERROR = 300
/** One that a client made up. */
const madeUp = (text: string) => ChatSpan.plain(redact(text, 128))
/** No figure is larger; the columns take no more than whole numbers of 64 bits. */
const MOST = 1e12
/** A whole number of what an upstream may report as anything. */
export const count = (n: number) => (Number.isFinite(n) ? Math.min(Math.max(0, Math.round(n)), MOST) : 0)
const millis = (n: number) => (Number.isFinite(n) ? Math.max(0, Math.round(n * 100) / 100) : 0)

export const of = (chat: ChatRecord, host: string): ChatRow => {
  const { account, answer, caller, errorCode, instance, queueMillis } = chat
  return {
    id: chat.id,
    requestId: chat.requestId,
    endedAt: chat.endedAt,
    host: name(host),
    keyId: name(caller.id),
    keyName: name(caller.name),
    client: chat.client,
    dialect: chat.dialect,
    isStream: chat.stream ? 1 : 0,
    modelAsked: madeUp(chat.modelAsked),
    model: answer === undefined ? null : name(answer.model),
    instance: instance === undefined ? null : name(instance),
    account: account === undefined ? null : masked(account),
    outcome: chat.outcome,
    errorCode: errorCode ?? null,
    error: chat.error === undefined ? null : name(chat.error, LONGEST_ERROR),
    promptTokens: count(answer?.promptTokens ?? 0),
    completionTokens: count(answer?.completionTokens ?? 0),
    reasoningTokens: count(answer?.reasoningTokens ?? 0),
    usageSource: answer === undefined ? null : answer.isReported ? "reported" : "estimated",
    queueMs: queueMillis === undefined ? null : millis(queueMillis),
    loginMs: chat.loginMillis === undefined ? null : millis(chat.loginMillis),
    firstTokenMs: answer === undefined ? null : millis(answer.firstTokenMillis),
    totalMs: millis(chat.millis),
    retries: chat.retries,
    toolCalls: answer?.toolCalls ?? 0
  }
}

/** Figures that are added up; the columns of `usage_hours` and `usage_days`. */
export interface Sums {
  requests: number
  completed: number
  failed: number
  cancelled: number
  rejected: number
  /** Those whose tokens are estimates. */
  estimated: number
  promptTokens: number
  completionTokens: number
  reasoningTokens: number
}
export type Figures = Readonly<Sums>

export const zero = (): Sums => ({
  requests: 0,
  completed: 0,
  failed: 0,
  cancelled: 0,
  rejected: 0,
  estimated: 0,
  promptTokens: 0,
  completionTokens: 0,
  reasoningTokens: 0
})
export const figures = Object.keys(zero()) as ReadonlyArray<keyof Sums>

/** What they are added up by, beside the time. */
export interface By {
  readonly keyId: string
  readonly keyName: string
  readonly model: string
  readonly account: string
  readonly client: string
}

type Sum<T> = By & T & Sums

const HOUR = 3_600_000
export const hourOf = (endedAt: number): number => Math.floor(endedAt / HOUR) * HOUR

/** In one order, so that gateways that add to the same rows do not wait for each other in a circle. */
const summed = <T extends { readonly startedAt: number } | { readonly day: string }>(
  rows: ReadonlyArray<ChatRow>,
  timeOf: (row: ChatRow) => T
): ReadonlyArray<Sum<T>> => {
  const sums = new Map<string, Sum<T>>()
  for (const row of rows) {
    const time = timeOf(row)
    const { client, keyId, keyName } = row
    const by: By = { keyId, keyName, model: row.model ?? NONE, account: row.account ?? NONE, client }
    const place = [...Object.values(time), keyId, keyName, by.model, by.account, client].join("\n")
    let sum = sums.get(place)
    if (sum === undefined) {
      sum = { ...time, ...by, ...zero() }
      sums.set(place, sum)
    }
    const one: Sums = sum
    one.requests++
    if (row.outcome === "completed") one.completed++
    else if (row.outcome === "failed") one.failed++
    else if (row.outcome === "rejected") one.rejected++
    else one.cancelled++
    if (row.usageSource === "estimated") one.estimated++
    one.promptTokens += row.promptTokens
    one.completionTokens += row.completionTokens
    one.reasoningTokens += row.reasoningTokens
  }
  return [...sums].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, sum]) => sum)
}

export const byHour = (rows: ReadonlyArray<ChatRow>) => summed(rows, ({ endedAt }) => ({ startedAt: hourOf(endedAt) }))
export const byDay = (rows: ReadonlyArray<ChatRow>, days: Days) =>
  summed(rows, ({ endedAt }) => ({ day: days.of(endedAt) }))

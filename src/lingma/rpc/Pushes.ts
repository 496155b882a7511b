/**
 * Decodes messages that Lingma initiates (pushes): their turn, their content, and the reply to send.
 *
 * Hand-written instead of a schema for speed, because one arrives per token.
 */

import { type ChatEvent, textDelta, thoughtDelta, usage } from "../../domain/Chat.ts"
import { isRecord } from "../../json/Json.ts"
import { requestIdKey, streamedKey } from "./Protocol.ts"

export type Json = Readonly<Record<string, unknown>>

export type Push =
  | { readonly _tag: "Event"; readonly event: ChatEvent }
  /** Replaces all text so far. */
  | { readonly _tag: "Overwrite"; readonly text: string }
  | { readonly _tag: "End"; readonly statusCode: number | undefined; readonly reason: string }
  | { readonly _tag: "Broken"; readonly detail: string }

const record = (value: unknown): Json | undefined => (isRecord(value) ? value : undefined)
const string = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined)
const count = (value: unknown): number | undefined =>
  typeof value === "number" && Number.isFinite(value) && value >= 0 ? value : undefined

const event = (value: ChatEvent): Push => ({ _tag: "Event", event: value })

export interface Address {
  readonly requestId: string | undefined
  readonly sessionId: string | undefined
  /** Replayed from an earlier turn. */
  readonly isReplayed: boolean
}

/** An empty id counts as missing. */
const named = (value: unknown): string | undefined => (value === "" ? undefined : string(value))

const isReplay = (meta: Json | undefined): boolean => meta?.[streamedKey] === false || meta?.["streamed"] === false

/** The turn of a push: by request id, else by session id. */
export const addressOf = (params: Json): Address => {
  const update = record(params["update"])
  const data = record(update?.["data"])
  const meta = record(params["_meta"])
  const inner = record(update?.["_meta"])
  return {
    requestId:
      named(meta?.[requestIdKey]) ??
      named(inner?.[requestIdKey]) ??
      named(params["requestId"]) ??
      named(data?.["requestId"]) ??
      named(record(params["result"])?.["requestId"]),
    sessionId: named(params["sessionId"]) ?? named(data?.["sessionId"]),
    isReplayed: isReplay(meta) || isReplay(inner)
  }
}

/** `{text}`, a list of those, or a string. */
const contentText = (content: unknown): string => {
  if (typeof content === "string") return content
  if (Array.isArray(content)) return content.map(contentText).join("")
  return string(record(content)?.["text"]) ?? ""
}

const finish = (data: Json): Push => ({
  _tag: "End",
  statusCode: typeof data["statusCode"] === "number" ? data["statusCode"] : undefined,
  reason: string(data["reason"]) ?? ""
})

const contextUsage = (data: Json): Push => {
  const contextTokens = count(data["usedTokens"])
  const contextLimit = count(data["limitTokens"])
  const inputTokens = count(data["promptTokens"])
  const outputTokens = count(data["completionTokens"])
  return event(
    usage({
      ...(inputTokens === undefined ? {} : { inputTokens }),
      ...(outputTokens === undefined ? {} : { outputTokens }),
      ...(contextTokens === undefined ? {} : { contextTokens }),
      ...(contextLimit === undefined ? {} : { contextLimit })
    })
  )
}

/** Known versions put the name in `type`; others may use another key, or none. */
const readNotification = (update: Json): Push | undefined => {
  const data = record(update["data"]) ?? update
  const names = [update["type"], ...Object.values(update), data["type"]]
  if (names.includes("chat_finish") || "statusCode" in data) return finish(data)
  return names.includes("context_usage") || "usedTokens" in data ? contextUsage(data) : undefined
}

const readUpdate = (update: Json): Push | undefined => {
  switch (update["sessionUpdate"]) {
    case "agent_message_chunk":
      return event(textDelta(contentText(update["content"])))
    case "agent_thought_chunk":
      return event(thoughtDelta(contentText(update["content"])))
    case "notification":
    case "chat_finish":
    case "context_usage":
      return readNotification(update)
    default:
      return undefined
  }
}

/** Whether the push concerns a session rather than a turn. */
export const isOfSession = (method: string, params: Json): boolean =>
  method === "session/update" && record(params["update"])?.["sessionUpdate"] === "available_commands_update"

const tools = new Set(["tool/invoke", "tool/call/sync", "tool/call/approve", "session/request_permission"])
const toolUpdates = new Set<unknown>(["tool_call", "tool_call_update", "plan"])

/** Whether the push reports tool activity, which is not part of the answer. */
export const isWork = (method: string, params: Json): boolean =>
  tools.has(method) || (method === "session/update" && toolUpdates.has(record(params["update"])?.["sessionUpdate"]))

/** Undefined for pushes that are irrelevant to a chat: steps, titles, snapshots, tool notices. */
export const read = (method: string, params: Json): Push | undefined => {
  switch (method) {
    case "session/update": {
      const update = record(params["update"])
      return update === undefined ? undefined : readUpdate(update)
    }
    case "chat/answer": {
      const text = string(params["text"]) ?? ""
      return params["overwrite"] === true ? { _tag: "Overwrite", text } : event(textDelta(text))
    }
    case "chat/think":
      return event(thoughtDelta(string(params["text"]) ?? ""))
    case "chat/finish":
      return finish(params)
    case "context/usage/sync":
      return contextUsage(params)
    case "error":
    case "fatal_error":
      return { _tag: "Broken", detail: string(params["message"]) ?? string(params["error"]) ?? method }
    default:
      return undefined
  }
}

/** Whether an error without an address ends the running turns: a fatal one does, any other only if exactly one runs. */
export const breaksUnnamed = (method: string, turns: number): boolean =>
  method === "fatal_error" || (method === "error" && turns === 1)

/** Whether the push reports a change of the account or the models. */
export const concernsAccount = (method: string): boolean =>
  method.startsWith("auth/") || method === "model/refresh" || method === "config/refreshModels"

const known = new Set([
  "chat/answer",
  "chat/think",
  "chat/finish",
  "chat/process_step_callback",
  "chat/codeChange/apply",
  "session/update",
  "session/title/update",
  "snapshot/syncAll",
  "context/usage/sync",
  "tool/call/sync",
  "task/planProgress/content/sync",
  "task/status/sync",
  "user/inprogress/task/sync",
  "user/task/stats/sync",
  "extension/register",
  "model/refresh",
  "config/refreshModels",
  "image/uploadResultNotification",
  "commitMsg/answer",
  "commitMsg/finish",
  "error",
  "fatal_error",
  "ping"
])

/** Selects an option that rejects, else cancels. */
const refusal = (params: Json) => {
  const options = Array.isArray(params["options"]) ? params["options"] : []
  const reject = options.map(record).find((option) => string(option?.["kind"])?.startsWith("reject"))
  const optionId = string(reject?.["optionId"])
  return optionId === undefined ? { outcome: "cancelled" } : { outcome: "selected", optionId }
}

export type Answer =
  | { readonly result: unknown }
  | { readonly error: { readonly code: number; readonly message: string } }

/** The immediate reply to a request from Lingma: pushes are acknowledged, tools and permissions rejected. */
export const answer = (method: string, params: Json): Answer => {
  switch (method) {
    case "tool/invoke":
      return {
        result: {
          toolCallId: params["toolCallId"] ?? null,
          name: params["name"] ?? null,
          success: false,
          result: null,
          errorMessage: "refused: this client runs no tools"
        }
      }
    case "session/request_permission":
      return { result: { outcome: refusal(params) } }
    case "tool/call/approve":
      return { result: { approved: false } }
    default:
      return known.has(method) || concernsAccount(method)
        ? { result: null }
        : { error: { code: -32601, message: `unknown method: ${method}` } }
  }
}

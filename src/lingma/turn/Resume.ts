/**
 * Handles "click to resume": a turn that timed out upstream (code 80408) asks for permission to continue, and gets it
 * once.
 *
 * All other permission requests are rejected (`Pushes.answer`).
 */
import { isRecord } from "../../json/Json.ts"
import type * as Pushes from "../rpc/Pushes.ts"

const RESUME = "80408"
/** Max remembered tool calls with that code; the oldest are dropped. */
const MOST = 16
/** Max depth of the code in a tool call. */
const DEPTH = 4

const hasReason = (value: unknown, depth = DEPTH): boolean => {
  if (depth === 0) return false
  if (Array.isArray(value)) return value.some((item) => hasReason(item, depth - 1))
  if (!isRecord(value)) return false
  return `${value["reasonForCode"]}` === RESUME || Object.values(value).some((item) => hasReason(item, depth - 1))
}

export interface Resume {
  readonly onPush: (method: string, params: Pushes.Json) => void
  /** The reply to a request to resume; undefined for any other request. */
  readonly answer: (method: string, params: Pushes.Json) => Pushes.Answer | undefined
}

/** State for one turn. */
export const make = (): Resume => {
  const asking = new Set<unknown>()
  let isUsed = false
  return {
    onPush: (method, params) => {
      const update = params["update"]
      if (method !== "session/update" || !isRecord(update) || update["toolCallId"] === undefined) return
      if (!hasReason(update)) return
      if (asking.size >= MOST) asking.delete(asking.values().next().value)
      asking.add(update["toolCallId"])
    },
    answer: (method, params) => {
      if (isUsed || method !== "session/request_permission") return undefined
      const call = params["toolCall"]
      const id = isRecord(call) ? call["toolCallId"] : params["toolCallId"]
      if (!hasReason(call) && !asking.has(id)) return undefined
      const [first] = Array.isArray(params["options"]) ? (params["options"] as ReadonlyArray<unknown>) : []
      const optionId = isRecord(first) ? first["optionId"] : undefined
      if (typeof optionId !== "string") return undefined
      isUsed = true
      return { result: { outcome: { outcome: "selected", optionId } } }
    }
  }
}

/**
 * Looking into requests: switched, one record asked for, and its body sent again.
 */
import * as AnswerText from "../../src/domain/inspect/AnswerText.ts"
import { base, headersOf, Refused } from "../api/Http.ts"
import type { ChatRow, Inspection } from "../api/Types.ts"
import { addressOf, meantHeaders } from "../format/Curl.ts"
import { announce } from "./Announce.ts"
import { call, currentKey } from "./Session.ts"
import { words } from "./Settings.ts"

export const minutes = ["15", "60", "240", "1440"] as const
export type Minutes = (typeof minutes)[number]

export const switchOn = async (mode: "errors" | "all", key: string, forMinutes: Minutes): Promise<void> => {
  await call("switchInspection", { body: { mode, key: key === "" ? null : key, minutes: Number(forMinutes) } })
  announce(words.value.inspect.switched)
}

export const switchOff = async (): Promise<void> => {
  await call("switchInspection", { body: { mode: "off" } })
  announce(words.value.inspect.switchedOff)
}

export const forget = async (): Promise<void> => {
  const { forgotten } = await call("forgetInspections")
  announce(words.value.inspect.forgotten(String(forgotten)))
}

/** Whether there is a record of a request; clients may give the same id to several. */
export const isKept = async ({ id, request_id }: ChatRow): Promise<boolean> => {
  const { data } = await call("inspections", { query: { id: request_id, limit: "1" } })
  return data.some(({ chat_ids }) => chat_ids.includes(id))
}

export const find = (id: string): Promise<Inspection> => call("inspection", { params: { id } })

export interface Again {
  readonly status: number
  readonly text: string
  readonly raw: string
  readonly millis: number
}

/** A chat may take long. */
const PATIENCE_MILLIS = 30 * 60_000
const LONGEST_ID = 128

/** Sends the body as an ordinary request, with `key` or that of the page; its id says that it is a second one. */
export const runAgain = async (record: Inspection, model: string, key: string): Promise<Again> => {
  const began = performance.now()
  const body = { ...(record.request.body as object), ...(model === "" ? {} : { model }) }
  const nonce = [...crypto.getRandomValues(new Uint8Array(4))]
    .map((byte) => byte.toString(16).padStart(2, "0"))
    .join("")
  const response = await fetch(addressOf(record, base), {
    method: "POST",
    headers: {
      ...meantHeaders(record),
      ...headersOf(key === "" ? currentKey() : key),
      "content-type": "application/json",
      "x-request-id": `replay-${nonce}-${record.id}`.slice(0, LONGEST_ID)
    },
    body: JSON.stringify(body),
    cache: "no-store",
    credentials: "omit",
    signal: AbortSignal.timeout(PATIENCE_MILLIS)
  }).catch(() => {
    throw new Refused(0, null, "")
  })
  const raw = await response.text()
  return { status: response.status, raw, text: AnswerText.of(raw), millis: performance.now() - began }
}

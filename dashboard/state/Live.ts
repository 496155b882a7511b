/**
 * The gateway's state as it changes. After a lost network or a restart the stream is opened again, by itself.
 */
import { effect, signal } from "@preact/signals"
import * as Events from "../api/Events.ts"
import { Refused } from "../api/Http.ts"
import type { ChatRow, Overview } from "../api/Types.ts"
import { waitMillis } from "./Backoff.ts"
import * as Changes from "./Changes.ts"
import * as Clock from "./Clock.ts"
import { currentKey, phase, signOut } from "./Session.ts"

export type Link =
  | { readonly state: "connecting" | "live" }
  /** `retryAt` by this browser's clock; 0 while a try is under way. */
  | { readonly state: "lost"; readonly retryAt: number }

export const overview = signal<Overview | null>(null)
export const link = signal<Link>({ state: "connecting" })
/** Of the gateway that served the page. */
export const firstVersion = signal<string | null>(null)

const chatListeners = new Set<(row: ChatRow) => void>()
const freshListeners = new Set<() => void>()
/** Called for each chat that ends. */
export const onChat = (listener: (row: ChatRow) => void): void => void chatListeners.add(listener)
/** Called when what is shown has to be asked for anew: at the beginning, after a gap, after a restart. */
export const onFresh = (listener: () => void): void => void freshListeners.add(listener)
const refresh = () => {
  for (const listener of freshListeners) listener()
}

export const hearOverview = (told: Overview): void => {
  Clock.hear(told.now)
  firstVersion.value ??= told.version
  overview.value = told
}

let isFirst = true
let failures = 0

const hear = ({ data, event }: { readonly event: string; readonly data: string }) => {
  failures = 0
  if (event === "overview") {
    hearOverview(JSON.parse(data) as Overview)
    link.value = { state: "live" }
    if (isFirst) refresh()
    isFirst = false
  } else if (event === "changes") {
    const before = overview.value
    if (before !== null) hearOverview(Changes.after(before, JSON.parse(data) as Changes.Changes))
  } else if (event === "chat") {
    const row = JSON.parse(data) as ChatRow
    for (const listener of chatListeners) listener(row)
  } else if (event === "missed") refresh()
}

let wake: (() => void) | undefined
/** Does not wait any longer. */
export const retryNow = (): void => wake?.()

const pause = (millis: number): Promise<void> =>
  new Promise((resolve) => {
    const timer = setTimeout(resolve, millis)
    wake = () => {
      clearTimeout(timer)
      resolve()
    }
  })

const run = async (signal: AbortSignal) => {
  while (!signal.aborted) {
    isFirst = true
    try {
      // A gateway may be set to be silent for longer: no reason for an alarm yet.
      if (await Events.read(currentKey(), hear, signal)) continue
    } catch (error) {
      if (signal.aborted) return
      if (error instanceof Refused && (error.status === 401 || error.status === 403))
        return signOut(error.status === 401 ? "ended" : currentKey() === undefined ? "foreign" : "notAdmin")
    }
    if (signal.aborted) return
    failures++
    const wait = waitMillis(failures, Math.random())
    link.value = { state: "lost", retryAt: Date.now() + wait }
    await pause(wait)
    if (signal.aborted) return
    link.value = { state: "lost", retryAt: 0 }
  }
}

effect(() => {
  if (phase.value !== "open") return
  const running = new AbortController()
  link.value = { state: "connecting" }
  void run(running.signal)
  return () => {
    running.abort()
    overview.value = null
  }
})

addEventListener("online", retryNow)
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) retryNow()
})

/**
 * The gateways that share a database, asked for again every few seconds; those before stay where there is no answer.
 */
import { effect, signal } from "@preact/signals"
import type { HostList } from "../api/Types.ts"
import * as Live from "./Live.ts"
import { call, phase } from "./Session.ts"

export const list = signal<HostList | null>(null)

const EVERY_MILLIS = 10_000

const load = async (): Promise<void> => {
  // A gateway of another version may not know it; the bar tells when there is no answer at all.
  list.value = await call("hosts").catch(() => list.value)
}

Live.onFresh(() => void load())
effect(() => {
  if (phase.value !== "open") {
    list.value = null
    return
  }
  const timer = setInterval(() => {
    // One without others asks no more.
    if (!document.hidden && list.value?.host !== null) void load()
  }, EVERY_MILLIS)
  return () => clearInterval(timer)
})

/**
 * Figures over time, asked for again as often as there is a new one.
 */
import { effect, signal } from "@preact/signals"
import type { Plots, Range } from "../api/Types.ts"
import * as Live from "./Live.ts"
import { call, phase } from "./Session.ts"

export const ranges = ["3h", "24h", "30d"] as const satisfies ReadonlyArray<Range>

export const range = signal<Range>("3h")
export const plots = signal<Plots | null>(null)
export const failure = signal<unknown>(null)

const LEAST_MILLIS = 30_000

export const load = async (): Promise<void> => {
  const wanted = range.value
  try {
    const found = await call("plots", { query: { range: wanted } })
    if (range.value !== wanted) return
    plots.value = found
    failure.value = null
  } catch (error) {
    if (range.value === wanted) failure.value = error
  }
}

Live.onFresh(() => void load())
effect(() => {
  if (phase.value !== "open") return
  const stepMillis = (plots.value?.step_seconds ?? 0) * 1000
  const timer = setInterval(
    () => {
      if (!document.hidden) void load()
    },
    Math.max(LEAST_MILLIS, stepMillis)
  )
  return () => clearInterval(timer)
})

export const setRange = (wanted: Range): void => {
  range.value = wanted
  void load()
}

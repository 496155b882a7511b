/**
 * Figures over time as plots take them. Pure.
 */
import type { Plots, Range } from "./Plots.ts"
import * as Series from "./Series.ts"

const rounded = (value: number) => Math.round(value * 100) / 100

/** `instances` are those of now; earlier ones that have figures come behind them. */
export const of = (
  range: Range,
  ring: Series.Ring,
  instances: ReadonlyArray<string>,
  now: number
): typeof Plots.Type => {
  const steps = ring.read(now)
  const slots = steps.map(({ slot }) => slot)
  const each = (value: (slot: Series.Slot) => number | null | undefined) =>
    slots.map((slot) => (slot === undefined ? null : (value(slot) ?? null)))
  const names = new Set([...instances, ...slots.flatMap((slot) => [...(slot?.inFlight.keys() ?? [])])])
  return {
    range,
    step_seconds: ring.stepMillis / 1000,
    at: steps.map(({ at }) => at / 1000),
    series: {
      completed: each(({ outcomes }) => outcomes.completed),
      failed: each(({ outcomes }) => outcomes.failed),
      cancelled: each(({ outcomes }) => outcomes.cancelled),
      rejected: each(({ outcomes }) => outcomes.rejected),
      first_token_p50_ms: each(({ firstTokens }) => Series.quantile(firstTokens, 0.5)),
      first_token_p95_ms: each(({ firstTokens }) => Series.quantile(firstTokens, 0.95)),
      tokens_per_second: each(({ seconds, tokens }) => (seconds > 0 ? rounded(tokens / seconds) : null)),
      queued: each(({ queued }) => queued),
      in_flight: [...names].map((instance) => ({ instance, values: each(({ inFlight }) => inFlight.get(instance)) }))
    }
  }
}

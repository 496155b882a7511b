/**
 * Fewer steps than were told, where a plot has no room for each: 1,440 minutes of a day become 144 times ten.
 */
import type { Plots } from "../api/Types.ts"
import type { Value } from "./Scale.ts"

/** Most steps of a plot. */
const MOST = 180
/** How many steps become one. */
const FACTORS = [1, 2, 5, 10, 15, 30, 60]

type Merge = (known: ReadonlyArray<number>) => number

const sum: Merge = (known) => known.reduce((total, one) => total + one, 0)
const most: Merge = (known) => Math.max(...known)
const mean: Merge = (known) => sum(known) / known.length
/** The one in the middle: of medians an estimate, since how many each stands for is not told. */
const middle: Merge = (known) => [...known].sort((a, b) => a - b)[Math.floor((known.length - 1) / 2)] ?? 0

/** What is unknown in all steps stays unknown. */
const merged = (values: ReadonlyArray<Value>, factor: number, merge: Merge): ReadonlyArray<Value> =>
  Array.from({ length: Math.ceil(values.length / factor) }, (_, i) => {
    const known = values.slice(i * factor, (i + 1) * factor).filter((value) => value !== null)
    return known.length === 0 ? null : merge(known)
  })

export const coarse = (plots: Plots): Plots => {
  const factor = FACTORS.find((one) => plots.at.length / one <= MOST) ?? Math.ceil(plots.at.length / MOST)
  if (factor === 1) return plots
  const { series } = plots
  return {
    ...plots,
    step_seconds: plots.step_seconds * factor,
    at: plots.at.filter((_, i) => i % factor === 0),
    series: {
      completed: merged(series.completed, factor, sum),
      failed: merged(series.failed, factor, sum),
      cancelled: merged(series.cancelled, factor, sum),
      rejected: merged(series.rejected, factor, sum),
      first_token_p50_ms: merged(series.first_token_p50_ms, factor, middle),
      first_token_p95_ms: merged(series.first_token_p95_ms, factor, most),
      tokens_per_second: merged(series.tokens_per_second, factor, mean),
      queued: merged(series.queued, factor, most),
      in_flight: series.in_flight.map(({ instance, values }) => ({ instance, values: merged(values, factor, most) }))
    }
  }
}

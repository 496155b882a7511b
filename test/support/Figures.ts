/**
 * Reads single figures of a gateway's metrics.
 */
import { Effect, type MetricKey, MetricState } from "effect"
import { Metrics } from "../../src/observe/Metrics.ts"

type Labels = Readonly<Record<string, string>>

/** The state of the series with exactly these labels, in any order; undefined where there is none. */
const stateOf = (key: MetricKey.MetricKey.Untyped, labels: Labels) =>
  Effect.map(
    Effect.flatMap(Metrics, ({ snapshot }) => snapshot),
    (pairs): MetricState.MetricState.Untyped | undefined =>
      pairs.find(
        ({ metricKey: { name, tags } }) =>
          name === key.name &&
          tags.length === Object.keys(labels).length &&
          tags.every((tag) => labels[tag.key] === tag.value)
      )?.metricState
  )

/** Value of a counter or a gauge; 0 for a counter that was never marked. */
export const value = (key: MetricKey.MetricKey.Untyped, labels: Labels = {}) =>
  Effect.map(stateOf(key, labels), (state) =>
    MetricState.isCounterState(state) ? Number(state.count) : MetricState.isGaugeState(state) ? Number(state.value) : 0
  )

/** How many values a histogram holds, and their sum. */
export const recorded = (key: MetricKey.MetricKey.Untyped, labels: Labels = {}) =>
  Effect.map(
    stateOf(key, labels),
    (state) => (MetricState.isHistogramState(state) ? [state.count, state.sum] : [0, 0]) as readonly [number, number]
  )

/**
 * Exports the metrics of one gateway by OTLP. `@effect/opentelemetry` exports Effect's global registry only.
 *
 * All figures are cumulative: what a failed export did not deliver, the next one does, so nothing is sent again.
 */
import * as OtlpResource from "@effect/opentelemetry/OtlpResource"
import { OtlpSerialization } from "@effect/opentelemetry/OtlpSerialization"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import { Duration, Effect, type MetricPair, MetricState, Option, type Scope } from "effect"
import { Metrics } from "../observe/Metrics.ts"

export interface OtlpMetricsOptions {
  readonly url: string
  readonly resource: {
    readonly serviceName: string
    readonly serviceVersion: string
    readonly attributes: Readonly<Record<string, string>>
  }
  readonly headers: Readonly<Record<string, string>>
  readonly exportInterval: Duration.Duration
  /** Max time of the export at shutdown. */
  readonly shutdownTimeout: Duration.Duration
}

/** No exports for so long after one that failed. */
const pause = Duration.minutes(1)

/** `AGGREGATION_TEMPORALITY_CUMULATIVE` of OTLP. */
const CUMULATIVE = 2

type Times = { readonly startTimeUnixNano: string; readonly timeUnixNano: string }

interface Metric {
  readonly name: string
  readonly description: string
  readonly unit: string
  readonly sum?: { readonly aggregationTemporality: number; readonly isMonotonic: boolean; dataPoints: Array<object> }
  readonly gauge?: { dataPoints: Array<object> }
  readonly histogram?: { readonly aggregationTemporality: number; dataPoints: Array<object> }
}

/** Prometheus' buckets hold all that is below their boundary, OTLP's what is between two; the last is unbounded. */
const histogramPoint = ({ buckets, count, max, min, sum }: MetricState.MetricState.Histogram) => {
  const bounded = buckets.filter(([boundary]) => Number.isFinite(boundary))
  const below = bounded.map(([, total]) => total)
  return {
    count,
    ...(count === 0 ? {} : { min, max }),
    sum,
    explicitBounds: bounded.map(([boundary]) => boundary),
    bucketCounts: [...below, count].map((total, i, all) => total - (all[i - 1] ?? 0))
  }
}

/** The kind of a metric, still without points, and one point of it. */
const kindOf = (state: unknown): readonly [Pick<Metric, "sum" | "gauge" | "histogram">, object] | undefined => {
  if (MetricState.isCounterState(state)) {
    const sum = { aggregationTemporality: CUMULATIVE, isMonotonic: true, dataPoints: [] }
    return [{ sum }, { asDouble: Number(state.count) }]
  }
  if (MetricState.isGaugeState(state)) return [{ gauge: { dataPoints: [] } }, { asDouble: Number(state.value) }]
  if (!MetricState.isHistogramState(state)) return undefined
  return [{ histogram: { aggregationTemporality: CUMULATIVE, dataPoints: [] } }, histogramPoint(state)]
}

/** OTLP's `Metric` messages: the series of one name are points of one metric. */
export const encode = (pairs: ReadonlyArray<MetricPair.MetricPair.Untyped>, times: Times): ReadonlyArray<Metric> => {
  const metrics = new Map<string, Metric>()
  for (const { metricKey, metricState } of pairs) {
    const kind = kindOf(metricState)
    if (kind === undefined) continue
    const { description, name } = metricKey
    const [empty, point] = kind
    const metric = metrics.get(name) ?? {
      name,
      description: Option.getOrElse(description, () => ""),
      unit: "1",
      ...empty
    }
    metrics.set(name, metric)
    const attributes = metricKey.tags.map(({ key, value }) => ({ key, value: { stringValue: value } }))
    const points = (metric.sum ?? metric.gauge ?? metric.histogram)?.dataPoints
    points?.push({ attributes, ...times, ...point })
  }
  return [...metrics.values()]
}

/** Exports at each interval, and once more when the scope closes. */
export const make: (
  options: OtlpMetricsOptions
) => Effect.Effect<void, never, HttpClient.HttpClient | Metrics | OtlpSerialization | Scope.Scope> = Effect.fnUntraced(
  function* ({ exportInterval, headers, resource, shutdownTimeout, url }) {
    const { snapshot } = yield* Metrics
    const serialization = yield* OtlpSerialization
    const client = HttpClient.filterStatusOk(yield* HttpClient.HttpClient)
    const clock = yield* Effect.clock
    const startTimeUnixNano = String(clock.unsafeCurrentTimeNanos())
    const origin = { resource: OtlpResource.make(resource), scope: { name: resource.serviceName } }
    const request = HttpClientRequest.post(url, { headers })
    let pausedUntil: bigint | undefined

    const body = Effect.map(snapshot, (pairs) => {
      const times = { startTimeUnixNano, timeUnixNano: String(clock.unsafeCurrentTimeNanos()) }
      const scopeMetrics = [{ scope: origin.scope, metrics: encode(pairs, times) }]
      return serialization.metrics({ resourceMetrics: [{ resource: origin.resource, scopeMetrics }] })
    })
    const send = Effect.flatMap(body, (content) => client.execute(HttpClientRequest.setBody(request, content)))
    const exportOnce = Effect.suspend(() => {
      if (pausedUntil !== undefined && clock.unsafeCurrentTimeNanos() < pausedUntil) return Effect.void
      pausedUntil = undefined
      return send
    }).pipe(
      // Reported by the client, to the log and as a metric.
      Effect.catchAllCause(() =>
        Effect.sync(() => {
          pausedUntil = clock.unsafeCurrentTimeNanos() + BigInt(Duration.toMillis(pause)) * 1_000_000n
        })
      ),
      Effect.withTracerEnabled(false)
    )

    // Also after a failure: these are the last figures.
    yield* Effect.addFinalizer(() =>
      Effect.timeoutOption(Effect.interruptible(Effect.withTracerEnabled(Effect.ignore(send), false)), shutdownTimeout)
    )
    yield* Effect.sleep(exportInterval).pipe(
      Effect.zipRight(exportOnce),
      Effect.forever,
      Effect.interruptible,
      Effect.forkScoped
    )
  }
)

/**
 * Exports traces and metrics by OTLP over HTTP, configured by the standard `OTEL_*` variables; off without an endpoint.
 *
 * A collector that is down or slow must not affect the gateway: concurrent exports are limited and time out, failures
 * are logged once a minute, and shutdown waits at most two seconds.
 */

import * as OtlpSerialization from "@effect/opentelemetry/OtlpSerialization"
import * as OtlpTracer from "@effect/opentelemetry/OtlpTracer"
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientError from "@effect/platform/HttpClientError"
import { Clock, Duration, Effect, Layer, Logger, Option, Redacted, Tracer } from "effect"
import { GatewayConfig, type Settings } from "../config/Config.ts"
import * as MetricKeys from "../observe/MetricKeys.ts"
import { Metrics } from "../observe/Metrics.ts"
import { version } from "../Version.ts"
import * as OtlpMetrics from "./OtlpMetrics.ts"

/** Max concurrent exports; further ones are dropped. */
const MOST_EXPORTS = 2
/** Max time to flush at shutdown, for each of traces and metrics. */
const shutdownTimeout = Duration.millis(900)
const COMPLAIN_EVERY = 60_000_000_000n

const endpointOf = (specific: Option.Option<string>, base: Option.Option<string>, path: string) =>
  Option.orElse(specific, () => Option.map(base, (url) => `${url.replace(/\/+$/, "")}${path}`))

/** HTTP client with a timeout and limited concurrency, which logs failures once a minute. */
const patient = (timeout: Duration.Duration) =>
  Effect.gen(function* () {
    const client = yield* HttpClient.HttpClient
    const { mark } = yield* Metrics
    mark(MetricKeys.failedExports, 0)
    let running = 0
    let quietUntil: bigint | undefined
    const complain = (reason: string) =>
      Effect.flatMap(Clock.currentTimeNanos, (now) => {
        mark(MetricKeys.failedExports, 1)
        if (quietUntil !== undefined && now < quietUntil) return Effect.void
        quietUntil = now + COMPLAIN_EVERY
        return Effect.annotateLogs(Effect.logWarning("telemetry not delivered"), { reason })
      })
    return HttpClient.transform(client, (send, request) => {
      const fail = (description: string) =>
        new HttpClientError.RequestError({ request, reason: "Transport", description })
      return Effect.suspend(() => {
        if (running >= MOST_EXPORTS) return fail("the collector is too slow")
        running++
        return Effect.timeoutFail(send, { duration: timeout, onTimeout: () => fail("no answer in time") }).pipe(
          Effect.ensuring(
            Effect.sync(() => {
              running--
            })
          )
        )
      }).pipe(
        Effect.tap(({ status }) => (status >= 400 ? complain(`status ${status}`) : Effect.void)),
        Effect.tapError((error) => complain(error.description ?? error.reason))
      )
    })
  })

type Sampler = Settings["otelSampler"]

/** Unsampled spans and their children are not recorded. */
const sampled = (tracer: Tracer.Tracer, none: Tracer.Tracer, sampler: Sampler, ratio: number): Tracer.Tracer => {
  const isRatio = sampler.endsWith("traceidratio")
  const wantsRoot = () => (isRatio ? Math.random() < ratio : !sampler.endsWith("always_off"))
  const wants = (parent: Option.Option<Tracer.AnySpan>) =>
    Option.isSome(parent) && (sampler.startsWith("parentbased") || parent.value._tag === "Span")
      ? parent.value.sampled
      : wantsRoot()
  return Tracer.make({
    ...tracer,
    span: (name, parent, ...rest) =>
      wants(parent)
        ? tracer.span(name, parent, ...rest)
        : Object.assign(none.span(name, parent, ...rest), { sampled: false })
  })
}

const layerOf = (settings: Settings) => {
  const off = Layer.setTracerEnabled(false)
  if (settings.otelDisabled) return off
  const { otelEndpoint, otelMetricsEndpoint, otelTracesEndpoint } = settings
  const traces =
    settings.otelTracesExporter === "otlp" ? endpointOf(otelTracesEndpoint, otelEndpoint, "/v1/traces") : Option.none()
  const metrics =
    settings.otelMetricsExporter === "otlp"
      ? endpointOf(otelMetricsEndpoint, otelEndpoint, "/v1/metrics")
      : Option.none()
  const resource = {
    serviceName: settings.otelServiceName,
    serviceVersion: version,
    attributes: Object.fromEntries(settings.otelResourceAttributes)
  }
  const headers = Object.fromEntries(settings.otelHeaders.map(([name, value]) => [name, Redacted.value(value)]))
  const shared = { resource, headers, shutdownTimeout }

  const Traces = Option.match(traces, {
    onNone: () => off,
    onSome: (url) =>
      Layer.unwrapScoped(
        Effect.gen(function* () {
          const none = yield* Effect.tracer
          const tracer = yield* OtlpTracer.make({ ...shared, url, exportInterval: settings.otelTraceInterval })
          return Layer.setTracer(sampled(tracer, none, settings.otelSampler, settings.otelSamplerRatio))
        })
      )
  })
  const Measures = Option.match(metrics, {
    onNone: () => Layer.empty,
    onSome: (url) =>
      Layer.scopedDiscard(OtlpMetrics.make({ ...shared, url, exportInterval: settings.otelMetricInterval }))
  })
  const Serialization =
    settings.otelProtocol === "http/protobuf" ? OtlpSerialization.layerProtobuf : OtlpSerialization.layerJson
  const Client = Layer.effect(HttpClient.HttpClient, patient(settings.otelTimeout)).pipe(
    Layer.provide(FetchHttpClient.layer)
  )
  // Logs are not added to spans as events, because they may contain client data.
  const LogOnly = Logger.remove(Logger.tracerLogger)
  return Layer.mergeAll(Traces, Measures, LogOnly).pipe(Layer.provide(Serialization), Layer.provide(Client))
}

/**
 * Exports spans and metrics to an OTLP collector; does nothing unless an endpoint is set. The metrics are those of the
 * gateway in the same graph of layers.
 */
export const layerFromConfig: Layer.Layer<never, never, GatewayConfig> = Layer.unwrapEffect(
  Effect.map(GatewayConfig, layerOf)
).pipe(Layer.provide(Metrics.layer))

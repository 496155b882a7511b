/**
 * Traces and metrics by OTLP over HTTP, as the standard `OTEL_*` variables say; off without an endpoint.
 *
 * A collector that is down, slow or failing costs nothing but what it misses: few exports at once, each with an end, one
 * line in the log a minute, and two seconds at most when the gateway ends.
 */

import * as OtlpMetrics from "@effect/opentelemetry/OtlpMetrics"
import * as OtlpSerialization from "@effect/opentelemetry/OtlpSerialization"
import * as OtlpTracer from "@effect/opentelemetry/OtlpTracer"
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientError from "@effect/platform/HttpClientError"
import { Clock, Duration, Effect, Layer, Logger, Option, Redacted, Tracer } from "effect"
import { GatewayConfig, type Settings } from "../config/Config.ts"
import * as Metrics from "../observe/Metrics.ts"
import { version } from "../Version.ts"

/** Exports under way at once; what comes meanwhile is dropped. */
const mostExports = 2
/** For each of traces and metrics, when the gateway ends. */
const shutdownTimeout = Duration.millis(900)
const complainEvery = 60_000_000_000n

const endpointOf = (specific: Option.Option<string>, base: Option.Option<string>, path: string) =>
  Option.orElse(specific, () => Option.map(base, (url) => `${url.replace(/\/+$/, "")}${path}`))

/** A client whose requests end, are few at a time, and whose failures are told once a minute. */
const patient = (timeout: Duration.Duration) =>
  Effect.gen(function* () {
    const client = yield* HttpClient.HttpClient
    let running = 0
    let quietUntil: bigint | undefined
    const complain = (reason: string) =>
      Effect.flatMap(Clock.currentTimeNanos, (now) => {
        Metrics.mark(Metrics.failedExports, 1)
        if (quietUntil !== undefined && now < quietUntil) return Effect.void
        quietUntil = now + complainEvery
        return Effect.annotateLogs(Effect.logWarning("telemetry not delivered"), { reason })
      })
    return HttpClient.transform(client, (send, request) => {
      const fail = (description: string) =>
        new HttpClientError.RequestError({ request, reason: "Transport", description })
      return Effect.suspend(() => {
        if (running >= mostExports) return fail("the collector is too slow")
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

/** What is not sampled is traced by nobody, and neither is what happens within. */
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
    onSome: (url) => OtlpMetrics.layer({ ...shared, url, exportInterval: settings.otelMetricInterval })
  })
  const Serialization =
    settings.otelProtocol === "http/protobuf" ? OtlpSerialization.layerProtobuf : OtlpSerialization.layerJson
  const Client = Layer.effect(HttpClient.HttpClient, patient(settings.otelTimeout)).pipe(
    Layer.provide(FetchHttpClient.layer)
  )
  // Lines of the log name their span; as events of it they would bring along what clients sent.
  const LogOnly = Logger.remove(Logger.tracerLogger)
  return Layer.mergeAll(Traces, Measures, LogOnly).pipe(Layer.provide(Serialization), Layer.provide(Client))
}

/** Spans and metrics to an OTLP collector; empty unless an endpoint is set. */
export const layerFromConfig: Layer.Layer<never, never, GatewayConfig> = Layer.unwrapEffect(
  Effect.map(GatewayConfig, layerOf)
)

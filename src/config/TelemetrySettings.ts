/**
 * OpenTelemetry's standard variables, as far as they mean something here.
 */
import { setting } from "./Setting.ts"
import * as Rule from "./SettingRules.ts"

export const telemetrySettings = {
  otelEndpoint: setting("OTEL_EXPORTER_OTLP_ENDPOINT", "", "OTLP over HTTP; none = no telemetry", Rule.endpoint),
  otelTracesEndpoint: setting("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "", "the whole address for traces", Rule.endpoint),
  otelMetricsEndpoint: setting(
    "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
    "",
    "the whole address for metrics",
    Rule.endpoint
  ),
  otelHeaders: setting("OTEL_EXPORTER_OTLP_HEADERS", "", "name=value,… sent along", Rule.secretPairs, { secret: true }),
  otelProtocol: setting(
    "OTEL_EXPORTER_OTLP_PROTOCOL",
    "http/json",
    "http/json or http/protobuf",
    Rule.oneOf("http/json", "http/protobuf")
  ),
  otelTimeout: setting("OTEL_EXPORTER_OTLP_TIMEOUT", "10000", "milliseconds for one export", Rule.millis(1, 600_000)),
  otelServiceName: setting("OTEL_SERVICE_NAME", "lingma-gateway", "name of this service", Rule.text),
  otelResourceAttributes: setting("OTEL_RESOURCE_ATTRIBUTES", "", "name=value,… of this service", Rule.pairs),
  otelDisabled: setting("OTEL_SDK_DISABLED", "false", "no telemetry, whatever the endpoint", Rule.flag),
  otelTracesExporter: setting("OTEL_TRACES_EXPORTER", "otlp", "otlp or none", Rule.oneOf("otlp", "none")),
  otelMetricsExporter: setting("OTEL_METRICS_EXPORTER", "otlp", "otlp or none", Rule.oneOf("otlp", "none")),
  otelSampler: setting(
    "OTEL_TRACES_SAMPLER",
    "parentbased_always_on",
    "always_on, always_off, traceidratio, or one of these after parentbased_",
    Rule.oneOf(
      "always_on",
      "always_off",
      "traceidratio",
      "parentbased_always_on",
      "parentbased_always_off",
      "parentbased_traceidratio"
    )
  ),
  otelSamplerRatio: setting(
    "OTEL_TRACES_SAMPLER_ARG",
    "1",
    "share of the traces for traceidratio",
    Rule.number(0, 1, "a number")
  ),
  otelTraceInterval: setting(
    "OTEL_BSP_SCHEDULE_DELAY",
    "5000",
    "milliseconds between exports of traces",
    Rule.millis(10, 600_000)
  ),
  otelMetricInterval: setting(
    "OTEL_METRIC_EXPORT_INTERVAL",
    "60000",
    "milliseconds between exports of metrics",
    Rule.millis(10, 3_600_000)
  ),
  otelContent: setting(
    "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT",
    "false",
    "true puts prompts and answers into spans",
    Rule.flag
  )
}

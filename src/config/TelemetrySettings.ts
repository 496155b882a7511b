/**
 * Settings under OpenTelemetry's standard variables, as far as they are supported.
 */
import { live, setting } from "./Setting.ts"
import * as Rule from "./SettingRules.ts"

export const telemetrySettings = {
  otelEndpoint: setting(
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "",
    "base URL of an OTLP/HTTP collector; empty = no telemetry",
    Rule.endpoint
  ),
  otelTracesEndpoint: setting(
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    "",
    "full URL for traces; overrides the base URL",
    Rule.endpoint
  ),
  otelMetricsEndpoint: setting(
    "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
    "",
    "full URL for metrics; overrides the base URL",
    Rule.endpoint
  ),
  otelHeaders: setting("OTEL_EXPORTER_OTLP_HEADERS", "", "headers of each export: name=value,…", Rule.secretPairs, {
    secret: true
  }),
  otelProtocol: setting(
    "OTEL_EXPORTER_OTLP_PROTOCOL",
    "http/json",
    "http/json or http/protobuf",
    Rule.oneOf("http/json", "http/protobuf")
  ),
  otelTimeout: setting(
    "OTEL_EXPORTER_OTLP_TIMEOUT",
    "10000",
    "timeout of one export, in milliseconds",
    Rule.millis(1, 600_000)
  ),
  otelServiceName: setting("OTEL_SERVICE_NAME", "lingma-gateway", "service name in traces and metrics", Rule.text),
  otelResourceAttributes: setting("OTEL_RESOURCE_ATTRIBUTES", "", "resource attributes: name=value,…", Rule.pairs),
  otelDisabled: setting("OTEL_SDK_DISABLED", "false", "disable telemetry even if an endpoint is set", Rule.flag),
  otelTracesExporter: setting(
    "OTEL_TRACES_EXPORTER",
    "otlp",
    "exporter for traces: otlp or none",
    Rule.oneOf("otlp", "none")
  ),
  otelMetricsExporter: setting(
    "OTEL_METRICS_EXPORTER",
    "otlp",
    "exporter for metrics: otlp or none",
    Rule.oneOf("otlp", "none")
  ),
  otelSampler: setting(
    "OTEL_TRACES_SAMPLER",
    "parentbased_always_on",
    "always_on, always_off, traceidratio, or one of these prefixed with parentbased_",
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
    "sampling ratio for traceidratio, from 0 to 1",
    Rule.number(0, 1, "a number")
  ),
  otelTraceInterval: setting(
    "OTEL_BSP_SCHEDULE_DELAY",
    "5000",
    "interval between exports of traces, in milliseconds",
    Rule.millis(10, 600_000)
  ),
  otelMetricInterval: setting(
    "OTEL_METRIC_EXPORT_INTERVAL",
    "60000",
    "interval between exports of metrics, in milliseconds",
    Rule.millis(10, 3_600_000)
  ),
  otelContent: live(
    "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT",
    "false",
    "record prompts and answers in spans",
    Rule.flag
  )
}

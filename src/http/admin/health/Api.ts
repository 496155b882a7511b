/**
 * Health checks, metrics, and the routes that need no API key.
 */
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as HttpApiSchema from "@effect/platform/HttpApiSchema"
import * as OpenApi from "@effect/platform/OpenApi"
import { Schema } from "effect"
import * as Errors from "../../dialects/openai/OpenAiErrors.ts"

export const Health = Schema.Struct({
  /** Whether at least one instance is ready. */
  ok: Schema.Boolean,
  time: Schema.Int,
  emulated: Schema.Boolean,
  pool_size: Schema.Int,
  pool_ready: Schema.Int,
  instances: Schema.Array(
    Schema.Struct({
      name: Schema.String,
      state: Schema.String,
      ready: Schema.Boolean,
      reason: Schema.NullOr(Schema.String).annotations({ description: "Why it is not ready" }),
      in_flight: Schema.Int
    })
  )
}).annotations({ identifier: "Health" })

export const Readiness = Schema.Struct({
  ok: Schema.Boolean,
  reason: Schema.optional(Schema.String.annotations({ description: "Why not" }))
}).annotations({ identifier: "Readiness" })

/** The empty reply to Claude Code's probes and telemetry. */
export const Nothing = Schema.Record({ key: Schema.String, value: Schema.Unknown }).annotations({
  identifier: "Nothing"
})

export const Welcome = Schema.Struct({
  name: Schema.String,
  docs: Schema.String,
  openapi: Schema.String,
  health: Schema.String
}).annotations({ identifier: "Welcome" })

export class OpsApi extends HttpApiGroup.make("ops")
  .add(
    HttpApiEndpoint.get("health", "/healthz")
      .addSuccess(Health)
      .annotate(OpenApi.Summary, "Whether the process serves; always 200")
  )
  .add(HttpApiEndpoint.get("healthAlias", "/health").addSuccess(Health).annotate(OpenApi.Summary, "As /healthz"))
  .add(
    HttpApiEndpoint.get("ready", "/readyz")
      .addSuccess(Readiness)
      .addError(Readiness.annotations(HttpApiSchema.annotations({ status: 503 })))
      .annotate(OpenApi.Summary, "Whether a chat would be served now")
  )
  .add(
    HttpApiEndpoint.get("metrics", "/metrics")
      .addSuccess(
        Schema.String.pipe(HttpApiSchema.withEncoding({ kind: "Text", contentType: "text/plain; version=0.0.4" }))
      )
      .addError(Errors.withStatus(401))
      .annotate(OpenApi.Summary, "Prometheus text; for METRICS_TOKEN, else an admin or API key")
  )
  .add(
    HttpApiEndpoint.get("welcome", "/")
      .addSuccess(Welcome)
      .annotate(OpenApi.Summary, "Where things are; a browser is sent to /dashboard")
  )
  .add(HttpApiEndpoint.get("hello", "/api/hello").addSuccess(Nothing).annotate(OpenApi.Summary, "A client's probe"))
  .add(
    HttpApiEndpoint.post("events", "/api/event_logging/batch")
      .addSuccess(Nothing)
      .annotate(OpenApi.Summary, "Figures that clients send to their maker: taken, and neither read nor kept")
  )
  .add(
    HttpApiEndpoint.post("eventsV2", "/api/event_logging/v2/batch")
      .addSuccess(Nothing)
      .annotate(OpenApi.Summary, "As /api/event_logging/batch")
  )
  .annotate(OpenApi.Description, "For probes, scrapers and people") {}

/**
 * What administrators ask and do.
 */
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as HttpApiMiddleware from "@effect/platform/HttpApiMiddleware"
import * as HttpApiSecurity from "@effect/platform/HttpApiSecurity"
import * as OpenApi from "@effect/platform/OpenApi"
import { Schema } from "effect"
import * as Errors from "../openai/Errors.ts"

/** An admin key; an API key where no admin keys are set. */
export class AdminKey extends HttpApiMiddleware.Tag<AdminKey>()("lingma-gateway/http/internal/AdminKey", {
  failure: Schema.Union(Errors.withStatus(401), Errors.withStatus(403)),
  security: {
    bearer: HttpApiSecurity.bearer,
    apiKey: HttpApiSecurity.apiKey({ key: "x-api-key", in: "header" })
  }
}) {}

/** Chats and tokens since the start of the process. */
export const Counters = Schema.Struct({
  uptime_seconds: Schema.Int,
  chats_total: Schema.Int,
  chats_stream_total: Schema.Int,
  chats_completed_total: Schema.Int,
  chats_failed_total: Schema.Int,
  chats_cancelled_total: Schema.Int,
  chats_rejected_total: Schema.Int,
  prompt_tokens_total: Schema.Int,
  completion_tokens_total: Schema.Int,
  models_requests_total: Schema.Int
}).annotations({ identifier: "Counters" })

/** At any moment `accepted = completed + failed + cancelled + in_flight`. */
export const Concurrency = Schema.Struct({
  max_in_flight: Schema.Int,
  in_flight: Schema.Int,
  queued: Schema.Int,
  accepted_total: Schema.Int,
  rejected_total: Schema.Int,
  abandoned_total: Schema.Int.annotations({ description: "Clients that left while they waited" }),
  completed_total: Schema.Int,
  failed_total: Schema.Int,
  cancelled_total: Schema.Int
}).annotations({ identifier: "Concurrency" })

export const PoolInstance = Schema.Struct({
  name: Schema.String,
  state: Schema.String,
  ready: Schema.Boolean.annotations({ description: "Whether a chat may be sent there now" }),
  in_flight: Schema.Int,
  logged_in: Schema.NullOr(Schema.Boolean),
  restarts: Schema.Int,
  ejected: Schema.Boolean,
  ejections_total: Schema.Int,
  consecutive_failures: Schema.Int,
  last_error: Schema.NullOr(Schema.String)
}).annotations({ identifier: "PoolInstance" })

export const Stats = Schema.Struct({
  ok: Schema.Literal(true),
  stats: Counters,
  concurrency: Concurrency,
  pool: Schema.Struct({ size: Schema.Int, ready: Schema.Int, instances: Schema.Array(PoolInstance) })
}).annotations({ identifier: "Stats" })

export class InternalApi extends HttpApiGroup.make("internal")
  .add(
    HttpApiEndpoint.get("stats", "/internal/stats")
      .addSuccess(Stats)
      .annotate(OpenApi.Summary, "Counters, the queue, and each instance")
  )
  .middleware(AdminKey) {}

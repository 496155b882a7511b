/**
 * Routes for administrators: statistics and logins.
 */
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as HttpApiMiddleware from "@effect/platform/HttpApiMiddleware"
import * as HttpApiSecurity from "@effect/platform/HttpApiSecurity"
import * as OpenApi from "@effect/platform/OpenApi"
import { Schema } from "effect"
import * as Errors from "../../dialects/openai/OpenAiErrors.ts"
import * as DeclaredErrors from "../../edge/DeclaredErrors.ts"

/** Requires an admin key, or an API key if no admin keys are configured. */
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
  reason: Schema.NullOr(Schema.String).annotations({ description: "Why it is not ready" }),
  in_flight: Schema.Int,
  logged_in: Schema.NullOr(Schema.Boolean),
  login: Schema.String,
  restarts: Schema.Int,
  ejected: Schema.Boolean,
  ejections_total: Schema.Int,
  consecutive_failures: Schema.Int,
  spent: Schema.Array(Schema.Struct({ model: Schema.NullOr(Schema.String), until: Schema.String })).annotations({
    description: "What of its account's quota is used up, until when; model null: all of it"
  }),
  last_error: Schema.NullOr(Schema.String).annotations({
    description: "What ended its process, else the last of its chats that failed since one went well"
  })
}).annotations({ identifier: "PoolInstance" })

/** Of one API key since the start of the process. */
export const KeyCounters = Schema.Struct({
  key: Schema.String,
  chats_completed_total: Schema.Int,
  chats_failed_total: Schema.Int,
  chats_cancelled_total: Schema.Int,
  chats_rejected_total: Schema.Int,
  prompt_tokens_total: Schema.Int,
  completion_tokens_total: Schema.Int
}).annotations({ identifier: "KeyCounters" })

export const Stats = Schema.Struct({
  ok: Schema.Literal(true),
  stats: Counters,
  keys: Schema.Array(KeyCounters).annotations({
    description: "Keys that asked for a chat; `other` after the first 100"
  }),
  concurrency: Concurrency,
  pool: Schema.Struct({ size: Schema.Int, ready: Schema.Int, instances: Schema.Array(PoolInstance) })
}).annotations({ identifier: "Stats" })

export const LoginView = Schema.Struct({
  enabled: Schema.Boolean.annotations({ description: "Whether logins begin by themselves" }),
  state: Schema.Literal("idle", "running", "failed"),
  reason: Schema.NullOr(Schema.String),
  detail: Schema.NullOr(Schema.String)
}).annotations({ identifier: "Login" })

const Identity = Schema.Struct({ id: Schema.String, userType: Schema.String })

export const LoginStarted = Schema.Struct({
  ok: Schema.Literal(true),
  state: Schema.Literal("already_logged_in", "running", "already_running"),
  instance: Schema.String,
  auth: Schema.optional(Identity),
  auto_login: Schema.optional(LoginView),
  login_url: Schema.optional(
    Schema.String.annotations({ description: "For a person to open; the gateway notices when they have signed in" })
  )
}).annotations({ identifier: "LoginStarted" })

export const LoginStatus = Schema.Struct({
  ok: Schema.Literal(true),
  instances: Schema.Array(
    Schema.Struct({
      instance: Schema.String,
      auto_login: LoginView,
      auth: Schema.Union(
        Schema.Struct({
          logged_in: Schema.Boolean,
          id: Schema.optional(Schema.String),
          userType: Schema.optional(Schema.String)
        }),
        Schema.Struct({ error: Schema.String })
      ),
      state: Schema.String.annotations({
        description: "signed_in, idle, running, waiting_for_person or login_failed:<reason>"
      })
    })
  )
}).annotations({ identifier: "LoginStatus" })

export const LoginDone = Schema.Struct({
  ok: Schema.Literal(true),
  state: Schema.Literal("logged_in"),
  instance: Schema.String
}).annotations({ identifier: "LoginDone" })

const LONGEST_URL = 16_384

export const LoginCallback = Schema.Struct({
  url: Schema.String.pipe(Schema.minLength(1), Schema.maxLength(LONGEST_URL)),
  instance: Schema.optional(Schema.NullOr(Schema.String))
}).annotations({ identifier: "LoginCallback" })

const Names = Schema.Array(Schema.String)

export const ConfigReloaded = Schema.Struct({
  ok: Schema.Literal(true),
  changed: Names.annotations({ description: "Settings that changed and are in effect" }),
  restart: Names.annotations({ description: "Settings that changed and are in effect at the next start" })
}).annotations({ identifier: "ConfigReloaded" })

const AnyQuery = Schema.Union(Schema.String, Schema.Array(Schema.String))

export class InternalApi extends HttpApiGroup.make("internal")
  .add(
    HttpApiEndpoint.get("stats", "/internal/stats")
      .addSuccess(Stats)
      .annotate(OpenApi.Summary, "Counters, the queue, and each instance")
  )
  .add(
    HttpApiEndpoint.post("loginStart", "/internal/auto-login/start")
      .setUrlParams(
        // Validated by the handler, because the platform's decode error has another shape.
        Schema.Struct({
          instance: Schema.optional(AnyQuery.annotations({ jsonSchema: { type: "string" } })),
          browser: Schema.optional(AnyQuery.annotations({ jsonSchema: { type: "string", enum: ["true", "false"] } }))
        })
      )
      .addSuccess(LoginStarted)
      .addError(Errors.withStatuses(404, 502, 503))
      .annotate(OpenApi.Summary, "Signs an instance in: by a browser, or at an address for a person")
  )
  .add(
    HttpApiEndpoint.get("loginStatus", "/internal/auto-login/status")
      .addSuccess(LoginStatus)
      .annotate(OpenApi.Summary, "Who is signed in, and how far logins are")
  )
  .add(
    HttpApiEndpoint.post("loginCallback", "/internal/auto-login/callback")
      .setPayload(LoginCallback)
      .addSuccess(LoginDone)
      .addError(Errors.withStatuses(...DeclaredErrors.ofBody, 404, 502, 503))
      .annotate(OpenApi.Summary, "Takes the address a browser on another machine ended at")
  )
  .add(
    HttpApiEndpoint.post("configReload", "/internal/config/reload")
      .addSuccess(ConfigReloaded)
      .addError(Errors.withStatuses(422, 501))
      .annotate(OpenApi.Summary, "Reads the settings again: all of them are in effect, or none if one is wrong")
  )
  .annotate(OpenApi.Description, "For administrators: figures, signing in, and settings")
  .middleware(AdminKey) {}

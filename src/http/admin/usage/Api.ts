/**
 * Routes that tell who used what: for administrators, and for each key its own.
 */
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as OpenApi from "@effect/platform/OpenApi"
import { Schema } from "effect"
import * as Errors from "../../dialects/openai/OpenAiErrors.ts"
import { OpenAiKey } from "../../dialects/openai/OpenAiKey.ts"
import { AdminKey } from "../internal/Api.ts"

export const dimensions = ["key", "model", "account", "client", "day"] as const
export const widths = ["1m", "1h", "1d"] as const
export const groups = ["project_id", "user_id", "api_key_id", "model", "batch", "service_tier"] as const

const figures = {
  requests: Schema.Int,
  completed: Schema.Int,
  failed: Schema.Int,
  cancelled: Schema.Int.annotations({ description: "Chats whose client left" }),
  rejected: Schema.Int.annotations({ description: "Chats that got no slot" }),
  estimated: Schema.Int.annotations({ description: "Chats whose tokens are estimates" }),
  prompt_tokens: Schema.Int,
  completion_tokens: Schema.Int,
  reasoning_tokens: Schema.Int.annotations({ description: "Part of the completion tokens" })
}
const Figures = Schema.Struct(figures).annotations({ identifier: "UsageFigures" })

export const UsageTable = Schema.Struct({
  object: Schema.Literal("usage.table"),
  by: Schema.Literal(...dimensions),
  since: Schema.String.annotations({ description: "The first moment, in UTC" }),
  time_zone: Schema.String.annotations({ description: "Of days: LIMITS_TIME_ZONE" }),
  data: Schema.Array(
    Schema.Struct({ name: Schema.String.annotations({ description: "`none`: no model answered" }), ...figures })
  ),
  total: Figures
}).annotations({ identifier: "UsageTable" })

const Left = Schema.NullOr(Schema.Struct({ limit: Schema.Int, remaining: Schema.Int, reset_seconds: Schema.Int }))

const NotKept = Schema.NullOr(Figures).annotations({ description: "Null where no usage is kept" })

export const OwnUsage = Schema.Struct({
  object: Schema.Literal("usage"),
  key: Schema.NullOr(Schema.Struct({ id: Schema.String, name: Schema.String })).annotations({
    description: "Null where no key is needed"
  }),
  limits: Schema.Struct({
    requests_per_minute: Left,
    tokens_per_day: Left,
    max_in_flight: Schema.NullOr(Schema.Int),
    models: Schema.Array(Schema.String).annotations({ description: "Patterns of names; empty: all models" }),
    expires: Schema.NullOr(Schema.String)
  }),
  time_zone: Schema.String.annotations({ description: "Of days: LIMITS_TIME_ZONE" }),
  today: NotKept,
  last_7_days: NotKept,
  last_30_days: NotKept
}).annotations({ identifier: "OwnUsage" })

const Result = Schema.Struct({
  object: Schema.Literal("organization.usage.completions.result"),
  input_tokens: Schema.Int,
  output_tokens: Schema.Int,
  input_cached_tokens: Schema.Int,
  input_audio_tokens: Schema.Int,
  output_audio_tokens: Schema.Int,
  num_model_requests: Schema.Int,
  project_id: Schema.Null,
  user_id: Schema.Null,
  api_key_id: Schema.NullOr(Schema.String),
  model: Schema.NullOr(Schema.String),
  batch: Schema.NullOr(Schema.Boolean),
  service_tier: Schema.Null
}).annotations({ identifier: "UsageResult" })

export const UsagePage = Schema.Struct({
  object: Schema.Literal("page"),
  data: Schema.Array(
    Schema.Struct({
      object: Schema.Literal("bucket"),
      start_time: Schema.Int,
      end_time: Schema.Int,
      results: Schema.Array(Result)
    }).annotations({ identifier: "UsageBucket" })
  ),
  has_more: Schema.Boolean,
  next_page: Schema.NullOr(Schema.String)
}).annotations({ identifier: "UsagePage" })

/** Read by the handler, which words what is wrong with them. */
const any = (description: string, jsonSchema: object) =>
  Schema.optional(
    Schema.Union(Schema.String, Schema.Array(Schema.String)).annotations({ description, jsonSchema: { ...jsonSchema } })
  )
const list = (...names: ReadonlyArray<string>) => ({
  type: "array",
  items: names.length === 0 ? { type: "string" } : { type: "string", enum: names }
})

const failures = Errors.withStatuses(400, 404, 503)

/** Most keys that one answer tells of. */
export const MOST_KEYS = 500

const KeyUsage = Schema.Struct({
  id: Schema.String,
  name: Schema.String,
  limits: Schema.Struct({ requests_per_minute: Left, tokens_per_day: Left }).annotations({
    description: "What is left of the limits that it has"
  }),
  today: Figures,
  last_7_days: Figures,
  last_30_days: Figures
}).annotations({ identifier: "KeyUsage" })

export const KeyUsageList = Schema.Struct({
  object: Schema.Literal("list"),
  time_zone: Schema.String.annotations({ description: "Of days: LIMITS_TIME_ZONE" }),
  data: Schema.Array(KeyUsage)
}).annotations({ identifier: "KeyUsageList" })

export class UsageApi extends HttpApiGroup.make("usage")
  .add(
    HttpApiEndpoint.get("table", "/internal/usage")
      .setUrlParams(
        Schema.Struct({
          by: any("What a line is", { type: "string", enum: dimensions, default: "key" }),
          since: any("Days such as 7d, hours such as 24h, or a date", { type: "string", default: "7d" })
        })
      )
      .addSuccess(UsageTable)
      .addError(failures)
      .annotate(OpenApi.Summary, "Who used what, in lines")
  )
  .add(
    HttpApiEndpoint.get("completions", "/v1/organization/usage/completions")
      .setUrlParams(
        Schema.Struct({
          start_time: any("Seconds since 1970; required", { type: "integer" }),
          end_time: any("Seconds since 1970", { type: "integer" }),
          bucket_width: any("Length of a bucket", { type: "string", enum: widths, default: "1d" }),
          group_by: any("What is told apart; here by key and by model", list(...groups)),
          api_key_ids: any("Only these keys", list()),
          models: any("Only these models", list()),
          batch: any("There are no batches here", { type: "boolean" }),
          limit: any("Most buckets of a page: 31, 168 or 1440 by their width", { type: "integer" }),
          page: any("`next_page` of the page before", { type: "string" })
        })
      )
      .addSuccess(UsagePage)
      .addError(failures)
      .annotate(OpenApi.Summary, "Who used what, in the shape of OpenAI's usage API")
  )
  .add(
    HttpApiEndpoint.get("ofKeys", "/internal/usage/keys")
      .setUrlParams(
        Schema.Struct({
          key: any(`Names of keys: at most ${MOST_KEYS}, as key=a&key=b or with commas; required`, list())
        })
      )
      .addSuccess(KeyUsageList)
      .addError(failures)
      .annotate(OpenApi.Summary, "What keys have used today, in 7 and in 30 days, and what is left of their limits")
  )
  .annotate(OpenApi.Description, "For administrators: who used what")
  .middleware(AdminKey) {}

export class OwnUsageApi extends HttpApiGroup.make("ownUsage")
  .add(
    HttpApiEndpoint.get("own", "/v1/usage")
      .addSuccess(OwnUsage)
      .addError(Errors.withStatus(503))
      .annotate(OpenApi.Summary, "The limits of the key that asks, what is left of them, and what it has used")
  )
  .annotate(OpenApi.Description, "What a key has used")
  .middleware(OpenAiKey) {}

/**
 * Answers who used what, from the sums of the ledger.
 */
import * as HttpApi from "@effect/platform/HttpApi"
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import type { SqlError } from "@effect/sql/SqlError"
import { Clock, Effect, Either, Layer } from "effect"
import type * as Rows from "../../../team/ledger/Rows.ts"
import * as Since from "../../../team/ledger/Since.ts"
import type { Bucket } from "../../../team/ledger/UsageBuckets.ts"
import * as UsageReport from "../../../team/ledger/UsageReport.ts"
import type { Left, Standings } from "../../../team/limits/Limits.ts"
import { Admission } from "../../chat/limits/Admission.ts"
import { badRequest, failure } from "../../dialects/openai/OpenAiFailure.ts"
import { Auth } from "../../edge/Auth.ts"
import { adminKeys } from "../internal/Handlers.ts"
import * as Params from "../Params.ts"
import { dimensions, MOST_KEYS, UsageApi } from "./Api.ts"
import * as Query from "./Query.ts"

const notKept = failure(404, "This gateway keeps no usage: it runs within a program that left the database out", {
  code: "usage_not_kept"
})
const unreadable = failure(
  503,
  "The usage cannot be read at the moment, please retry later",
  { type: "service_unavailable", code: "usage_unavailable" },
  { "retry-after": "5", "retry-after-ms": "5000" }
)

export const toFigures = (sums: Rows.Figures) => ({
  requests: sums.requests,
  completed: sums.completed,
  failed: sums.failed,
  cancelled: sums.cancelled,
  rejected: sums.rejected,
  estimated: sums.estimated,
  prompt_tokens: sums.promptTokens,
  completion_tokens: sums.completionTokens,
  reasoning_tokens: sums.reasoningTokens
})

const toBucket =
  ({ byBatch }: Query.Asked) =>
  ({ end, results, start }: Bucket) => ({
    object: "bucket" as const,
    start_time: Math.floor(start / 1000),
    end_time: Math.floor(end / 1000),
    results: results.map(({ completionTokens, keyId, model, promptTokens, requests }) => ({
      object: "organization.usage.completions.result" as const,
      input_tokens: promptTokens,
      output_tokens: completionTokens,
      input_cached_tokens: 0,
      input_audio_tokens: 0,
      output_audio_tokens: 0,
      num_model_requests: requests,
      project_id: null,
      user_id: null,
      api_key_id: keyId,
      model,
      batch: byBatch ? false : null,
      service_tier: null
    }))
  })

const left = (one: Left | undefined) =>
  one === undefined ? null : { limit: one.limit, remaining: one.remaining, reset_seconds: Math.ceil(one.reset / 1000) }

/** What is left of the limits of a key. */
export const toLimits = ({ requests, tokens }: Standings) => ({
  requests_per_minute: left(requests),
  tokens_per_day: left(tokens)
})

/** What the database says of it is for the log. */
export const told = (error: SqlError) => Effect.zipRight(Effect.logWarning("usage not read", error), unreadable)

const handlers = HttpApiBuilder.group(
  HttpApi.make("lingma-gateway").add(UsageApi),
  "usage",
  Effect.fnUntraced(function* (handlers) {
    const reports = yield* UsageReport.UsageReport
    const auth = yield* Auth
    const { limits } = yield* Admission

    const table = Effect.fnUntraced(function* () {
      if (reports === undefined) return yield* notKept
      const asked = yield* Params.current
      const by = yield* Params.one(asked, "by", dimensions, "key")
      const now = yield* Clock.currentTimeMillis
      const since = yield* Either.mapLeft(Since.parse(asked.get("since") ?? "7d", now, reports), (rule) =>
        badRequest(`'since' ${rule}.`, "since", "invalid_value")
      )
      const lines = yield* Effect.catchAll(reports.by(by, since), told)
      return {
        object: "usage.table" as const,
        by,
        since: new Date(Since.start(since, reports.days)).toISOString(),
        time_zone: reports.days.zone,
        data: lines.map((line) => ({ name: line.name, ...toFigures(line) })),
        total: toFigures(lines.reduce<Rows.Figures>(UsageReport.plus, UsageReport.nothing))
      }
    })

    const completions = Effect.fnUntraced(function* () {
      if (reports === undefined) return yield* notKept
      const now = yield* Clock.currentTimeMillis
      const query = yield* Query.read(yield* Params.current, now, reports.hourDays)
      const buckets = yield* Effect.catchAll(reports.buckets(query), told)
      const next = buckets.at(-1)?.end ?? query.until
      const hasMore = next < query.until
      return {
        object: "page" as const,
        data: buckets.map(toBucket(query)),
        has_more: hasMore,
        next_page: hasMore ? Query.pageOf(next) : null
      }
    })

    const ofKeys = Effect.fnUntraced(function* () {
      if (reports === undefined) return yield* notKept
      const names = yield* Params.names(yield* Params.current, "key", MOST_KEYS)
      const keys = auth.keys().filter(({ name }) => names.has(name))
      const ids = keys.map(({ id }) => id)
      const used = yield* Effect.catchAll(reports.ofKeys(ids, yield* Clock.currentTimeMillis), told)
      return {
        object: "list" as const,
        time_zone: reports.days.zone,
        data: keys.map((key) => {
          const of = used.get(key.id) ?? UsageReport.unused
          return {
            id: key.id,
            name: key.name,
            limits: toLimits(limits.left(key)),
            today: toFigures(of.today),
            last_7_days: toFigures(of.last7Days),
            last_30_days: toFigures(of.last30Days)
          }
        })
      }
    })
    return handlers.handle("table", table).handle("completions", completions).handle("ofKeys", ofKeys)
  })
)

export const UsageHandlers = Layer.provide(handlers, adminKeys)

/**
 * Current statistics, for administrators.
 */
import * as HttpApi from "@effect/platform/HttpApi"
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import { Effect, Either, Layer } from "effect"
import { Guard, type GuardStats } from "../../../chat/Guard.ts"
import { type Instance, Pool } from "../../../chat/Pool.ts"
import { LiveSettings } from "../../../config/LiveSettings.ts"
import { word } from "../../../domain/Login.ts"
import { redact } from "../../../domain/Redact.ts"
import { type Counters, type KeyCounters, Metrics } from "../../../observe/Metrics.ts"
import * as Body from "../../chat/Body.ts"
import * as Decode from "../../chat/Decode.ts"
import * as SchemaIssue from "../../chat/SchemaIssue.ts"
import * as Errors from "../../dialects/openai/OpenAiErrors.ts"
import { Auth } from "../../edge/Auth.ts"
import { AdminKey, InternalApi, LoginCallback } from "./Api.ts"
import * as ConfigReload from "./ConfigReload.ts"
import * as Login from "./LoginHandlers.ts"

/** Max characters of an error. */
const LONGEST_ERROR = 300

const toCounters = ({ outcomes, ...sums }: Counters) => ({
  uptime_seconds: sums.uptimeSeconds,
  chats_total: sums.chats,
  chats_stream_total: sums.streamed,
  chats_completed_total: outcomes.completed,
  chats_failed_total: outcomes.failed,
  chats_cancelled_total: outcomes.cancelled,
  chats_rejected_total: outcomes.rejected,
  prompt_tokens_total: sums.promptTokens,
  completion_tokens_total: sums.completionTokens,
  models_requests_total: sums.modelLists
})

const toKey = ({ completionTokens, key, outcomes, promptTokens }: KeyCounters) => ({
  key,
  chats_completed_total: outcomes.completed,
  chats_failed_total: outcomes.failed,
  chats_cancelled_total: outcomes.cancelled,
  chats_rejected_total: outcomes.rejected,
  prompt_tokens_total: promptTokens,
  completion_tokens_total: completionTokens
})

const toConcurrency = (stats: GuardStats) => ({
  max_in_flight: stats.maxInFlight,
  in_flight: stats.inFlight,
  queued: stats.queued,
  accepted_total: stats.accepted,
  rejected_total: stats.rejected,
  abandoned_total: stats.abandoned,
  completed_total: stats.completed,
  failed_total: stats.failed,
  cancelled_total: stats.cancelled
})

const toInstance = (instance: Instance) => ({
  name: instance.id,
  state: instance.state,
  ready: instance.ready,
  reason: instance.reason ?? null,
  in_flight: instance.inFlight,
  logged_in: instance.loggedIn ?? null,
  login: word(instance.login),
  restarts: instance.restarts,
  ejected: instance.ejected,
  ejections_total: instance.ejections,
  consecutive_failures: instance.health.failures,
  spent: instance.spent.map(({ model, until }) => ({ model: model ?? null, until: new Date(until).toISOString() })),
  last_error: instance.lastError === undefined ? null : redact(instance.lastError, LONGEST_ERROR)
})

const decodeCallback = Decode.reader(LoginCallback)

const handlers = HttpApiBuilder.group(
  HttpApi.make("lingma-gateway").add(InternalApi),
  "internal",
  Effect.fnUntraced(function* (handlers) {
    const guard = yield* Guard
    const metrics = yield* Metrics
    const pool = yield* Pool
    const live = yield* LiveSettings.get

    const stats = Effect.fnUntraced(function* () {
      const instances = yield* pool.snapshot
      return {
        ok: true as const,
        stats: toCounters(yield* metrics.counters),
        keys: (yield* metrics.keys).map(toKey),
        concurrency: toConcurrency(yield* guard.stats),
        pool: {
          size: instances.length,
          ready: instances.filter((instance) => instance.ready).length,
          instances: instances.map(toInstance)
        }
      }
    })

    const bodyLimit = 64 * 1024
    const readCallback = Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) =>
      Body.json(request, bodyLimit).pipe(
        Effect.mapError(Errors.fromRefusal),
        Effect.flatMap((body) =>
          Either.mapLeft(decodeCallback(body), ({ issue }) => Errors.fromIssue(SchemaIssue.explain(issue)))
        )
      )
    )

    return handlers
      .handle("stats", stats)
      .handle("configReload", () => ConfigReload.reload(live))
      .handle("loginStart", ({ urlParams }) =>
        Login.answered(Effect.flatMap(pool.snapshot, (instances) => Login.start(instances, urlParams)))
      )
      .handle("loginStatus", () => Effect.flatMap(pool.snapshot, Login.status))
      .handleRaw("loginCallback", () =>
        Login.answered(
          Effect.gen(function* () {
            const { instance, url } = yield* readCallback
            return yield* Login.callback(yield* pool.snapshot, { instance: instance ?? undefined, url })
          })
        )
      )
  })
)

/** The check of admin keys, for all routes of administrators. */
export const adminKeys = Layer.effect(
  AdminKey,
  Effect.map(Auth, (auth) => {
    const check = () =>
      Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) =>
        Effect.mapError(auth.admin(request), Errors.fromRefusal)
      )
    return AdminKey.of({ bearer: check, apiKey: check })
  })
)

export const InternalHandlers = Layer.provide(handlers, adminKeys)

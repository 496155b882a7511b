/**
 * Health checks, which need no key and reveal nothing sensitive; and the metrics.
 */
import * as HttpApi from "@effect/platform/HttpApi"
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Clock, Effect } from "effect"
import { Pool } from "../../../chat/Pool.ts"
import { Metrics } from "../../../observe/Metrics.ts"
import * as Errors from "../../dialects/openai/OpenAiErrors.ts"
import { Auth } from "../../edge/Auth.ts"
import { Drain } from "../../server/Drain.ts"
import { OpsApi } from "./Api.ts"
import * as Prometheus from "./Prometheus.ts"

/** Max instances listed in a reason. */
const MOST_NAMED = 16

/** Whether a person looks with a browser; clients of the API ask for no page. */
const isBrowser = ({ headers }: HttpServerRequest.HttpServerRequest) => /\btext\/html\b/i.test(headers["accept"] ?? "")
const varied = { headers: { vary: "accept" } }

export const OpsHandlers = HttpApiBuilder.group(
  HttpApi.make("lingma-gateway").add(OpsApi),
  "ops",
  Effect.fnUntraced(function* (handlers) {
    const pool = yield* Pool
    const drain = yield* Drain
    const auth = yield* Auth
    const { snapshot } = yield* Metrics

    const health = Effect.fnUntraced(function* () {
      const instances = yield* pool.snapshot
      const ready = instances.filter((instance) => instance.ready).length
      return {
        ok: ready > 0,
        time: Math.floor((yield* Clock.currentTimeMillis) / 1000),
        emulated: instances.some(({ backend }) => backend.emulated),
        pool_size: instances.length,
        pool_ready: ready,
        instances: instances.map(({ id, inFlight, ready, reason, state }) => ({
          name: id,
          state,
          ready,
          reason: reason ?? null,
          in_flight: inFlight
        }))
      }
    })

    const ready = Effect.fnUntraced(function* () {
      if (drain.isLeaving()) return yield* Effect.fail({ ok: false, reason: "the gateway is shutting down" })
      const instances = yield* pool.snapshot
      if (instances.some((instance) => instance.ready)) return { ok: true }
      const reasons = instances.slice(0, MOST_NAMED).map(({ id, reason }) => `${id}: ${reason}`)
      return yield* Effect.fail({ ok: false, reason: `no instance is ready; ${reasons.join("; ")}` })
    })

    const metrics = Effect.fnUntraced(
      function* () {
        const request = yield* HttpServerRequest.HttpServerRequest
        yield* auth.metrics(request)
        const text = Prometheus.render(yield* snapshot)
        return HttpServerResponse.text(text, { contentType: "text/plain; version=0.0.4; charset=utf-8" })
      },
      Effect.catchAll((refusal) => Effect.succeed(Errors.respond(Errors.fromRefusal(refusal))))
    )

    const welcome = HttpServerResponse.unsafeJson(
      { name: "lingma-gateway", docs: "/docs", openapi: "/openapi.json", health: "/healthz" },
      varied
    )
    const toDashboard = HttpServerResponse.empty({ status: 302, headers: { location: "dashboard", ...varied.headers } })

    return handlers
      .handle("health", health)
      .handle("healthAlias", health)
      .handle("ready", ready)
      .handleRaw("metrics", metrics)
      .handleRaw("welcome", ({ request }) => Effect.succeed(isBrowser(request) ? toDashboard : welcome))
      .handle("hello", () => Effect.succeed({}))
      .handleRaw("events", () => Effect.succeed(HttpServerResponse.unsafeJson({})))
      .handleRaw("eventsV2", () => Effect.succeed(HttpServerResponse.unsafeJson({})))
  })
)

/**
 * Health for probes and people, without a key and without what a stranger should not see; and the metrics.
 */
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Clock, Effect, Metric } from "effect"
import { Gauges } from "../../Gauges.ts"
import { Pool } from "../../Pool.ts"
import { Api } from "../Api.ts"
import { Auth } from "../Auth.ts"
import { Drain } from "../Drain.ts"
import * as Errors from "../OpenAiErrors.ts"
import * as Prometheus from "./Prometheus.ts"

export const OpsHandlers = HttpApiBuilder.group(
  Api,
  "ops",
  Effect.fnUntraced(function* (handlers) {
    const pool = yield* Pool
    const drain = yield* Drain
    const auth = yield* Auth
    const gauges = yield* Gauges

    const health = Effect.fnUntraced(function* () {
      const instances = yield* pool.snapshot
      const ready = instances.filter((instance) => instance.ready).length
      return {
        ok: ready > 0,
        time: Math.floor((yield* Clock.currentTimeMillis) / 1000),
        emulated: instances.some(({ backend }) => backend.emulated),
        pool_size: instances.length,
        pool_ready: ready,
        instances: instances.map(({ id, inFlight, state }) => ({ name: id, state, in_flight: inFlight }))
      }
    })

    const ready = Effect.fnUntraced(function* () {
      const instances = yield* pool.snapshot
      const ok = !drain.isDraining() && instances.some((instance) => instance.ready)
      return ok ? { ok } : yield* Effect.fail({ ok })
    })

    const metrics = Effect.fnUntraced(
      function* () {
        const request = yield* HttpServerRequest.HttpServerRequest
        yield* auth.metrics(request)
        yield* gauges.collect
        const text = Prometheus.render(Metric.unsafeSnapshot(undefined))
        return HttpServerResponse.text(text, { contentType: "text/plain; version=0.0.4; charset=utf-8" })
      },
      Effect.catchAll((refusal) => Effect.succeed(Errors.respond(Errors.fromRefusal(refusal))))
    )

    const welcome = { name: "lingma-gateway", docs: "/docs", openapi: "/openapi.json", health: "/healthz" }

    return handlers
      .handle("health", health)
      .handle("ready", ready)
      .handleRaw("metrics", metrics)
      .handle("welcome", () => Effect.succeed(welcome))
  })
)

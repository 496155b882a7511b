/**
 * Health for probes and people; no key, and nothing a stranger should not see.
 */
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import { Clock, Effect } from "effect"
import { Pool } from "../../Pool.ts"
import { Api } from "../Api.ts"
import { Drain } from "../Drain.ts"

export const OpsHandlers = HttpApiBuilder.group(
  Api,
  "ops",
  Effect.fnUntraced(function* (handlers) {
    const pool = yield* Pool
    const drain = yield* Drain

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

    const welcome = { name: "lingma-gateway", docs: "/docs", openapi: "/openapi.json", health: "/healthz" }

    return handlers
      .handle("health", health)
      .handle("ready", ready)
      .handle("welcome", () => Effect.succeed(welcome))
  })
)

/**
 * What a key may know of itself: its limits, what is left of them, and what it has used.
 */
import * as HttpApi from "@effect/platform/HttpApi"
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import { Clock, Effect, Layer } from "effect"
import { GatewayConfig } from "../../../config/Config.ts"
import type { Key } from "../../../team/keys/Key.ts"
import * as KeyView from "../../../team/keys/KeyView.ts"
import { UsageReport } from "../../../team/ledger/UsageReport.ts"
import { Admission } from "../../chat/limits/Admission.ts"
import { OpenAiKey } from "../../dialects/openai/OpenAiKey.ts"
import { Auth } from "../../edge/Auth.ts"
import { OwnUsageApi } from "./Api.ts"
import { toFigures, toLimits, told } from "./Handlers.ts"

const noLimits = { requests_per_minute: null, tokens_per_day: null, max_in_flight: null, models: [], expires: null }

const handlers = HttpApiBuilder.group(
  HttpApi.make("lingma-gateway").add(OwnUsageApi),
  "ownUsage",
  Effect.fnUntraced(function* (handlers) {
    const auth = yield* Auth
    const { limitsTimeZone } = yield* GatewayConfig
    const { limits } = yield* Admission
    const reports = yield* UsageReport

    const limitsOf = (key: Key) => {
      const { expires, max_in_flight, models } = KeyView.toView(key)
      return { ...toLimits(limits.left(key)), max_in_flight, models, expires }
    }
    const own = Effect.fnUntraced(function* () {
      const request = yield* HttpServerRequest.HttpServerRequest
      const key = auth.key(request)
      const now = yield* Clock.currentTimeMillis
      const used =
        reports === undefined ? undefined : yield* Effect.catchAll(reports.ofKey(auth.caller(request).id, now), told)
      return {
        object: "usage" as const,
        key: key === undefined ? null : { id: key.id, name: key.name },
        limits: key === undefined ? noLimits : limitsOf(key),
        time_zone: limitsTimeZone,
        today: used === undefined ? null : toFigures(used.today),
        last_7_days: used === undefined ? null : toFigures(used.last7Days),
        last_30_days: used === undefined ? null : toFigures(used.last30Days)
      }
    })
    return handlers.handle("own", own)
  })
)

export const OwnUsageHandlers = Layer.provide(handlers, OpenAiKey.layer)

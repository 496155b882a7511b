/**
 * What a key may know of itself.
 */
import * as HttpApi from "@effect/platform/HttpApi"
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import { Effect, Layer } from "effect"
import * as KeyView from "../../../team/keys/KeyView.ts"
import type { Left } from "../../../team/limits/Limits.ts"
import { Admission } from "../../chat/limits/Admission.ts"
import { OpenAiKey } from "../../dialects/openai/OpenAiKey.ts"
import { Auth } from "../../edge/Auth.ts"
import { UsageApi } from "./Api.ts"

const left = (one: Left | undefined) =>
  one === undefined ? null : { limit: one.limit, remaining: one.remaining, reset_seconds: Math.ceil(one.reset / 1000) }

const noLimits = { requests_per_minute: null, tokens_per_day: null, max_in_flight: null, models: [], expires: null }

const handlers = HttpApiBuilder.group(
  HttpApi.make("lingma-gateway").add(UsageApi),
  "usage",
  Effect.fnUntraced(function* (handlers) {
    const auth = yield* Auth
    const { limits } = yield* Admission

    const own = Effect.map(HttpServerRequest.HttpServerRequest, (request) => {
      const key = auth.key(request)
      if (key === undefined) return { object: "key.usage" as const, key: null, limits: noLimits }
      const { requests, tokens } = limits.left(key)
      const { expires, max_in_flight, models } = KeyView.toView(key)
      return {
        object: "key.usage" as const,
        key: { id: key.id, name: key.name },
        limits: {
          requests_per_minute: left(requests),
          tokens_per_day: left(tokens),
          max_in_flight,
          models,
          expires
        }
      }
    })
    return handlers.handle("ownUsage", () => own)
  })
)

export const UsageHandlers = Layer.provide(handlers, OpenAiKey.layer)

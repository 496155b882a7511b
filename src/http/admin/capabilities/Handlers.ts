/**
 * Combines the field tables of all dialects with the gateway's features and limits.
 */
import * as HttpApi from "@effect/platform/HttpApi"
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import { Effect, Layer, Option } from "effect"
import { LiveSettings } from "../../../config/LiveSettings.ts"
import { version } from "../../../Version.ts"
import type { Dialect } from "../../chat/FieldSupport.ts"
import * as OpenAiKeyCheck from "../../dialects/openai/OpenAiKeyCheck.ts"
import type { Capabilities } from "./Api.ts"
import { CapabilitiesApi } from "./Api.ts"

const emulated = { support: "emulated" } as const

const handlers = (dialects: ReadonlyArray<Dialect>) =>
  HttpApiBuilder.group(
    HttpApi.make("lingma-gateway").add(CapabilitiesApi),
    "capabilities",
    Effect.fnUntraced(function* (handlers) {
      const live = yield* LiveSettings.get
      const answer = (): typeof Capabilities.Type => {
        const { bodyLimitMb, embeddingsUrl, maxInFlight, queueMax, reasoningField } = live.current
        return {
          object: "capabilities",
          version,
          features: {
            streaming: true,
            tools: {
              ...emulated,
              kinds: ["function", "custom"],
              choice: ["none", "auto", "required", "named", "allowed_tools"],
              parallel: true
            },
            structured_output: { ...emulated, formats: ["json_object", "json_schema"] },
            stop: emulated,
            max_tokens: emulated,
            vision: { formats: ["png", "jpeg", "webp", "gif"] },
            reasoning: { field: reasoningField },
            embeddings: Option.isSome(embeddingsUrl)
          },
          limits: { body_mb: bodyLimitMb, in_flight: maxInFlight, queue: queueMax },
          dialects: Object.fromEntries(dialects.map(({ fields, limits, path }) => [path, { fields, limits }]))
        }
      }
      return handlers.handle("capabilities", () => Effect.sync(answer))
    })
  )

/** The dialects are passed in by `Server`. */
export const CapabilitiesHandlers = (dialects: ReadonlyArray<Dialect>) =>
  Layer.provide(handlers(dialects), OpenAiKeyCheck.layer)

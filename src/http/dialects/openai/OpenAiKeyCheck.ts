/**
 * Checks the API key of OpenAI's dialects.
 */
import { Effect, Layer } from "effect"
import * as Auth from "../../edge/Auth.ts"
import * as Errors from "./OpenAiErrors.ts"
import { OpenAiKey } from "./OpenAiKey.ts"

export const layer: Layer.Layer<OpenAiKey, never, Auth.Auth> = Layer.effect(
  OpenAiKey,
  Effect.map(
    Auth.routeCheck((refusal) => Errors.fromRefusal(refusal)),
    OpenAiKey.of
  )
)

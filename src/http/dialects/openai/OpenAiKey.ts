/**
 * API key of OpenAI's dialects: `Authorization: Bearer`, `x-api-key` or `api-key`.
 */
import * as HttpApiMiddleware from "@effect/platform/HttpApiMiddleware"
import * as HttpApiSecurity from "@effect/platform/HttpApiSecurity"
import { Effect, Layer } from "effect"
import * as Auth from "../../edge/Auth.ts"
import * as Errors from "./OpenAiErrors.ts"

export class OpenAiKey extends HttpApiMiddleware.Tag<OpenAiKey>()("lingma-gateway/http/OpenAiKey", {
  failure: Errors.withStatus(401),
  security: {
    bearer: HttpApiSecurity.bearer,
    apiKey: HttpApiSecurity.apiKey({ key: "x-api-key", in: "header" })
  }
}) {
  static readonly layer: Layer.Layer<OpenAiKey, never, Auth.Auth> = Layer.effect(
    OpenAiKey,
    Effect.map(
      Auth.routeCheck((refusal) => Errors.fromRefusal(refusal)),
      OpenAiKey.of
    )
  )
}

/**
 * The key that OpenAI's dialects ask for, by `Authorization: Bearer` or `x-api-key`.
 */
import * as HttpApiMiddleware from "@effect/platform/HttpApiMiddleware"
import * as HttpApiSecurity from "@effect/platform/HttpApiSecurity"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import { Effect, Layer } from "effect"
import { Auth } from "../../edge/Auth.ts"
import * as Errors from "./OpenAiErrors.ts"

export class OpenAiKey extends HttpApiMiddleware.Tag<OpenAiKey>()("lingma-gateway/http/OpenAiKey", {
  failure: Errors.withStatus(401),
  security: {
    bearer: HttpApiSecurity.bearer,
    apiKey: HttpApiSecurity.apiKey({ key: "x-api-key", in: "header" })
  }
}) {
  static readonly layer: Layer.Layer<OpenAiKey, never, Auth> = Layer.effect(
    OpenAiKey,
    Effect.map(Auth, (auth) => {
      // Both schemes ask the same question: which header held a key is the gate's matter.
      const check = () =>
        Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) =>
          Effect.mapError(auth.api(request), Errors.fromRefusal)
        )
      return OpenAiKey.of({ bearer: check, apiKey: check })
    })
  )
}

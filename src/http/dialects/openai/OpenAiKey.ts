/**
 * API key of OpenAI's dialects: `Authorization: Bearer`, `x-api-key` or `api-key`. Not the check itself, which clients need not load.
 */
import * as HttpApiMiddleware from "@effect/platform/HttpApiMiddleware"
import * as HttpApiSecurity from "@effect/platform/HttpApiSecurity"
import * as Errors from "./OpenAiErrors.ts"

export class OpenAiKey extends HttpApiMiddleware.Tag<OpenAiKey>()("lingma-gateway/http/OpenAiKey", {
  failure: Errors.withStatus(401),
  security: {
    bearer: HttpApiSecurity.bearer,
    apiKey: HttpApiSecurity.apiKey({ key: "x-api-key", in: "header" })
  }
}) {}

/**
 * The whole HTTP surface. A new dialect is one more `.add`.
 */
import * as HttpApi from "@effect/platform/HttpApi"
import * as OpenApi from "@effect/platform/OpenApi"
import { version } from "../Version.ts"
import { CapabilitiesApi } from "./admin/capabilities/Api.ts"
import { OpsApi } from "./admin/health/Api.ts"
import { InternalApi } from "./admin/internal/Api.ts"
import { ChatCompletionChunk, OpenAiApi } from "./dialects/chat-completions/Api.ts"
import { AnthropicApi, MessageStreamEvent } from "./dialects/messages/Api.ts"
import { ResponseStreamEvent, ResponsesApi } from "./dialects/responses/Api.ts"
import * as Description from "./openapi/Description.ts"

/** Every route with its shapes and failures, for clients, for `/openapi.json` and for the handlers. */
export class Api extends HttpApi.make("lingma-gateway")
  .add(OpenAiApi)
  .add(AnthropicApi)
  .add(CapabilitiesApi)
  .add(ResponsesApi)
  .add(OpsApi)
  .add(InternalApi)
  .annotate(OpenApi.Title, "Lingma gateway")
  .annotate(OpenApi.Version, version)
  .annotate(
    OpenApi.Description,
    "Alibaba Lingma behind the APIs that clients know. A path that is none is answered with 404, a method that it does not take with 405 and `allow`."
  )
  .annotate(OpenApi.License, { name: "MIT", url: "https://spdx.org/licenses/MIT.html" })
  .annotate(HttpApi.AdditionalSchemas, [ChatCompletionChunk, MessageStreamEvent, ResponseStreamEvent])
  .annotate(OpenApi.Transform, Description.complete) {}

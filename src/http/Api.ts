/** The whole HTTP surface. A new dialect is one more `.add`. */
import * as HttpApi from "@effect/platform/HttpApi"
import * as OpenApi from "@effect/platform/OpenApi"
import { ChatCompletionChunk, OpenAiApi } from "./openai/Api.ts"
import { OpsApi } from "./ops/Api.ts"

export class Api extends HttpApi.make("lingma-gateway")
  .add(OpenAiApi)
  .add(OpsApi)
  .annotate(OpenApi.Title, "Lingma gateway")
  .annotate(HttpApi.AdditionalSchemas, [ChatCompletionChunk]) {}

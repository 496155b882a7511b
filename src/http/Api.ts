/**
 * The whole HTTP surface. A new dialect is one more `.add`.
 */
import * as HttpApi from "@effect/platform/HttpApi"
import * as OpenApi from "@effect/platform/OpenApi"
import { version } from "../Version.ts"
import { AnthropicApi } from "./anthropic/Api.ts"
import { CapabilitiesApi } from "./capabilities/Api.ts"
import { InternalApi } from "./internal/Api.ts"
import { ChatCompletionChunk, OpenAiApi } from "./openai/Api.ts"
import { OpsApi } from "./ops/Api.ts"
import { ResponseStreamEvent, ResponsesApi } from "./responses/Api.ts"

const UNUSED = new Set(["HttpApiDecodeError", "Issue", "PropertyKey"])
const isUnused = (value: { readonly $ref?: unknown }) => value.$ref === "#/components/schemas/HttpApiDecodeError"

/** Unknown fields are ignored, and platform's own decode error is never answered here: the generator says otherwise. */
const tidy = (spec: object): Record<string, unknown> =>
  JSON.parse(JSON.stringify(spec), (key, value) => {
    if (UNUSED.has(key) || (key === "additionalProperties" && value === false)) return undefined
    if (key === "anyOf") return value.filter((member: object) => !isUnused(member))
    if (key === "400" && isUnused(value.content["application/json"].schema)) return undefined
    return value
  })

export class Api extends HttpApi.make("lingma-gateway")
  .add(OpenAiApi)
  .add(AnthropicApi)
  .add(CapabilitiesApi)
  .add(ResponsesApi)
  .add(OpsApi)
  .add(InternalApi)
  .annotate(OpenApi.Title, "Lingma gateway")
  .annotate(OpenApi.Version, version)
  .annotate(HttpApi.AdditionalSchemas, [ChatCompletionChunk, ResponseStreamEvent])
  .annotate(OpenApi.Transform, tidy) {}

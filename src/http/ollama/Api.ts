/**
 * The part of Ollama's API by which clients discover a server and its models; they then chat at `/v1`. No handlers
 * here, so clients can import it.
 */
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as HttpApiMiddleware from "@effect/platform/HttpApiMiddleware"
import * as HttpApiSecurity from "@effect/platform/HttpApiSecurity"
import * as OpenApi from "@effect/platform/OpenApi"
import { Schema } from "effect"
import * as Errors from "../dialects/openai/OpenAiErrors.ts"
import * as DeclaredErrors from "../edge/DeclaredErrors.ts"

/** An API key, once the routes are there at all. */
export class OllamaKey extends HttpApiMiddleware.Tag<OllamaKey>()("lingma-gateway/http/OllamaKey", {
  failure: Schema.Union(Errors.withStatus(401), Errors.withStatus(404)),
  security: {
    bearer: HttpApiSecurity.bearer,
    apiKey: HttpApiSecurity.apiKey({ key: "x-api-key", in: "header" })
  }
}) {}

export const Version = Schema.Struct({ version: Schema.String }).annotations({ identifier: "OllamaVersion" })

/** Facts of a model file; there is none, but clients want the fields to be there. */
const Details = Schema.Struct({
  parent_model: Schema.String,
  format: Schema.String,
  family: Schema.String,
  families: Schema.Array(Schema.String),
  parameter_size: Schema.String,
  quantization_level: Schema.String
})

export const Tags = Schema.Struct({
  models: Schema.Array(
    Schema.Struct({
      name: Schema.String,
      model: Schema.String,
      modified_at: Schema.String,
      size: Schema.Int,
      digest: Schema.String,
      details: Details
    })
  )
}).annotations({ identifier: "OllamaTags" })

/** Older clients send `name`. */
export const ShowRequest = Schema.Struct({
  model: Schema.optional(Schema.String),
  name: Schema.optional(Schema.String)
}).annotations({ identifier: "OllamaShowRequest" })

export const Shown = Schema.Struct({
  license: Schema.String,
  modelfile: Schema.String,
  parameters: Schema.String,
  template: Schema.String,
  details: Details,
  model_info: Schema.Record({ key: Schema.String, value: Schema.Union(Schema.String, Schema.Number) }),
  capabilities: Schema.Array(Schema.Literal("completion", "tools", "vision", "thinking")),
  modified_at: Schema.String
}).annotations({ identifier: "OllamaModel" })

export class OllamaApi extends HttpApiGroup.make("ollama")
  .add(
    HttpApiEndpoint.get("version", "/api/version")
      .addSuccess(Version)
      .annotate(OpenApi.Summary, "The version of Ollama's API that is answered here")
  )
  .add(
    HttpApiEndpoint.get("tags", "/api/tags")
      .addSuccess(Tags)
      .addError(Errors.withStatus(503))
      .annotate(OpenApi.Summary, "The models, as Ollama lists them")
  )
  .add(
    HttpApiEndpoint.post("show", "/api/show")
      .setPayload(ShowRequest)
      .addSuccess(Shown)
      .addError(Errors.withStatuses(...DeclaredErrors.ofBody, 429, 503))
      .annotate(OpenApi.Summary, "One model, as Ollama describes it")
  )
  .annotate(OpenApi.Description, "For clients that look for an Ollama server; 404 unless OLLAMA_DISCOVERY is set")
  .middleware(OllamaKey) {}

/**
 * `/v1/capabilities`: supported features, limits and request fields.
 */
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as OpenApi from "@effect/platform/OpenApi"
import { Schema } from "effect"
import { OpenAiKey } from "../../dialects/openai/OpenAiKey.ts"

const FieldRule = Schema.Struct({
  class: Schema.Literal("honoured", "emulated", "ignored", "refused"),
  refused: Schema.optional(
    Schema.String.annotations({ description: "Values that are refused although the field is not" })
  ),
  note: Schema.optional(Schema.String)
}).annotations({ identifier: "FieldRule" })

const Support = Schema.Literal("native", "emulated")

export const Capabilities = Schema.Struct({
  object: Schema.Literal("capabilities"),
  version: Schema.String,
  features: Schema.Struct({
    streaming: Schema.Boolean,
    tools: Schema.Struct({
      support: Support,
      kinds: Schema.Array(Schema.String),
      choice: Schema.Array(Schema.String),
      parallel: Schema.Boolean
    }),
    structured_output: Schema.Struct({ support: Support, formats: Schema.Array(Schema.String) }),
    stop: Schema.Struct({ support: Support }),
    max_tokens: Schema.Struct({ support: Support }),
    vision: Schema.Struct({ formats: Schema.Array(Schema.String) }),
    reasoning: Schema.Struct({ field: Schema.String }),
    embeddings: Schema.Boolean.annotations({ description: "Whether EMBEDDINGS_URL is set" })
  }),
  limits: Schema.Struct({ body_mb: Schema.Number, in_flight: Schema.Int, queue: Schema.Int }),
  dialects: Schema.Record({
    key: Schema.String,
    value: Schema.Struct({
      fields: Schema.Record({ key: Schema.String, value: FieldRule }),
      limits: Schema.Record({ key: Schema.String, value: Schema.Number })
    })
  })
}).annotations({ identifier: "Capabilities" })

export class CapabilitiesApi extends HttpApiGroup.make("capabilities")
  .add(
    HttpApiEndpoint.get("capabilities", "/v1/capabilities")
      .addSuccess(Capabilities)
      .annotate(OpenApi.Summary, "Features, limits, and what becomes of each request field")
  )
  .middleware(OpenAiKey) {}

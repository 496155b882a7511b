/**
 * Embeddings as seen from outside. No handlers here, so clients can import it.
 */
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as OpenApi from "@effect/platform/OpenApi"
import { Schema } from "effect"
import * as Errors from "../dialects/openai/OpenAiErrors.ts"
import { OpenAiKey } from "../dialects/openai/OpenAiKey.ts"
import * as DeclaredErrors from "../edge/DeclaredErrors.ts"

const Tokens = Schema.Array(Schema.Int)

/** Fields beside these are passed on as they are. */
export const EmbeddingsRequest = Schema.Struct({
  model: Schema.String,
  input: Schema.Union(Schema.String, Schema.Array(Schema.String), Tokens, Schema.Array(Tokens)),
  encoding_format: Schema.optional(Schema.Literal("float", "base64")),
  dimensions: Schema.optional(Schema.Int),
  user: Schema.optional(Schema.String)
}).annotations({ identifier: "EmbeddingsRequest" })

export const EmbeddingList = Schema.Struct({
  object: Schema.Literal("list"),
  data: Schema.Array(
    Schema.Struct({
      object: Schema.Literal("embedding"),
      index: Schema.Int,
      embedding: Schema.Union(Schema.Array(Schema.Number), Schema.String)
    })
  ),
  model: Schema.String,
  usage: Schema.optional(Schema.Struct({ prompt_tokens: Schema.Int, total_tokens: Schema.Int }))
}).annotations({ identifier: "EmbeddingList" })

export class EmbeddingsApi extends HttpApiGroup.make("embeddings")
  .add(
    HttpApiEndpoint.post("embeddings", "/v1/embeddings")
      .setPayload(EmbeddingsRequest)
      .addSuccess(EmbeddingList)
      .addError(Errors.withStatuses(...DeclaredErrors.ofChat, 501))
      .annotate(OpenApi.Summary, "Embeddings, answered by the API that EMBEDDINGS_URL names")
  )
  .annotate(OpenApi.Description, "As OpenAI's API: embeddings, passed through")
  .middleware(OpenAiKey) {}

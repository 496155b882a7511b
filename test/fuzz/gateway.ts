/**
 * The gateway that is fuzzed: its model says hello to everything, and its embeddings are always the same.
 */
import { Effect, Option } from "effect"
import * as EmbeddingsServer from "../support/EmbeddingsServer.ts"
import * as TestBackend from "../support/TestBackend.ts"
import * as TestGateway from "../support/TestGateway.ts"

const embeddings = { object: "list", data: [{ object: "embedding", index: 0, embedding: [1] }], model: "m" }

export const serve = Effect.flatMap(EmbeddingsServer.serve(EmbeddingsServer.json(200, embeddings)), ({ url }) =>
  TestGateway.serve(TestBackend.make(), { embeddingsUrl: Option.some(url) })
)

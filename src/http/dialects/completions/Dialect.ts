/**
 * Text completions, for the registry. Errors at the edge have OpenAI's shape.
 */
import { CompletionChunk, CompletionsApi } from "./Api.ts"
import { support } from "./Fields.ts"

export const dialect = { api: CompletionsApi, support, events: CompletionChunk }

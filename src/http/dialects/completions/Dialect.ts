/**
 * Text completions, for the registry. At the edge they are worded as every path of OpenAI's.
 */
import { CompletionChunk, CompletionsApi } from "./Api.ts"
import { dialect as support } from "./Fields.ts"

export const dialect = { api: CompletionsApi, support, events: CompletionChunk }

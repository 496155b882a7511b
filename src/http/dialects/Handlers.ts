/**
 * What serves the dialects of `Registry.ts`; for the server alone.
 */
import { Layer } from "effect"
import { OpenAiHandlers } from "./chat-completions/Handlers.ts"
import { CompletionsHandlers } from "./completions/Handlers.ts"
import { AnthropicHandlers } from "./messages/Handlers.ts"
import { ResponsesHandlers } from "./responses/Handlers.ts"

export const layer = Layer.mergeAll(OpenAiHandlers, ResponsesHandlers, AnthropicHandlers, CompletionsHandlers)

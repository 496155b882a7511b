/**
 * What serves the dialects of `Registry.ts`; for the server alone.
 */
import { Layer } from "effect"
import { ChatCompletionsHandlers } from "./chat-completions/Handlers.ts"
import { CompletionsHandlers } from "./completions/Handlers.ts"
import { MessagesHandlers } from "./messages/Handlers.ts"
import { ResponsesHandlers } from "./responses/Handlers.ts"

export const layer = Layer.mergeAll(ChatCompletionsHandlers, ResponsesHandlers, MessagesHandlers, CompletionsHandlers)

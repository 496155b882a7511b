/**
 * Handler of text completions.
 */
import * as HttpApi from "@effect/platform/HttpApi"
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import { Effect, Layer } from "effect"
import * as ChatEndpoint from "../../chat/ChatEndpoint.ts"
import * as OpenAiKeyCheck from "../openai/OpenAiKeyCheck.ts"
import { CompletionsApi } from "./Api.ts"
import { completions } from "./Exchange.ts"

const handlers = HttpApiBuilder.group(HttpApi.make("lingma-gateway").add(CompletionsApi), "completions", (handlers) =>
  Effect.map(ChatEndpoint.make(completions), ({ handle }) => handlers.handleRaw("completions", handle))
)

export const CompletionsHandlers = Layer.provide(handlers, OpenAiKeyCheck.layer)

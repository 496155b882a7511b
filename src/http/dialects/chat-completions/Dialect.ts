/**
 * Chat completions and models, for the registry. Paths that no dialect claims get OpenAI's error shape, too.
 */
import type { Dialect } from "../../edge/Dialect.ts"
import { isRefusal } from "../../edge/EdgeError.ts"
import * as Errors from "../openai/OpenAiErrors.ts"
import { ChatCompletionChunk, OpenAiApi, oneSegment } from "./Api.ts"
import { dialect as support } from "./Fields.ts"

export const fallback: Dialect = {
  claims: () => true,
  route: oneSegment,
  respond: (problem) => Errors.respond(isRefusal(problem) ? Errors.fromRefusal(problem) : problem)
}

export const dialect = { api: OpenAiApi, support, events: ChatCompletionChunk }

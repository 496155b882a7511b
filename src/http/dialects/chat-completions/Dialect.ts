/**
 * Chat completions and models, for the registry. Paths that no dialect claims get OpenAI's error shape, too.
 */
import type { Dialect } from "../../edge/Dialect.ts"
import { isRefusal } from "../../edge/EdgeError.ts"
import * as PathSegment from "../../edge/PathSegment.ts"
import * as Errors from "../openai/OpenAiErrors.ts"
import { ChatCompletionChunk, ChatCompletionsApi } from "./Api.ts"
import { support } from "./Fields.ts"

const idRoots = ["/v1/models/"]

export const fallback: Dialect = {
  claims: () => true,
  idRoots,
  route: (url) => PathSegment.under(idRoots, url),
  respond: (problem) => Errors.respond(isRefusal(problem) ? Errors.fromRefusal(problem) : problem)
}

export const dialect = { api: ChatCompletionsApi, support, events: ChatCompletionChunk }

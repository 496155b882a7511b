/**
 * Errors of text completions: OpenAI's, with `prompt` in place of `messages`.
 */

import type { ChatError } from "../../../domain/ChatError.ts"
import type { ChatErrors } from "../../chat/ChatDialect.ts"
import type { Refusal } from "../../edge/EdgeError.ts"
import * as OpenAiChat from "../openai/OpenAiChat.ts"
import * as OpenAi from "../openai/OpenAiErrors.ts"

const ofPrompt = (failure: OpenAi.Failure): OpenAi.Failure =>
  failure.body.error.param === "messages"
    ? new OpenAi.Failure({ ...failure, body: { error: { ...failure.body.error, param: "prompt" } } })
    : failure

export const errors: ChatErrors<OpenAi.Failure> = {
  ...OpenAiChat.errors,
  respond: (problem) =>
    OpenAi.respond(problem._tag === "OpenAiFailure" ? problem : ofPrompt(OpenAi.fromProblem(problem)))
}

/** Last event of a stream that breaks. */
export const frame = (problem: ChatError | Refusal): string => OpenAi.frame(ofPrompt(OpenAi.fromProblem(problem)))

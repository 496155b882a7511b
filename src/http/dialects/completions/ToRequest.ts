/**
 * Pure translation of text completion requests into the neutral chat model.
 */
import { Either } from "effect"
import * as Affinity from "../../../domain/Affinity.ts"
import { type ChatRequest, isEmpty, message, plain } from "../../../domain/Chat.ts"
import { anonymous, type Caller } from "../../../domain/keys/Caller.ts"
import * as EitherFn from "../../../runtime/EitherFn.ts"
import * as Errors from "../openai/OpenAiErrors.ts"
import type { CompletionRequest } from "./Payload.ts"

const NO_LOGPROBS = "Log probabilities are not supported."

/** Refuses values that would give a wrong answer if they were ignored. */
const refused = (payload: CompletionRequest): Errors.Failure | undefined => {
  if (payload.stream_options && payload.stream !== true) return Errors.streamOptionsAlone
  if (payload.suffix) {
    return Errors.unsupported("suffix", "Insertion is not supported: send a prompt without 'suffix'.")
  }
  if ((payload.n ?? 1) > 1) return Errors.unsupported("n", "Only one choice per request is supported.")
  if ((payload.best_of ?? 1) > 1) return Errors.unsupported("best_of", "Only one choice per request is supported.")
  return (payload.logprobs ?? undefined) === undefined ? undefined : Errors.unsupported("logprobs", NO_LOGPROBS)
}

/** The single prompt text. */
export const promptOf = ({ prompt }: CompletionRequest): Either.Either<string, Errors.Failure> => {
  if (typeof prompt === "string") return Either.right(prompt)
  const [first] = prompt
  if (first === undefined) return Either.left(Errors.invalid("prompt", "prompt is empty"))
  if (typeof first !== "string") {
    return Either.left(Errors.unsupported("prompt", "Tokens are not supported: send the prompt as a text."))
  }
  return prompt.length > 1
    ? Either.left(Errors.unsupported("prompt", "Only one prompt per request is supported."))
    : Either.right(first)
}

export const toRequest = EitherFn.fn(function* (
  payload: CompletionRequest,
  { caller = anonymous, sessionId }: Pick<Affinity.Signs, "sessionId"> & { readonly caller?: Caller }
): EitherFn.Return<ChatRequest, Errors.Failure> {
  const complaint = refused(payload)
  if (complaint !== undefined) yield* Either.left(complaint)
  const messages = [message("user", yield* promptOf(payload))] as const
  if (isEmpty(messages)) return yield* Either.left(Errors.invalid("prompt", "prompt is empty"))
  return {
    ...plain,
    model: payload.model,
    messages,
    stop: typeof payload.stop === "string" ? [payload.stop] : (payload.stop ?? []),
    maxTokens: payload.max_tokens ?? undefined,
    // The response has no field for reasoning.
    hidesThoughts: true,
    affinity: Affinity.key({ caller: caller.id, sessionId, user: payload.user ?? undefined, messages }),
    origin: { dialect: "completions", stream: payload.stream === true },
    caller
  }
})

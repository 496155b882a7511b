/**
 * Pure translation of OpenAI requests into the neutral chat model, and of models into OpenAI's.
 */
import { Array as Arr, Either, type Option } from "effect"
import * as Affinity from "../../../domain/Affinity.ts"
import { type ChatRequest, isEmpty, type Message, type Role, type ToolCall } from "../../../domain/Chat.ts"
import { anonymous, type Caller } from "../../../domain/keys/Caller.ts"
import * as Model from "../../../domain/Model.ts"
import * as EitherFn from "../../../runtime/EitherFn.ts"
import type { Link, Loaded } from "../../chat/Images.ts"
import * as MessageContent from "../../chat/MessageContent.ts"
import { format, type Path } from "../../chat/SchemaIssue.ts"
import * as Errors from "../openai/OpenAiErrors.ts"
import type { ModelList, ModelObject } from "./Api.ts"
import type { ChatCompletionRequest, Part, Message as PayloadMessage, ToolCall as PayloadToolCall } from "./Payload.ts"
import * as Tools from "./Tools.ts"

type Checked<A> = Either.Either<A, Errors.Failure>

const roles: Record<PayloadMessage["role"], Role> = {
  system: "system",
  developer: "system",
  user: "user",
  assistant: "assistant",
  tool: "tool",
  function: "tool"
}

const imageParam = (path: Path) => format([...path, "image_url"])

/** The pictures of a request, with their paths. */
export const links = ({ messages }: ChatCompletionRequest): ReadonlyArray<Link> =>
  messages.flatMap(({ content }, i) =>
    typeof content !== "object"
      ? []
      : (content ?? []).flatMap((part, k): ReadonlyArray<Link> => {
          if (part.type !== "image_url") return []
          const url = typeof part.image_url === "string" ? part.image_url : part.image_url.url
          return [{ param: imageParam(["messages", i, "content", k]), url }]
        })
  )

const toContent = EitherFn.fn(function* (
  parts: ReadonlyArray<Part>,
  path: Path,
  pictures: Loaded
): EitherFn.Return<MessageContent.MessageContent, Errors.Failure> {
  const built = MessageContent.make()
  for (const [i, part] of parts.entries()) {
    const here = [...path, i]
    if (part.type === "text") built.text(part.text)
    else if (part.type === "refusal") built.text(part.refusal)
    else if (part.type === "image_url") {
      const image = pictures.get(imageParam(here))
      if (image !== undefined) built.image(image)
    } else yield* Either.left(Errors.unsupported(format(here), `Parts of type '${part.type}' are not supported.`))
  }
  return built.content()
})

const toToolCall = (call: PayloadToolCall): ToolCall =>
  call.type === "function"
    ? { id: call.id, name: call.function.name, arguments: call.function.arguments }
    : { id: call.id, name: call.custom.name, arguments: call.custom.input }

const toToolCalls = (message: PayloadMessage): ReadonlyArray<ToolCall> => {
  if (message.role !== "assistant") return []
  const legacy = message.function_call
  return [
    ...(message.tool_calls ?? []).map(toToolCall),
    ...(legacy ? [{ id: legacy.name, name: legacy.name, arguments: legacy.arguments }] : [])
  ]
}

const toMessage = (message: PayloadMessage, i: number, pictures: Loaded): Checked<Message> => {
  const content = message.content ?? (message.role === "assistant" ? message.refusal : undefined) ?? ""
  const parts =
    typeof content === "string"
      ? Either.right(MessageContent.plain(content))
      : toContent(content, ["messages", i, "content"], pictures)
  return Either.map(parts, ({ images, text }) => ({
    role: roles[message.role],
    text,
    images,
    toolCalls: toToolCalls(message),
    toolCallId: message.role === "tool" ? message.tool_call_id : message.role === "function" ? message.name : undefined
  }))
}

/** Refuses values that would give a wrong answer if they were ignored. */
const refused = (payload: ChatCompletionRequest): Errors.Failure | undefined => {
  const isAlone = payload.stream_options && payload.stream !== true
  if (isAlone) return Errors.streamOptionsAlone
  if ((payload.n ?? 1) > 1) return Errors.unsupported("n", "Only one choice per request is supported.")
  if (payload.logprobs === true) return Errors.unsupported("logprobs", "Log probabilities are not supported.")
  if ((payload.top_logprobs ?? 0) > 0) {
    return Errors.unsupported("top_logprobs", "Log probabilities are not supported.")
  }
  if (payload.modalities?.includes("audio")) return Errors.unsupported("modalities", "Audio is not supported.")
  return payload.audio ? Errors.unsupported("audio", "Audio is not supported.") : undefined
}

export interface RequestOptions extends Pick<Affinity.Signs, "sessionId"> {
  readonly caller?: Caller | undefined
  /** From `REASONING_FIELD`. */
  readonly hidesThoughts?: boolean
}

/** `pictures`: the loaded pictures of `links`. */
export const toRequest = EitherFn.fn(function* (
  payload: ChatCompletionRequest,
  { caller = anonymous, hidesThoughts = false, sessionId }: RequestOptions,
  pictures: Loaded
): EitherFn.Return<ChatRequest, Errors.Failure> {
  const complaint = refused(payload)
  if (complaint !== undefined) yield* Either.left(complaint)
  const messages = yield* Either.all(payload.messages.map((message, i) => toMessage(message, i, pictures)))
  if (!Arr.isNonEmptyReadonlyArray(messages) || isEmpty(messages)) {
    return yield* Either.left(Errors.emptyMessages)
  }
  const toolset = yield* Tools.toToolset(payload)
  const { told } = Tools.missing(payload)
  const format = yield* Tools.toFormat(payload)
  const stop = typeof payload.stop === "string" ? [payload.stop] : (payload.stop ?? [])
  const affinity: Option.Option<string> = Affinity.key({
    caller: caller.id,
    sessionId,
    promptCacheKey: payload.prompt_cache_key ?? undefined,
    user: payload.user ?? payload.safety_identifier ?? undefined,
    messages
  })
  const origin = { dialect: "chat_completions", stream: payload.stream === true } as const
  return {
    model: payload.model,
    messages: Arr.isNonEmptyReadonlyArray(told) ? Arr.appendAll(told, messages) : messages,
    toolset,
    format,
    stop,
    maxTokens: payload.max_completion_tokens ?? payload.max_tokens ?? undefined,
    hidesThoughts,
    effort: payload.reasoning_effort ?? undefined,
    affinity,
    origin,
    caller
  }
})

// A constant, since creation times are unknown and clients expect stable values.
const CREATED = 1_704_067_200

const toModelObject = ({ id, model, name }: Model.Named): typeof ModelObject.Encoded => {
  const { contextLength: length, maxOutputTokens, reasoning, vision } = model ?? {}
  return {
    id,
    object: "model",
    created: CREATED,
    owned_by: "lingma",
    name,
    // The same number under the names that clients read.
    ...(length === undefined ? {} : { context_length: length, context_window: length, max_model_len: length }),
    ...(maxOutputTokens === undefined ? {} : { max_output_tokens: maxOutputTokens }),
    capabilities: {
      ...(vision === undefined ? {} : { vision }),
      // Emulated, so independent of the model.
      tools: true,
      ...(reasoning === undefined ? {} : { reasoning })
    }
  }
}

export const toModelList = (
  models: ReadonlyArray<Model.Model>,
  options: Model.ResolveOptions,
  isAllowed: (id: string) => boolean
): typeof ModelList.Encoded => ({
  object: "list",
  data: Model.names(models, options)
    .filter(({ id }) => isAllowed(id))
    .map(toModelObject)
})

/** Finds a model by any name that a chat accepts. */
export const toModel = (
  models: ReadonlyArray<Model.Model>,
  id: string,
  options: Model.ResolveOptions,
  isAllowed: (id: string) => boolean
): Checked<typeof ModelObject.Encoded> => {
  const model = isAllowed(id) ? Model.named(models, id, options) : undefined
  return model === undefined ? Either.left(Errors.modelNotFound(id)) : Either.right(toModelObject(model))
}

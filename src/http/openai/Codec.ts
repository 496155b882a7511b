/**
 * Pure translation between OpenAI payloads and the neutral chat model.
 */
import { Array as Arr, Either, type Option } from "effect"
import * as Affinity from "../../domain/Affinity.ts"
import type { ChatEvent, ChatRequest, FinishReason, Image, Message, Role, ToolCall } from "../../domain/Chat.ts"
import type { Model } from "../../domain/Model.ts"
import * as Prompt from "../../domain/Prompt.ts"
import * as Usage from "../../domain/Usage.ts"
import { format, type Path } from "../Issues.ts"
import * as WellFormed from "../WellFormed.ts"
import type { ChatCompletion, ModelList, ModelObject } from "./Api.ts"
import * as Errors from "./Errors.ts"
import type { ChatCompletionRequest, Part, Message as PayloadMessage, ToolCall as PayloadToolCall } from "./Payload.ts"

type Checked<A> = Either.Either<A, Errors.Failure>

const roles: Record<PayloadMessage["role"], Role> = {
  system: "system",
  developer: "system",
  user: "user",
  assistant: "assistant",
  tool: "tool",
  function: "tool"
}

const DATA_URL = /^data:image\/(png|jpe?g|webp|gif);base64,/i

const toImage = (part: Extract<Part, { type: "image_url" }>, path: Path): Checked<Image> => {
  const url = typeof part.image_url === "string" ? part.image_url : part.image_url.url
  const [head, kind] = DATA_URL.exec(url) ?? []
  const data = head === undefined ? "" : url.slice(head.length)
  return kind !== undefined && /^[A-Za-z0-9+/]+={0,2}$/.test(data)
    ? Either.right({ mediaType: `image/${kind.toLowerCase().replace("jpg", "jpeg")}`, data })
    : Either.left(
        Errors.unsupported(
          format([...path, "image_url"]),
          "Images are taken as base64 data: URLs of type png, jpeg, webp or gif; addresses are not fetched."
        )
      )
}

interface Content {
  readonly text: string
  readonly images: ReadonlyArray<Image>
}

const toContent = (parts: ReadonlyArray<Part>, path: Path): Checked<Content> =>
  Either.gen(function* () {
    const texts: Array<string> = []
    const images: Array<Image> = []
    for (const [i, part] of parts.entries()) {
      const here = [...path, i]
      if (part.type === "text") texts.push(part.text)
      else if (part.type === "refusal") texts.push(part.refusal)
      else if (part.type === "image_url") images.push(yield* toImage(part, here))
      else yield* Either.left(Errors.unsupported(format(here), `Parts of type '${part.type}' are not supported.`))
    }
    return { text: texts.join("\n"), images }
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

const toMessage = (message: PayloadMessage, i: number): Checked<Message> => {
  const content = message.content ?? (message.role === "assistant" ? message.refusal : undefined) ?? ""
  const parts =
    typeof content === "string"
      ? Either.right({ text: content, images: [] })
      : toContent(content, ["messages", i, "content"])
  return Either.map(parts, ({ images, text }) => ({
    role: roles[message.role],
    text,
    images,
    toolCalls: toToolCalls(message),
    toolCallId: message.role === "tool" ? message.tool_call_id : message.role === "function" ? message.name : undefined
  }))
}

/** What would silently give a wrong answer if it were ignored. */
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

export const toRequest = (payload: ChatCompletionRequest, sessionId: string | undefined): Checked<ChatRequest> =>
  Either.gen(function* () {
    const complaint = refused(payload)
    if (complaint !== undefined) yield* Either.left(complaint)
    const messages = yield* Either.all(payload.messages.map(toMessage))
    if (!Arr.isNonEmptyReadonlyArray(messages) || Prompt.isEmpty(messages)) {
      return yield* Either.left(Errors.emptyMessages)
    }
    const affinity: Option.Option<string> = Affinity.key({
      sessionId,
      promptCacheKey: payload.prompt_cache_key ?? undefined,
      user: payload.user ?? payload.safety_identifier ?? undefined,
      messages
    })
    return { model: payload.model, messages, affinity }
  })

export interface AnswerOptions {
  readonly id: string
  /** Seconds since 1970. */
  readonly created: number
  readonly model: string
  /** Used when the upstream gives no figure. */
  readonly promptTokens: number
}

/** The figures of an answer: the upstream's where it gave them, else our estimates; the same for both shapes. */
const meter = (promptTokens: number) => {
  const counter = Usage.counter()
  const thoughts = Usage.counter()
  let input = promptTokens
  let output: number | undefined
  return {
    add: (event: ChatEvent) => {
      if (event._tag === "TextDelta") counter.add(event.text)
      else if (event._tag === "ThoughtDelta") thoughts.add(event.text)
      else if (event._tag === "ToolCall") counter.add(event.call.name + event.call.arguments)
      else if (event._tag === "Usage") {
        input = event.usage.inputTokens ?? input
        output = event.usage.outputTokens ?? output
      }
    },
    usage: () => {
      const completion = output ?? counter.total() + thoughts.total()
      const reasoning = Math.min(thoughts.total(), completion)
      return {
        prompt_tokens: input,
        completion_tokens: completion,
        total_tokens: input + completion,
        ...(reasoning > 0 ? { completion_tokens_details: { reasoning_tokens: reasoning } } : {})
      }
    }
  }
}

const toolCallObject = ({ id, name, arguments: args }: ToolCall) => ({
  id,
  type: "function" as const,
  function: { name, arguments: WellFormed.repair(args) }
})

export interface ChunkOptions extends AnswerOptions {
  readonly includeUsage: boolean
}

/** Each event as the frames it becomes, often none. The last event's frames end in `[DONE]`. */
export const chunks = (options: ChunkOptions): ((event: ChatEvent) => string) => {
  const { add, usage } = meter(options.promptTokens)
  const join = WellFormed.joiner<"content" | "reasoning_content">()
  const { created, id, model } = options
  const base = JSON.stringify({ id, object: "chat.completion.chunk", created, model }).slice(0, -1)
  // Written once per answer: a token costs one JSON string.
  const head = `data: ${base},"choices":[{"index":0,"delta":`
  const unused = options.includeUsage ? `,"usage":null` : ""
  const tail = `,"logprobs":null,"finish_reason":null}]${unused}}\n\n`
  let calls = 0
  let began = false

  const begin = (content: "" | null) => {
    if (began) return ""
    began = true
    return `${head}{"role":"assistant","content":${JSON.stringify(content)}}${tail}`
  }
  const delta = (field: "content" | "reasoning_content", text: string) =>
    text === "" ? "" : `${head}{"${field}":${JSON.stringify(text)}}${tail}`
  const rest = () => {
    const held = join.rest()
    return held === undefined ? "" : delta(held.kind, held.text)
  }
  const last = (reason: FinishReason) =>
    `${head}{},"logprobs":null,"finish_reason":"${reason}"}]${unused}}\n\n${
      options.includeUsage ? `data: ${base},"choices":[],"usage":${JSON.stringify(usage())}}\n\n` : ""
    }data: [DONE]\n\n`
  const text = (kind: "content" | "reasoning_content", piece: string) => {
    const joined = join.add(kind, piece)
    return (
      begin("") +
      (joined.before === undefined ? "" : delta(joined.before.kind, joined.before.text)) +
      delta(kind, joined.text)
    )
  }

  return (event) => {
    add(event)
    switch (event._tag) {
      case "TextDelta":
        return text("content", event.text)
      case "ThoughtDelta":
        return text("reasoning_content", event.text)
      case "ToolCall": {
        const call = { index: calls++, ...toolCallObject(event.call) }
        return `${begin(null)}${rest()}${head}${JSON.stringify({ tool_calls: [call] })}${tail}`
      }
      case "Usage":
        return ""
      case "Finish":
        return begin("") + rest() + last(event.reason)
    }
  }
}

export interface CompletionOptions extends AnswerOptions {
  readonly servedBy: string
  readonly firstTokenMillis: number
}

export interface Completion {
  readonly add: (event: ChatEvent) => void
  readonly result: (totalMillis: number) => typeof ChatCompletion.Encoded
}

/** Folds the events as they come; holds the text once. */
export const completion = (options: CompletionOptions): Completion => {
  const { add, usage } = meter(options.promptTokens)
  const calls: Array<ReturnType<typeof toolCallObject>> = []
  let content = ""
  let thought = ""
  let reason: FinishReason = "stop"
  return {
    add: (event) => {
      add(event)
      if (event._tag === "TextDelta") content += event.text
      else if (event._tag === "ThoughtDelta") thought += event.text
      else if (event._tag === "ToolCall") calls.push(toolCallObject(event.call))
      else if (event._tag === "Finish") reason = event.reason
    },
    result: (totalMillis) => ({
      id: options.id,
      object: "chat.completion",
      created: options.created,
      model: options.model,
      choices: [
        {
          index: 0,
          message: {
            role: "assistant",
            content: content === "" && calls.length > 0 ? null : WellFormed.repair(content),
            refusal: null,
            ...(thought === "" ? {} : { reasoning_content: WellFormed.repair(thought) }),
            ...(calls.length === 0 ? {} : { tool_calls: calls })
          },
          logprobs: null,
          finish_reason: reason
        }
      ],
      usage: usage(),
      latency: { first_token_ms: Math.round(options.firstTokenMillis), total_ms: Math.round(totalMillis) },
      served_by: options.servedBy
    })
  }
}

// Stable between calls: nothing tells when a model came to be.
const CREATED = 1_704_067_200

const toModelObject = (model: Model): typeof ModelObject.Encoded => {
  const { contextLength: length, reasoning, vision } = model
  const capabilities = {
    ...(vision === undefined ? {} : { vision }),
    ...(reasoning === undefined ? {} : { reasoning })
  }
  return {
    id: model.key,
    object: "model",
    created: CREATED,
    owned_by: "lingma",
    name: model.name,
    // The same figure under the names that clients read.
    ...(length === undefined ? {} : { context_length: length, context_window: length, max_model_len: length }),
    ...(Object.keys(capabilities).length === 0 ? {} : { capabilities })
  }
}

export const toModelList = (models: ReadonlyArray<Model>): typeof ModelList.Encoded => ({
  object: "list",
  data: models.map(toModelObject)
})

export const toModel = (models: ReadonlyArray<Model>, id: string): Checked<typeof ModelObject.Encoded> => {
  const model = models.find(({ key }) => key === id)
  return model === undefined ? Either.left(Errors.modelNotFound(id)) : Either.right(toModelObject(model))
}

/**
 * Lingma as the `LanguageModel` of `@effect/ai`: text, streams, toolkits and structured objects, over `Chat`.
 *
 * For a remote gateway, use `@effect/ai-openai` with its base URL.
 */
import * as AiError from "@effect/ai/AiError"
import * as LanguageModel from "@effect/ai/LanguageModel"
import * as AiModel from "@effect/ai/Model"
import type * as Response from "@effect/ai/Response"
import * as Telemetry from "@effect/ai/Telemetry"
import { Chunk, Clock, Context, Effect, Layer, Stream } from "effect"
import * as Parts from "./ai/Parts.ts"
import { type RequestOptions, toRequest } from "./ai/ToRequest.ts"
import { Chat, type ChatRun } from "./chat/Chat.ts"
import type { ChatError } from "./domain/ChatError.ts"

export type { RequestOptions } from "./ai/ToRequest.ts"

/** Options for effects run with `Effect.provideService(LingmaLanguageModel.Config, …)`; they override the layer's. */
export class Config extends Context.Reference<Config>()("lingma-gateway/LingmaLanguageModel/Config", {
  defaultValue: (): RequestOptions => ({})
}) {}

type Method = "generateText" | "streamText"

/** Maps a `ChatError` to malformed input, malformed output or unknown error; the error itself is the `cause`. */
const toAiError =
  (method: Method) =>
  (cause: ChatError): AiError.AiError => {
    const about = { module: "LingmaLanguageModel", method, cause }
    switch (cause._tag) {
      case "ModelNotFound":
        return new AiError.MalformedInput({ ...about, description: "no model goes by that name" })
      case "ContextLengthExceeded":
        return new AiError.MalformedInput({ ...about, description: "the prompt is longer than the model takes" })
      case "ImagesNotSupported":
        return new AiError.MalformedInput({ ...about, description: "the model does not take images" })
      case "ToolCallBroken":
        return new AiError.MalformedOutput({ ...about, description: "the model broke off in a call" })
      case "ToolCallNotProduced":
        return new AiError.MalformedOutput({ ...about, description: "the model did not make the call it had to make" })
      case "EmptyAnswer":
        return new AiError.MalformedOutput({ ...about, description: "the model's answer was empty" })
      case "InvalidJsonOutput":
        return new AiError.MalformedOutput({
          ...about,
          description: "the model did not answer with the object asked for"
        })
      default:
        return new AiError.UnknownError({ ...about, description: `Lingma did not answer: ${cause._tag}` })
    }
  }

/** Adds request and response attributes to the span. */
const annotate = (
  { span }: LanguageModel.ProviderOptions,
  run: ChatRun,
  parts: ReadonlyArray<{ readonly type: string }>
) => {
  const last = parts.find((part): part is Response.FinishPartEncoded => part.type === "finish")
  Telemetry.addGenAIAnnotations(span, {
    system: "lingma",
    operation: { name: "chat" },
    response: { model: run.model, finishReasons: last === undefined ? null : [last.reason] },
    usage: { inputTokens: last?.usage.inputTokens, outputTokens: last?.usage.outputTokens }
  })
}

/** A `LanguageModel` over `Chat`; options of `Config` override these. */
export const make = Effect.fnUntraced(function* (options: RequestOptions = {}) {
  const chat = yield* Chat

  const open = Effect.fnUntraced(function* (asked: LanguageModel.ProviderOptions, method: Method) {
    const request = yield* toRequest(asked, { ...options, ...(yield* Config) }, method === "streamText")
    const run = yield* Effect.mapError(chat.open(request), toAiError(method))
    return { run, millis: yield* Clock.currentTimeMillis }
  })

  return yield* LanguageModel.make({
    generateText: Effect.fnUntraced(function* (asked) {
      const { millis, run } = yield* open(asked, "generateText")
      const { add, parts } = Parts.whole(run, millis)
      yield* Stream.runForEach(run.events, (event) => Effect.sync(() => add(event))).pipe(
        Effect.mapError(toAiError("generateText"))
      )
      const all = parts()
      annotate(asked, run, all)
      return all
    }, Effect.scoped),
    streamText: (asked) =>
      Stream.unwrapScoped(
        Effect.map(open(asked, "streamText"), ({ millis, run }) => {
          const encode = Parts.streamed(run, millis)
          return run.events.pipe(
            Stream.mapChunks((events) => {
              const parts = Chunk.flatMap(events, (event) => Chunk.unsafeFromArray([...encode(event)]))
              if (Chunk.some(parts, ({ type }) => type === "finish")) annotate(asked, run, Chunk.toReadonlyArray(parts))
              return parts
            }),
            Stream.mapError(toAiError("streamText"))
          )
        })
      )
  })
})

/**
 * The `LanguageModel` of `@effect/ai` over the `Chat` of this process, as provided by `Gateway.chat`.
 *
 * @example
 * const Lingma = LingmaLanguageModel.layer({ model: "auto" }).pipe(
 *   Layer.provide(Gateway.chat),
 *   Layer.provide(Gateway.lingmas),
 *   Layer.provide(GatewayConfig.layerFromEnv)
 * )
 * const text = LanguageModel.generateText({ prompt: "Hello" }).pipe(Effect.provide(Lingma))
 */
export const layer = (options?: RequestOptions): Layer.Layer<LanguageModel.LanguageModel, never, Chat> =>
  Layer.effect(LanguageModel.LanguageModel, make(options))

/** The same as an `AiModel`, for programs that choose between models. */
export const model = (name: string, options?: Omit<RequestOptions, "model">) =>
  AiModel.make("lingma", layer({ ...options, model: name }))

/**
 * Typed client for a running gateway, derived from its `Api`, with streaming chats.
 */
import * as HttpApiClient from "@effect/platform/HttpApiClient"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import { Data, Effect, Either, Redacted, Schema, Stream } from "effect"
import { Api } from "./http/Api.ts"
import { ChatCompletionChunk } from "./http/dialects/chat-completions/Api.ts"
import type { ChatCompletionRequest } from "./http/dialects/chat-completions/Payload.ts"
import { MessageStreamEvent } from "./http/dialects/messages/Api.ts"
import type { MessagesRequest } from "./http/dialects/messages/request/Payload.ts"
import { ResponseStreamEvent } from "./http/dialects/responses/Api.ts"
import type { ResponsesRequest } from "./http/dialects/responses/request/Payload.ts"

/** Address and API key of the gateway. */
export interface ClientOptions {
  /** Without `/v1`, e.g. `http://127.0.0.1:8370`. Default: none, for an `HttpClient` that adds its own base URL. */
  readonly baseUrl?: string
  /** Sent as a bearer token. Default: none. */
  readonly apiKey?: Redacted.Redacted
}

/** A stream was rejected, broke, or ended with an error event. `status` is 200 if it failed after it had started. */
export class ChatStreamFailed extends Data.TaggedError("ChatStreamFailed")<{
  /** HTTP status. */
  readonly status: number
  /** Code in the gateway's error body, e.g. `model_not_found`; null if there is none. */
  readonly code: string | null
  readonly message: string
}> {}

/** OpenAI's errors have a code, Anthropic's a type alone. */
const ErrorBody = Schema.parseJson(
  Schema.Struct({
    error: Schema.Struct({
      message: Schema.String,
      code: Schema.optional(Schema.NullOr(Schema.String)),
      type: Schema.optional(Schema.String)
    })
  })
)
const decodeError = Schema.decodeEither(ErrorBody)

const failed = (status: number, text: string) =>
  Either.match(decodeError(text), {
    onLeft: () =>
      new ChatStreamFailed({ status, code: null, message: `not a response of a Lingma gateway (${status})` }),
    onRight: ({ error: { code, message, type } }) =>
      new ChatStreamFailed({ status, code: code === undefined ? (type ?? null) : code, message })
  })

const broken = (message: string) => new ChatStreamFailed({ status: 200, code: null, message })

/** How the streams of a dialect are read. */
interface Dialect<A, I> {
  readonly path: string
  readonly event: Schema.Schema<A, I>
  /** Whether it is the last one of a whole stream. */
  readonly isLast: (data: string) => boolean
  /** What a last one that is no event is. */
  readonly end: string | undefined
}

const beginsWith = (...types: ReadonlyArray<string>) => {
  const heads = types.map((type) => `{"type":"${type}"`)
  return (data: string) => heads.some((head) => data.startsWith(head))
}
const chats: Dialect<typeof ChatCompletionChunk.Type, typeof ChatCompletionChunk.Encoded> = {
  path: "/v1/chat/completions",
  event: ChatCompletionChunk,
  isLast: (data) => data === "[DONE]",
  end: "[DONE]"
}
const messages: Dialect<typeof MessageStreamEvent.Type, typeof MessageStreamEvent.Encoded> = {
  path: "/v1/messages",
  event: MessageStreamEvent,
  isLast: beginsWith("message_stop"),
  end: undefined
}
const responses: Dialect<typeof ResponseStreamEvent.Type, typeof ResponseStreamEvent.Encoded> = {
  path: "/v1/responses",
  event: ResponseStreamEvent,
  isLast: beginsWith("response.completed", "response.incomplete", "response.failed"),
  end: undefined
}
const isError = (data: string) => data.startsWith('{"error":') || beginsWith("error")(data)

/**
 * Every route of the API by group and name, plus `chatStream`, `messageStream` and `responseStream`: with `stream: true` the
 * routes themselves would be given events where they expect one answer. Over any `HttpClient`.
 *
 * @example
 * const program = Effect.gen(function* () {
 *   const client = yield* Client.make({ baseUrl: "http://127.0.0.1:8370" })
 *   const chunks = client.chatStream({ model: "auto", messages: [{ role: "user", content: "Hello" }] })
 *   yield* Stream.runForEach(chunks, (chunk) => Console.log(chunk.choices[0]?.delta.content))
 * }).pipe(Effect.provide(FetchHttpClient.layer))
 */
export const make = (options: ClientOptions = {}) =>
  Effect.gen(function* () {
    const key = options.apiKey
    const authorize = HttpClient.mapRequest((request: HttpClientRequest.HttpClientRequest) =>
      key === undefined ? request : HttpClientRequest.bearerToken(request, Redacted.value(key))
    )
    const http = authorize(yield* HttpClient.HttpClient)
    const baseUrl = options.baseUrl?.replace(/\/+$/, "") ?? ""
    const api = yield* HttpApiClient.make(Api, { baseUrl, transformClient: authorize })

    const open = (path: string, payload: object) =>
      HttpClientRequest.post(`${baseUrl}${path}`).pipe(
        HttpClientRequest.bodyJson({ ...payload, stream: true }),
        Effect.flatMap(http.execute),
        Effect.mapError((error) => broken(error._tag)),
        Effect.flatMap((response) =>
          response.status === 200
            ? Effect.succeed(response)
            : Effect.flatMap(
                Effect.orElseSucceed(response.text, () => ""),
                (text) => failed(response.status, text)
              )
        )
      )

    const streamOf = <A, I>(
      { end, event, isLast, path }: Dialect<A, I>,
      payload: object
    ): Stream.Stream<A, ChatStreamFailed> => {
      const decode = Schema.decodeEither(Schema.parseJson(event))
      return Stream.unwrapScoped(
        Effect.map(open(path, payload), (response) => {
          let isDone = false
          return response.stream.pipe(
            Stream.mapError(() => broken("connection lost")),
            Stream.decodeText(),
            Stream.splitLines,
            Stream.filter((line) => line.startsWith("data: ")),
            Stream.map((line) => line.slice("data: ".length)),
            Stream.takeUntil((data) => {
              isDone ||= isLast(data)
              return isDone
            }),
            Stream.filter((data) => data !== end),
            Stream.mapEffect((data) =>
              isError(data) ? failed(200, data) : Either.mapLeft(decode(data), () => broken("invalid chunk"))
            ),
            Stream.concat(
              Stream.unwrap(
                Effect.sync(() => (isDone ? Stream.empty : Stream.fail(broken("stream closed before its end"))))
              )
            )
          )
        })
      )
    }

    return {
      ...api,
      /** Streams the chunks of an answer. Fails if the stream closes before `[DONE]`. */
      chatStream: (payload: Omit<ChatCompletionRequest, "stream">) => streamOf(chats, payload),
      /** Streams the events of `/v1/messages`. Fails if the stream closes before `message_stop`. */
      messageStream: (payload: Omit<MessagesRequest, "stream">) => streamOf(messages, payload),
      /** Streams the events of `/v1/responses`, the last of which tells how it ended: `response.completed` or another. */
      responseStream: (payload: Omit<ResponsesRequest, "stream">) => streamOf(responses, payload)
    }
  })

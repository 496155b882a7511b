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

const ErrorBody = Schema.parseJson(
  Schema.Struct({ error: Schema.Struct({ message: Schema.String, code: Schema.NullOr(Schema.String) }) })
)
const decodeError = Schema.decodeEither(ErrorBody)
const decodeChunk = Schema.decodeEither(Schema.parseJson(ChatCompletionChunk))

const failed = (status: number, text: string) =>
  Either.match(decodeError(text), {
    onLeft: () =>
      new ChatStreamFailed({ status, code: null, message: `not a response of a Lingma gateway (${status})` }),
    onRight: ({ error: { code, message } }) => new ChatStreamFailed({ status, code, message })
  })

const broken = (message: string) => new ChatStreamFailed({ status: 200, code: null, message })

/**
 * Every route of the API by group and name, plus `chatStream`; over any `HttpClient`.
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
    const url = `${baseUrl}/v1/chat/completions`

    const open = (payload: Omit<ChatCompletionRequest, "stream">) =>
      HttpClientRequest.post(url).pipe(
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

    /** Streams the chunks of an answer. Fails if the stream closes before `[DONE]`. */
    const chatStream = (
      payload: Omit<ChatCompletionRequest, "stream">
    ): Stream.Stream<typeof ChatCompletionChunk.Type, ChatStreamFailed> =>
      Stream.unwrapScoped(
        Effect.map(open(payload), (response) => {
          let isDone = false
          return response.stream.pipe(
            Stream.mapError(() => broken("connection lost")),
            Stream.decodeText(),
            Stream.splitLines,
            Stream.filter((line) => line.startsWith("data: ")),
            Stream.map((line) => line.slice("data: ".length)),
            Stream.takeUntil((data) => {
              isDone ||= data === "[DONE]"
              return isDone
            }),
            Stream.filter((data) => data !== "[DONE]"),
            Stream.mapEffect((data) =>
              data.startsWith('{"error":')
                ? failed(200, data)
                : Either.mapLeft(decodeChunk(data), () => broken("invalid chunk"))
            ),
            Stream.concat(
              Stream.unwrap(
                Effect.sync(() => (isDone ? Stream.empty : Stream.fail(broken("stream closed before [DONE]"))))
              )
            )
          )
        })
      )

    return { ...api, chatStream }
  })

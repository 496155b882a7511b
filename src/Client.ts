/**
 * A client for a running gateway, derived from the same API description; streams included.
 */
import * as HttpApiClient from "@effect/platform/HttpApiClient"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientRequest from "@effect/platform/HttpClientRequest"
import { Data, Effect, Either, Redacted, Schema, Stream } from "effect"
import { Api } from "./http/Api.ts"
import { ChatCompletionChunk } from "./http/dialects/chat-completions/Api.ts"
import type { ChatCompletionRequest } from "./http/dialects/chat-completions/Payload.ts"

/** Which gateway, and by which key. */
export interface ClientOptions {
  /** As in `http://127.0.0.1:8370`, without `/v1`; none where the `HttpClient` has its own. */
  readonly baseUrl?: string
  readonly apiKey?: Redacted.Redacted
}

/** A stream that was refused, broke, or was told that it failed. `status` is 200 when that came after its beginning. */
export class ChatStreamFailed extends Data.TaggedError("ChatStreamFailed")<{
  readonly status: number
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
      new ChatStreamFailed({ status, code: null, message: `not an answer of a Lingma gateway (${status})` }),
    onRight: ({ error: { code, message } }) => new ChatStreamFailed({ status, code, message })
  })

const broken = (message: string) => new ChatStreamFailed({ status: 200, code: null, message })

/** Every route of the API by group and name, and `chatStream`; over any `HttpClient`. */
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

    /** The chunks of an answer, as they come. Ends with the answer; a stream without its `[DONE]` is a failure. */
    const chatStream = (
      payload: Omit<ChatCompletionRequest, "stream">
    ): Stream.Stream<typeof ChatCompletionChunk.Type, ChatStreamFailed> =>
      Stream.unwrapScoped(
        Effect.map(open(payload), (response) => {
          let isDone = false
          return response.stream.pipe(
            Stream.mapError(() => broken("the connection broke")),
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
                : Either.mapLeft(decodeChunk(data), () => broken("a chunk was not readable"))
            ),
            Stream.concat(
              Stream.unwrap(
                Effect.sync(() => (isDone ? Stream.empty : Stream.fail(broken("the answer ended without its end"))))
              )
            )
          )
        })
      )

    return { ...api, chatStream }
  })

/**
 * A dialect of chats, as `ChatEndpoint` serves it: one record for each.
 */
import type * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import type { Effect, Schema, Scope } from "effect"
import type { ChatRun } from "../../chat/Chat.ts"
import type { Settings } from "../../config/Config.ts"
import type { ChatRequest } from "../../domain/Chat.ts"
import type { ChatError, Overloaded } from "../../domain/ChatError.ts"
import type { Refusal } from "../edge/EdgeError.ts"
import type * as ChatResponse from "./ChatResponse.ts"
import type * as FieldSupport from "./FieldSupport.ts"
import type * as Images from "./Images.ts"
import type { Issue } from "./SchemaIssue.ts"

type Headers = Readonly<Record<string, string>>

/** Whatever may end a request: `Failure` is one in the dialect's final words. */
export type Problem<Failure> = Failure | Refusal | ChatError

/** How a dialect words what is wrong before an answer begins; after that it is the stream's last frame. */
export interface ChatErrors<Failure> {
  /** A body that does not fit the schema. */
  readonly fromIssue: (issue: Issue, body: unknown) => Failure
  readonly fromParam: (refused: FieldSupport.ParamRefused) => Failure
  readonly fromImage: (refused: Images.ImageRefused) => Failure
  readonly respond: (problem: Problem<Failure>, requestId: string) => HttpServerResponse.HttpServerResponse
}

/** What is known of a request beside its payload. */
export interface ChatContext<Failure> {
  readonly config: Settings
  /** Stands for the key. */
  readonly caller: string
  /** Of the headers. */
  readonly sessionId: string | undefined
  readonly requestId: string
  readonly pictures: (links: ReadonlyArray<Images.Link>) => Effect.Effect<Images.Loaded, Failure | Overloaded>
  /** Tokens of the prompt that would be sent. */
  readonly count: (request: ChatRequest) => Effect.Effect<number>
}

/** Made for each streamed answer. `failure` is its last frame when it breaks. */
export type StreamEncoder = Pick<ChatResponse.StreamOptions, "encode" | "failure" | "keepAlive">

/** Made for each whole answer. */
export interface WholeEncoder extends ChatResponse.Fold {
  /** The body, so many milliseconds after the request. */
  readonly result: (millis: number) => unknown
}

/** A request that was read, and how its answer is written. `request.origin.stream` says which of the two it is. */
export interface Exchange {
  readonly request: ChatRequest
  readonly stream: () => StreamEncoder
  readonly whole: (run: ChatRun) => WholeEncoder
  /** In place of the chat itself: where a failure is an answer in this dialect. */
  readonly open?: (open: ChatResponse.Open) => ChatResponse.Open
}

export interface ChatDialect<Payload, Encoded, Failure> {
  readonly payload: Schema.Schema<Payload, Encoded>
  /** Its path, and what becomes of each field. */
  readonly support: FieldSupport.Dialect
  readonly errors: ChatErrors<Failure>
  readonly exchange: (
    payload: Payload,
    context: ChatContext<Failure>
  ) => Effect.Effect<Exchange, Problem<Failure>, Scope.Scope>
  /**
   * When fields without effect are looked at, and named. `first`: before anything else is read, and on every answer.
   * `last`: after it; a stream that begins before an instance answers does not name them.
   */
  readonly heeds: "first" | "last"
  /** Headers that name the conversation, beside those of all dialects. */
  readonly sessionHeaders?: ReadonlyArray<string>
  /** Headers of a whole answer, so many milliseconds after the request. */
  readonly wholeHeaders?: (millis: number) => Headers
}

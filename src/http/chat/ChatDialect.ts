/**
 * Everything `ChatEndpoint` needs to serve a dialect, in one record.
 */
import type * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import type { Effect, Either, Schema, Scope } from "effect"
import type { ChatRun } from "../../chat/Chat.ts"
import type { Settings } from "../../config/Config.ts"
import type { ChatRequest } from "../../domain/Chat.ts"
import type { ChatError, Overloaded } from "../../domain/ChatError.ts"
import type { Caller } from "../../domain/keys/Caller.ts"
import type { Refusal } from "../edge/EdgeError.ts"
import type { Message } from "../server/MessageRequest.ts"
import type * as ChatResponse from "./ChatResponse.ts"
import type * as FieldSupport from "./FieldSupport.ts"
import type * as Images from "./Images.ts"
import type { LimitHeaders } from "./limits/LimitHeaders.ts"
import type { Issue } from "./SchemaIssue.ts"
import type * as Documents from "./sources/Documents.ts"
import type { Pages } from "./sources/Pages.ts"

type Headers = Readonly<Record<string, string>>

/** Everything that can end a request; `Failure` is already in the dialect's error shape. */
export type Problem<Failure> = Failure | Refusal | ChatError

/** The dialect's errors before a response starts; later errors are the stream's last frame. */
export interface ChatErrors<Failure> {
  /** The body does not match the schema. */
  readonly fromIssue: (issue: Issue, body: unknown) => Failure
  readonly fromParam: (refused: FieldSupport.ParamRefused) => Failure
  readonly fromImage: (refused: Images.ImageRefused) => Failure
  readonly respond: (problem: Problem<Failure>, requestId: string) => HttpServerResponse.HttpServerResponse
}

/** A request's context beside its payload. */
export interface ChatContext<Failure> {
  readonly config: Settings
  /** By the API key. */
  readonly caller: Caller
  /** From the headers. */
  readonly sessionId: string | undefined
  readonly requestId: string
  /** The message of a socket that it came as, if it did. */
  readonly message: Message | undefined
  readonly pictures: (links: ReadonlyArray<Images.Link>) => Effect.Effect<Images.Loaded, Failure | Overloaded>
  readonly documents: (
    links: ReadonlyArray<Documents.Link>
  ) => Effect.Effect<Documents.Loaded, Documents.DocumentRefused | Overloaded>
  /** Fetches a page of the web; undefined where that is not allowed. */
  readonly page: (typeof Pages.Service)["fetch"] | undefined
  /** Notes a part of a field that had no effect, by `FieldSupport.within`; it is named as ignored fields are. */
  readonly leaveOut: (name: string) => void
  /** A chat beside that of the request, for answers that take several. */
  readonly open: (request: ChatRequest) => ChatResponse.Open
  /** Counts the tokens of the prompt that would be sent. */
  readonly count: (request: ChatRequest) => Effect.Effect<number>
}

/** Encoder of one streamed response. `failure` encodes the last frame if it breaks. */
export type StreamEncoder = Pick<ChatResponse.StreamOptions, "encode" | "failure" | "keepAlive">

/** Encoder of one whole response. */
export interface WholeEncoder extends ChatResponse.Fold {
  /** The body; `millis` since the request arrived. */
  readonly result: (millis: number) => unknown
}

/** A decoded request with the encoders of its response; `request.origin.stream` selects one. */
export interface Exchange {
  readonly request: ChatRequest
  readonly stream: () => StreamEncoder
  readonly whole: (run: ChatRun) => WholeEncoder
  /** No upstream is asked, so it counts for no limit. */
  readonly isFree?: boolean
  /** Replaces `Chat.open`, for a dialect in which some failures are responses. */
  readonly open?: (open: ChatResponse.Open) => ChatResponse.Open
}

export interface ChatDialect<Payload, Encoded, Failure> {
  readonly payload: Schema.Schema<Payload, Encoded>
  /** Path and table of fields. */
  readonly support: FieldSupport.Dialect
  readonly errors: ChatErrors<Failure>
  readonly exchange: (
    payload: Payload,
    context: ChatContext<Failure>
  ) => Effect.Effect<Exchange, Problem<Failure>, Scope.Scope>
  /** The payload in a socket's message, for a dialect that is also served over sockets. */
  readonly fromMessage?: (sent: unknown, message: Message) => Either.Either<unknown, Failure>
  /** Further request headers with a session id. */
  readonly sessionHeaders?: ReadonlyArray<string>
  /** What is left of the key's limits; OpenAI's headers by default. */
  readonly limitHeaders?: LimitHeaders
  /** Headers of a whole response; `millis` since the request arrived. */
  readonly wholeHeaders?: (millis: number) => Headers
}

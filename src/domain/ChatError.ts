/**
 * Everything that can go wrong between a decoded request and its last event.
 *
 * No status code and no wire shape live here: each HTTP dialect words these failures in its own way.
 * `detail` and `cause` are for the log; no dialect may show them.
 */
import { Schema } from "effect"
import { loginReasons } from "./Login.ts"

/** No slot became free in time, or the queue was full. `retryAfter` in whole seconds, at least 1. */
export class Overloaded extends Schema.TaggedError<Overloaded>()("Overloaded", {
  reason: Schema.Literal("queue_full", "queue_timeout", "bodies"),
  retryAfter: Schema.Int
}) {}

/** The process itself has too much to do. `retryAfter` in whole seconds, at least 1. */
export class Shed extends Schema.TaggedError<Shed>()("Shed", { retryAfter: Schema.Int }) {}

/** The gateway is going down and takes no new work. */
export class ShuttingDown extends Schema.TaggedError<ShuttingDown>()("ShuttingDown", {}) {}

/** An administrator stopped the chat. */
export class ChatStopped extends Schema.TaggedError<ChatStopped>()("ChatStopped", {}) {}

/** The instance has no account signed in. `retriable` tells whether a login may cure it without a person. */
export class NotLoggedIn extends Schema.TaggedError<NotLoggedIn>()("NotLoggedIn", {
  instance: Schema.String,
  retriable: Schema.Boolean,
  /** It turned out in the middle of a turn. */
  started: Schema.optional(Schema.Boolean)
}) {}

/** A login was tried and did not lead to a session. */
export class LoginFailed extends Schema.TaggedError<LoginFailed>()("LoginFailed", {
  instance: Schema.String,
  reason: Schema.Literal(...loginReasons),
  detail: Schema.String
}) {}

/** The account is being signed in, and that takes longer than the caller may wait. */
export class LoginInProgress extends Schema.TaggedError<LoginInProgress>()("LoginInProgress", {
  instance: Schema.String
}) {}

/** The instance cannot be reached at the moment: starting, reconnecting or failed. */
export class BackendUnavailable extends Schema.TaggedError<BackendUnavailable>()("BackendUnavailable", {
  instance: Schema.String,
  detail: Schema.String
}) {}

/**
 * The instance answered with a failure, or broke. `started` is false only when the turn provably never began,
 * so that asking another instance cannot repeat anything.
 */
export class BackendFailure extends Schema.TaggedError<BackendFailure>()("BackendFailure", {
  instance: Schema.String,
  started: Schema.Boolean,
  /** The connection broke: every turn on it failed of the one cause. */
  lost: Schema.optional(Schema.Boolean),
  /** What the upstream calls it; told to clients behind the provider's name, as in `lingma_<code>`. */
  code: Schema.optional(Schema.Int),
  /** Any instance would refuse it the same way. */
  isFinal: Schema.optional(Schema.Boolean),
  detail: Schema.String
}) {}

/** What the account may ask is used up, of one model or of all. */
export class QuotaExhausted extends Schema.TaggedError<QuotaExhausted>()("QuotaExhausted", {
  instance: Schema.String,
  started: Schema.optional(Schema.Boolean),
  /** Only this model; without it, the account. */
  model: Schema.optional(Schema.String),
  /** The earliest return that is known, in milliseconds of the epoch. */
  until: Schema.optional(Schema.Number)
}) {}

/** Too many requests of the account for a moment. `retryAfter` in whole seconds, at least 1. */
export class Throttled extends Schema.TaggedError<Throttled>()("Throttled", {
  instance: Schema.String,
  started: Schema.optional(Schema.Boolean),
  retryAfter: Schema.Int
}) {}

/** No event in time: none at all, none for a while, or no end; `upstream`: the instance says so itself. */
export class UpstreamTimeout extends Schema.TaggedError<UpstreamTimeout>()("UpstreamTimeout", {
  instance: Schema.String,
  phase: Schema.Literal("first_token", "idle", "total", "upstream"),
  /** False when the instance was not even asked: it did not get ready in time. */
  started: Schema.optional(Schema.Boolean)
}) {}

/** The provider's content filter refused the request. `started`: some of an answer had come by then. */
export class ContentFiltered extends Schema.TaggedError<ContentFiltered>()("ContentFiltered", {
  instance: Schema.String,
  started: Schema.Boolean
}) {}

/** More pictures than the provider takes in one request. */
export class TooManyImages extends Schema.TaggedError<TooManyImages>()("TooManyImages", {}) {}

/** No model goes by that name; `near` holds names that look alike. */
export class ModelNotFound extends Schema.TaggedError<ModelNotFound>()("ModelNotFound", {
  model: Schema.String,
  near: Schema.Array(Schema.String)
}) {}

/** The model broke off in a call whose beginning was sent already. */
export class ToolCallBroken extends Schema.TaggedError<ToolCallBroken>()("ToolCallBroken", {}) {}

/** A tool had to be called, and the model called none, also when it was told so. */
export class ToolCallNotProduced extends Schema.TaggedError<ToolCallNotProduced>()("ToolCallNotProduced", {}) {}

/** The model ended its answer without a text or a call, also when it was told so. */
export class EmptyAnswer extends Schema.TaggedError<EmptyAnswer>()("EmptyAnswer", {}) {}

/** The model's text breaks the schema that was asked for, also when it was told so. */
export class InvalidJsonOutput extends Schema.TaggedError<InvalidJsonOutput>()("InvalidJsonOutput", {
  detail: Schema.String
}) {}

/** The conversation is longer than what the model takes; both figures in tokens, the first an estimate. */
export class ContextLengthExceeded extends Schema.TaggedError<ContextLengthExceeded>()("ContextLengthExceeded", {
  promptTokens: Schema.Int,
  limit: Schema.Int
}) {}

/** There are pictures in what is asked now, and the model does not see. */
export class ImagesNotSupported extends Schema.TaggedError<ImagesNotSupported>()("ImagesNotSupported", {
  model: Schema.String,
  /** The first of them, where its place is known. */
  param: Schema.optional(Schema.String)
}) {}

/** What may end a turn that a backend has accepted. */
export type TurnError =
  | BackendFailure
  | QuotaExhausted
  | NotLoggedIn
  | BackendUnavailable
  | UpstreamTimeout
  | Throttled
  | ContextLengthExceeded
  | ContentFiltered
  | TooManyImages
  | ToolCallBroken
  | ToolCallNotProduced
  | EmptyAnswer
  | InvalidJsonOutput
  | ChatStopped

/** Whatever a chat may fail with. */
export type ChatError =
  | TurnError
  | Overloaded
  | Shed
  | ShuttingDown
  | LoginFailed
  | LoginInProgress
  | ModelNotFound
  | ImagesNotSupported

const provider: unique symbol = Symbol("lingma-gateway/ChatError/provider")

/**
 * Says whose failure it is, where it leaves a backend. Not enumerable: what a backend fails with stays what is compared
 * and logged. A property, since Effect may hand on a failure as a proxy of it.
 */
export const ofProvider =
  (name: string) =>
  <E extends ChatError>(error: E): E =>
    Object.defineProperty(error, provider, { value: name, configurable: true })

/** The name of the provider whose failure it is, for texts that clients read. */
export const providerOf = (error: ChatError & { readonly [provider]?: string }): string => error[provider] ?? "upstream"

/** The same as a part of codes: `lingma` of `lingma_1234`. */
export const codePrefix = (error: ChatError): string =>
  providerOf(error)
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "_")

/**
 * Errors raised by the edge before a dialect reads the request; each dialect formats them in its own shape.
 */
import { Schema } from "effect"

/** Unknown path; or a known path without that method, if `allow` is not empty. */
export class RouteRefused extends Schema.TaggedError<RouteRefused>()("RouteRefused", {
  method: Schema.String,
  path: Schema.String,
  allow: Schema.Array(Schema.String),
  /** The route that was probably meant, such as with or without `/v1`. */
  meant: Schema.optional(Schema.String)
}) {}

export class KeyRefused extends Schema.TaggedError<KeyRefused>()("KeyRefused", {
  /** `revoked`: while its answer was sent. */
  reason: Schema.Literal("missing", "wrong", "expired", "revoked", "not_admin")
}) {}

/** A limit of the key is reached. `retryAfter` in whole seconds, at least 1. */
export class LimitReached extends Schema.TaggedError<LimitReached>()("LimitReached", {
  limit: Schema.Literal("requests", "tokens", "concurrency"),
  most: Schema.Int,
  retryAfter: Schema.Int
}) {}

/** A model that the key may not use. */
export class ModelNotAllowed extends Schema.TaggedError<ModelNotAllowed>()("ModelNotAllowed", {
  model: Schema.String
}) {}

/** A `Host` or an origin that is not allowed: protects against DNS rebinding and foreign web pages. */
export class CallerRefused extends Schema.TaggedError<CallerRefused>()("CallerRefused", {
  reason: Schema.Literal("host", "origin")
}) {}

export class BodyRefused extends Schema.TaggedError<BodyRefused>()("BodyRefused", {
  reason: Schema.Literal("too_large", "media_type", "encoding", "malformed", "too_many_values", "too_many_pieces")
}) {}

/** An internal error; the cause goes to the log only. */
export class Broken extends Schema.TaggedError<Broken>()("Broken", {}) {}

/** A request that cannot be parsed, or asks for an unsupported upgrade or expectation. */
export class Unparsed extends Schema.TaggedError<Unparsed>()("Unparsed", {
  reason: Schema.Literal(
    "malformed",
    "timeout",
    "headers_too_large",
    "url_too_long",
    "expectation",
    "upgrade",
    "no_websocket"
  )
}) {}

export type Refusal =
  | RouteRefused
  | KeyRefused
  | LimitReached
  | ModelNotAllowed
  | CallerRefused
  | BodyRefused
  | Broken
  | Unparsed

export const isRefusal: (value: unknown) => value is Refusal = Schema.is(
  Schema.Union(RouteRefused, KeyRefused, LimitReached, ModelNotAllowed, CallerRefused, BodyRefused, Broken, Unparsed)
)

const limits = { requests: "requests per minute", tokens: "tokens per day", concurrency: "chats at once" }

/** The text of the limit for clients, some of which read the seconds out of it. */
export const limitText = ({ limit, most, retryAfter }: LimitReached): string =>
  `Rate limit reached for this API key on ${limits[limit]}: Limit ${most}. Please try again in ${retryAfter}s.`

/** Why a key that was given does not open, for clients. */
export const keyText = {
  expired: "This API key has expired.",
  revoked: "This API key has been revoked.",
  not_admin: "This API key is not one of administrators: use one of ADMIN_KEYS, or a key that was made with --admin."
} as const

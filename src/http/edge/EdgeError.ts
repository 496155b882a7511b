/**
 * Why the edge itself turns a request away, before any dialect has read it. Each dialect words these in its own way.
 */
import { Schema } from "effect"

/** No such path, or none with that method when `allow` names others. */
export class RouteRefused extends Schema.TaggedError<RouteRefused>()("RouteRefused", {
  method: Schema.String,
  path: Schema.String,
  allow: Schema.Array(Schema.String),
  /** Where it would be with the base URL that its client wants: with `/v1`, or without. */
  meant: Schema.optional(Schema.String)
}) {}

export class KeyRefused extends Schema.TaggedError<KeyRefused>()("KeyRefused", {
  reason: Schema.Literal("missing", "wrong")
}) {}

/** A name or an origin that may not call: a page of another site, or DNS rebinding. */
export class CallerRefused extends Schema.TaggedError<CallerRefused>()("CallerRefused", {
  reason: Schema.Literal("host", "origin")
}) {}

export class BodyRefused extends Schema.TaggedError<BodyRefused>()("BodyRefused", {
  reason: Schema.Literal("too_large", "media_type", "encoding", "malformed", "too_many_values", "too_many_pieces")
}) {}

/** A bug; what it was is in the log only. */
export class Broken extends Schema.TaggedError<Broken>()("Broken", {}) {}

/** What cannot be served as a plain request: the parser's complaints, and upgrades. */
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

export type Refusal = RouteRefused | KeyRefused | CallerRefused | BodyRefused | Broken | Unparsed

export const isRefusal: (value: unknown) => value is Refusal = Schema.is(
  Schema.Union(RouteRefused, KeyRefused, CallerRefused, BodyRefused, Broken, Unparsed)
)

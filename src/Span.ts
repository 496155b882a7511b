/**
 * Spans where a tracer listens; where none does, a look at one fiber reference.
 */
import { Effect, FiberRef, type Scope, type Tracer } from "effect"

const isOn = FiberRef.get(FiberRef.currentTracerEnabled)

/** Around an effect. */
export const within =
  (name: string, options: Tracer.SpanOptions = {}) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.flatMap(isOn, (on) =>
      on ? (Effect.withSpan(effect, name, { captureStackTrace: false, ...options }) as Effect.Effect<A, E, R>) : effect
    )

/** Ends with the scope. */
export const scoped = (
  name: string,
  options: Tracer.SpanOptions = {}
): Effect.Effect<Tracer.Span | undefined, never, Scope.Scope> =>
  Effect.flatMap(isOn, (on) =>
    on ? Effect.makeSpanScoped(name, { captureStackTrace: false, ...options }) : Effect.succeed(undefined)
  )

/** What runs inside of a span that may be none. */
export const inside =
  (span: Tracer.Span | undefined) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    span === undefined ? effect : (Effect.withParentSpan(effect, span) as Effect.Effect<A, E, R>)

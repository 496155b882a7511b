/**
 * Spans that cost one read of a fiber reference while tracing is off.
 */
import { Context, Effect, FiberRef, Option, type Scope, Tracer } from "effect"

const where = <A, E, R, B, E2, R2>(
  on: () => Effect.Effect<A, E, R>,
  off: Effect.Effect<B, E2, R2>
): Effect.Effect<A | B, E | E2, R | R2> =>
  Effect.withFiberRuntime<A | B, E | E2, R | R2>((fiber) =>
    fiber.getFiberRef(FiberRef.currentTracerEnabled) ? on() : off
  )

/**
 * As `Effect.fn` with a name, which the stack of a failure then shows; the span is not exported. Not for hot paths: each
 * call captures a stack.
 */
export const named = (name: string): Effect.fn.Gen & Effect.fn.NonGen =>
  Effect.fn(name, { context: Tracer.DisablePropagation.context(true) })

/** The innermost span that is exported. */
export const exported = (span: Option.Option<Tracer.AnySpan>): Option.Option<Tracer.AnySpan> =>
  Option.flatMap(span, (one) => {
    if (!Context.get(one.context, Tracer.DisablePropagation)) return span
    return one._tag === "Span" ? exported(one.parent) : Option.none()
  })

/** Runs an effect in a span. */
export const within =
  (name: string, options: Tracer.SpanOptions = {}) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    where(
      () => Effect.withSpan(effect, name, { captureStackTrace: false, ...options }) as Effect.Effect<A, E, R>,
      effect
    )

/** A span that ends with the scope; undefined while tracing is off. */
export const scoped = (
  name: string,
  options: Tracer.SpanOptions = {}
): Effect.Effect<Tracer.Span | undefined, never, Scope.Scope> =>
  where(() => Effect.makeSpanScoped(name, { captureStackTrace: false, ...options }), Effect.succeed(undefined))

/** Runs an effect as a child of the span, if there is one. */
export const inside =
  (span: Tracer.Span | undefined) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    span === undefined ? effect : (Effect.withParentSpan(effect, span) as Effect.Effect<A, E, R>)

import { assert, describe, it } from "@effect/vitest"
import { Cause, Effect, Layer, Logger, Tracer } from "effect"
import { toJson } from "../../src/app/Logging.ts"
import * as Span from "../../src/observe/Span.ts"

const failing = Span.named("Login.run")(function* (reason: string) {
  yield* Effect.logInfo("begun")
  return yield* Effect.fail(new Error(reason))
})

/** A tracer that keeps the names of its spans. */
const listening = (native: Tracer.Tracer) => {
  const names: Array<string> = []
  const tracer = Tracer.make({
    ...native,
    span: (name, ...rest) => {
      names.push(name)
      return native.span(name, ...rest)
    }
  })
  return { names, layer: Layer.setTracer(tracer) }
}

describe("A named function", () => {
  it.effect("shows its name in the stack of a failure, and is neither exported as a span nor logged as one", () =>
    Effect.gen(function* () {
      const lines: Array<string> = []
      const logger = Logger.replace(
        Logger.defaultLogger,
        Logger.map(toJson, (line) => void lines.push(line))
      )
      const { layer, names } = listening(yield* Effect.tracer)
      const cause = yield* Effect.flip(Effect.sandbox(Span.within("chat")(failing("bad")))).pipe(
        Effect.provide(Layer.merge(layer, logger))
      )
      assert.include(Cause.pretty(cause), "Login.run (")
      assert.deepStrictEqual(names, ["chat"])
      const { span_id, trace_id } = JSON.parse(lines[0] ?? "{}") as Record<string, string>
      assert.match(`${trace_id} ${span_id}`, /^[0-9a-f]{32} [0-9a-f]{16}$/)

      yield* Effect.flip(failing("bad")).pipe(Effect.provide(logger), Effect.withTracerEnabled(false))
      assert.notProperty(JSON.parse(lines[1] ?? "{}"), "trace_id")
    })
  )
})

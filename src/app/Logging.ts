/**
 * Log format: JSON lines with trace ids, or readable lines on a terminal.
 */
import { Context, Effect, FiberRef, FiberRefs, Layer, Logger, LogLevel, Tracer } from "effect"
import { GatewayConfig, type Settings } from "../config/Config.ts"
import * as Span from "../observe/Span.ts"
import * as LogOutput from "./LogOutput.ts"
import * as ReadableLog from "./ReadableLog.ts"

const levels: Record<Settings["logLevel"], LogLevel.LogLevel> = {
  trace: LogLevel.Trace,
  debug: LogLevel.Debug,
  info: LogLevel.Info,
  warn: LogLevel.Warning,
  error: LogLevel.Error,
  off: LogLevel.None
}

/** Control characters that JSON.stringify does not escape. */
const odd = /[\u007f-\u009f\u2028\u2029]/g
const escape = (sign: string) => `\\u${sign.charCodeAt(0).toString(16).padStart(4, "0")}`

/** One JSON object per line, with control characters escaped. */
export const toJson = Logger.make<unknown, string>((options) => {
  const line = Logger.structuredLogger.log(options)
  const context = FiberRefs.getOrDefault(options.context, FiberRef.currentContext)
  const span = Span.exported(Context.getOption(context, Tracer.ParentSpan))
  const trace = span._tag === "Some" ? { trace_id: span.value.traceId, span_id: span.value.spanId } : {}
  return `${JSON.stringify({ ...line, ...trace }).replace(odd, escape)}\n`
})

const output = Effect.acquireRelease(Effect.sync(LogOutput.make), ({ close }) => Effect.sync(close))

const Json = Logger.replaceScoped(
  Logger.defaultLogger,
  Effect.map(output, ({ write }) => Logger.map(toJson, write))
)

const isColoured = () => process.stdout.isTTY === true && (process.env["NO_COLOR"] ?? "") === ""

const Pretty = Logger.replaceScoped(
  Logger.defaultLogger,
  Effect.map(output, ({ write }) =>
    // An entry that waits for another one is nothing yet.
    Logger.map(ReadableLog.make({ isColoured: isColoured() }), (line) => (line === "" ? undefined : write(line)))
  )
)

export const layer: Layer.Layer<never, never, GatewayConfig> = Layer.unwrapEffect(
  Effect.map(GatewayConfig, ({ logFormat, logLevel }) => {
    const pretty = logFormat === "pretty" || (logFormat === "" && process.stdout.isTTY === true)
    return Layer.merge(pretty ? Pretty : Json, Logger.minimumLogLevel(levels[logLevel]))
  })
)

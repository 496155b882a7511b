/**
 * Where log lines go: JSON lines, or readable ones on a terminal.
 */
import { Effect, Layer, Logger, LogLevel } from "effect"
import { GatewayConfig, type Settings } from "./Config.ts"

const levels: Record<Settings["logLevel"], LogLevel.LogLevel> = {
  trace: LogLevel.Trace,
  debug: LogLevel.Debug,
  info: LogLevel.Info,
  warn: LogLevel.Warning,
  error: LogLevel.Error,
  off: LogLevel.None
}

export const layer: Layer.Layer<never, never, GatewayConfig> = Layer.unwrapEffect(
  Effect.map(GatewayConfig, ({ logFormat, logLevel }) => {
    const pretty = logFormat === "pretty" || (logFormat === "" && process.stdout.isTTY === true)
    return Layer.merge(pretty ? Logger.pretty : Logger.json, Logger.minimumLogLevel(levels[logLevel]))
  })
)

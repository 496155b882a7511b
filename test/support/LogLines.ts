/**
 * The lines that are logged, kept for a test to look at.
 */
import { HashMap, Logger } from "effect"

export interface LogLine {
  readonly message: string
  readonly level: string
  readonly annotations: Readonly<Record<string, unknown>>
  readonly cause: unknown
}

export const listening = () => {
  const lines: Array<LogLine> = []
  const log = Logger.make(({ annotations, cause, logLevel, message }) => {
    lines.push({
      message: String(message),
      level: logLevel.label,
      annotations: Object.fromEntries(HashMap.toEntries(annotations)),
      cause
    })
  })
  return { lines, layer: Logger.replace(Logger.defaultLogger, log) }
}

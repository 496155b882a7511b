/**
 * The log for a terminal: one line for each entry, and one for each chat, with why it failed.
 */
import { Cause, FiberRef, FiberRefs, HashMap, Logger, LogLevel } from "effect"

const RESET = "\u001b[0m"
const colours: Readonly<Record<string, string>> = { WARN: "\u001b[33m", ERROR: "\u001b[31m", FATAL: "\u001b[31m" }

/** What would be obeyed by a terminal, or begin another line. */
const odd = /[\p{C}\u2028\u2029]/gu
const escape = (sign: string) => `\\u{${sign.codePointAt(0)?.toString(16)}}`
const shown = (value: unknown): string =>
  (typeof value === "string" ? value : (JSON.stringify(value) ?? String(value))).replace(odd, escape)

type Fields = ReadonlyMap<string, unknown>

/** Times and levels of their own width, so that what follows stands in columns. */
const head = (date: Date, level: string, isColoured: boolean): string => {
  const time = [date.getHours(), date.getMinutes(), date.getSeconds()].map((n) => String(n).padStart(2, "0")).join(":")
  const colour = isColoured ? (colours[level] ?? "") : ""
  return `${time}  ${colour}${level.padEnd(5)}${colour === "" ? "" : RESET}  `
}

const pairs = (fields: Fields, without: ReadonlySet<string>): ReadonlyArray<string> =>
  [...fields].flatMap(([name, value]) => (without.has(name) ? [] : [`${name}: ${shown(value)}`]))

const inHead = new Set(["method", "path", "route", "status", "ms", "key", "instance", "model", "request_id"])
const inRequest = new Set([...inHead, "outcome", "ttft_ms", "prompt_tokens", "completion_tokens"])

/** Who asked for what, how it ended, on which instance, how long it took; then why it failed, and its id. */
const request = (fields: Fields, failure: string | undefined): string => {
  const of = (name: string) => (fields.has(name) ? [shown(fields.get(name))] : [])
  const isChat = fields.has("prompt_tokens")
  const tokens = isChat
    ? [`${shown(fields.get("prompt_tokens"))} + ${shown(fields.get("completion_tokens"))} tokens`]
    : []
  return [
    ...of("key"),
    `${shown(fields.get("method"))} ${shown(fields.get("path"))}`,
    ...of("status"),
    ...(fields.get("outcome") === "completed" ? [] : of("outcome")),
    ...of("instance"),
    ...of("model"),
    `${shown(fields.get("ms"))} ms`,
    ...tokens,
    ...(failure === undefined ? [] : [failure]),
    ...pairs(fields, inRequest),
    ...of("request_id")
  ].join("  ")
}

/** Failures of chats that wait for the line of their request; more are written by themselves. */
const MOST_PENDING = 256

export const make = (options: { readonly isColoured: boolean }): Logger.Logger<unknown, string> => {
  const pending = new Map<string, { readonly begin: string; readonly rest: string }>()
  const evicted = (): string => {
    const [first] = pending
    if (first === undefined || pending.size <= MOST_PENDING) return ""
    pending.delete(first[0])
    return `${first[1].begin}chat failed  ${first[1].rest}  ${shown(first[0])}\n`
  }
  return Logger.make(({ annotations, cause, context, date, logLevel, message }) => {
    const fields: Fields = new Map(HashMap.toEntries(annotations).sort(([a], [b]) => (a < b ? -1 : 1)))
    const begin = head(date, logLevel.label, options.isColoured)
    const words = (Array.isArray(message) ? message : [message]).map(shown).join(" ")
    const why = Cause.isEmpty(cause) ? [] : [`cause: ${shown(Cause.pretty(cause))}`]
    const id = fields.get("request_id")
    if (words === "request" && fields.has("path")) {
      const failure = typeof id === "string" ? pending.get(id) : undefined
      if (typeof id === "string") pending.delete(id)
      return `${begin}${[request(fields, failure?.rest), ...why].join("  ")}\n`
    }
    const rest = [...pairs(fields, new Set(["request_id"])), ...why].join("  ")
    // Joined only where the line that it is joined to will be written.
    const minimum = FiberRefs.getOrDefault(context, FiberRef.currentMinimumLogLevel)
    if (words === "chat failed" && typeof id === "string" && LogLevel.lessThanEqual(minimum, LogLevel.Info)) {
      const { error, detail } = Object.fromEntries(fields)
      const short = detail === undefined ? shown(error) : `${shown(error)}: ${shown(detail)}`
      pending.set(id, { begin, rest: short })
      return evicted()
    }
    return `${begin}${[words, ...(rest === "" ? [] : [rest]), ...(id === undefined ? [] : [shown(id)])].join("  ")}\n`
  })
}

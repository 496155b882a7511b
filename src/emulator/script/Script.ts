/**
 * Scripts of answers: one set of keys, set by environment, the control API or a directive in the prompt.
 *
 * | key (directive, control) | environment | default | meaning |
 * | --- | --- | --- | --- |
 * | `text` | `LINGMA_EMULATOR_TEXT` | a greeting that repeats the question | the answer, cut into small chunks |
 * | `tokens` | `_TOKENS` | | N made-up chunks `t0 `, `t1 `, …, in place of `text` |
 * | `stamp` | `_STAMP` | 0 | 1 = each of `tokens` is the microsecond of its sending, by the monotonic clock |
 * | `chunks` | `_CHUNKS` | | exact chunks, JSON: `["a", {"text": "b", "delay": 50}]`; `delay` = ms before it |
 * | `thoughts` | `_THOUGHTS` | some, for reasoning models | a text, or JSON like `chunks`; `""` for none |
 * | `interval` | `_INTERVAL_MS` | 30 | ms between chunks; 0 = as fast as the socket takes them |
 * | `burst` | `_BURST` | 1 | chunks per tick |
 * | `first` | `_FIRST_MS` | 150, or 0 with interval 0 | ms before the first chunk |
 * | `empty` | `_EMPTY` | 1 | chat/ask: an empty delta after every N chunks, 0 = never |
 * | `fault` | `_FAULT` | | see Faults.ts |
 * | `ack` | `_ACK` | track | `block`: nothing more is sent while a push of the connection is unanswered |
 * | `think` | `_THINK` | push | chat/ask: `inline` puts thoughts into chat/answer as QoderCN does |
 * | `full` | `_FULL` | 0 | 1 = the finish push carries `fullAnswer` |
 * | `split` | `_FRAME_SPLIT` | 0 | a frame goes out in WebSocket text messages of N bytes, cut between characters |
 * | `bytes` | `_FRAME_BYTES` | 0 | the same in binary messages, cut anywhere |
 * | `join` | `_FRAME_JOIN` | 0 | up to N frames in one WebSocket message |
 * | `reason` | `_REASON` | by the code, Endings.ts | the reason of a finish that `finish_error` or `too_long` brings; JSON goes as its text |
 * | `code` | `_CODE` | 80411 | the statusCode that `too_long` brings |
 * | `reply` | `_REPLY` | bare | the reply to session/prompt: without a result, or `empty` = `{}`, or `stop` = with a `stopReason` |
 * | `usage` | `_USAGE` | 0 | N = `promptTokens` and `completionTokens` at the end and after every N chunks of the answer |
 * | `input` | `_INPUT` | a quarter of the prompt's characters | `promptTokens` |
 * | `output` | `_OUTPUT` | the chunks sent | `completionTokens` at the end |
 * | `mark` | `_MARK` | | a word that `logs/lingma.log` gets as the turn begins, to count turns also when the process is killed |
 * | `cancel` | `_CANCEL` | any | which form of session/cancel is heard, see Cancel.ts; standing |
 *
 * Precedence, lowest first: environment, standing script of the control API, script queued for this turn, directive.
 * A directive is `[[emu tokens=200 interval=0 text="…" fault=crash@4]]`, anywhere in the prompt; the last one wins;
 * values are bare words or JSON. `frame_split`, `frame_bytes` and `frame_join` are aliases; a fault may be given
 * alone: `[[emu stall@3]]`.
 */
import { Either, ParseResult, Schema } from "effect"
import * as Faults from "./Faults.ts"

const Whole = Schema.Union(Schema.NonNegativeInt, Schema.NumberFromString.pipe(Schema.int(), Schema.nonNegative()))
const Text = Schema.Union(
  Schema.String,
  Schema.transform(Schema.Union(Schema.Number, Schema.Boolean), Schema.String, { decode: String, encode: Number })
)
const Chunk = Schema.Union(Schema.String, Schema.Struct({ text: Schema.String, delay: Schema.optional(Whole) }))
const Reason = Schema.Union(
  Text,
  Schema.transform(Schema.Record({ key: Schema.String, value: Schema.Unknown }), Schema.String, {
    decode: (fields) => JSON.stringify(fields),
    encode: () => ({})
  })
)
const FaultList = Schema.transformOrFail(Schema.String, Schema.Any as Schema.Schema<Faults.Faults>, {
  decode: (text, _, ast) => {
    const faults = Faults.parse(text)
    return typeof faults === "string"
      ? ParseResult.fail(new ParseResult.Type(ast, text, faults))
      : ParseResult.succeed(faults)
  },
  encode: () => ParseResult.succeed("")
})

const cancelForms = ["any", "request", "notification", "unanswered", "deaf"] as const

const Keys = Schema.Struct({
  text: Schema.optional(Text),
  tokens: Schema.optional(Whole),
  stamp: Schema.optional(Whole),
  chunks: Schema.optional(Schema.Array(Chunk)),
  thoughts: Schema.optional(Schema.Union(Text, Schema.Array(Chunk))),
  interval: Schema.optional(Whole),
  burst: Schema.optional(Whole),
  first: Schema.optional(Whole),
  empty: Schema.optional(Whole),
  fault: Schema.optional(FaultList),
  ack: Schema.optional(Schema.Literal("track", "block")),
  think: Schema.optional(Schema.Literal("push", "inline")),
  full: Schema.optional(Whole),
  split: Schema.optional(Whole),
  bytes: Schema.optional(Whole),
  join: Schema.optional(Whole),
  reason: Schema.optional(Reason),
  code: Schema.optional(Whole),
  reply: Schema.optional(Schema.Literal("bare", "empty", "stop")),
  usage: Schema.optional(Whole),
  input: Schema.optional(Whole),
  output: Schema.optional(Whole),
  mark: Schema.optional(Text),
  cancel: Schema.optional(Schema.Literal(...cancelForms))
})

export type Script = typeof Keys.Type

const decode = Schema.decodeUnknownEither(Keys, { onExcessProperty: "error" })

const environment: ReadonlyArray<readonly [string, keyof Script]> = [
  ["TEXT", "text"],
  ["TOKENS", "tokens"],
  ["STAMP", "stamp"],
  ["CHUNKS", "chunks"],
  ["THOUGHTS", "thoughts"],
  ["INTERVAL_MS", "interval"],
  ["BURST", "burst"],
  ["FIRST_MS", "first"],
  ["EMPTY", "empty"],
  ["FAULT", "fault"],
  ["ACK", "ack"],
  ["THINK", "think"],
  ["FULL", "full"],
  ["FRAME_SPLIT", "split"],
  ["FRAME_BYTES", "bytes"],
  ["FRAME_JOIN", "join"],
  ["REASON", "reason"],
  ["CODE", "code"],
  ["REPLY", "reply"],
  ["USAGE", "usage"],
  ["INPUT", "input"],
  ["OUTPUT", "output"],
  ["MARK", "mark"],
  ["CANCEL", "cancel"]
]

/** Parses JSON, else a bare word. */
const value = (raw: string): unknown => {
  if (!/^["[{]/.test(raw)) return raw
  try {
    return JSON.parse(raw)
  } catch {
    return raw
  }
}

/** Parses a script from untyped values, or returns an error message. */
export const fromUnknown = (input: Readonly<Record<string, unknown>>): Script | string => {
  const renamed = Object.entries(input).map(([key, given]) => [key.replace(/^frame_/, ""), given])
  return Either.match(decode(Object.fromEntries(renamed)), {
    onLeft: (error) =>
      ParseResult.ArrayFormatter.formatErrorSync(error)
        .map((issue) => issue.message)
        .join("; "),
    onRight: (script) => script
  })
}

export const fromEnvironment = (env: Readonly<Record<string, string | undefined>>): Script | string => {
  const given: Record<string, unknown> = {}
  for (const [name, key] of environment) {
    const raw = env[`LINGMA_EMULATOR_${name}`]
    if (raw !== undefined && raw !== "") given[key] = value(raw)
  }
  return fromUnknown(given)
}

/** Overrides `base` key by key; `text`, `tokens` and `chunks` replace each other. */
export const over = (base: Script, patch: Script): Script => {
  if (patch.text === undefined && patch.tokens === undefined && patch.chunks === undefined) return { ...base, ...patch }
  const { text: _text, tokens: _tokens, chunks: _chunks, ...rest } = base
  return { ...rest, ...patch }
}

/** End of a JSON value or a bare word. */
const valueEnd = (text: string, start: number): number => {
  const opening = text[start]
  if (opening !== '"' && opening !== "[" && opening !== "{") {
    const word = /\s|\]\]/g
    word.lastIndex = start
    return word.exec(text)?.index ?? text.length
  }
  let depth = 0
  let quoted = false
  for (let i = start; i < text.length; i++) {
    const sign = text[i]
    if (quoted) {
      if (sign === "\\") i++
      else if (sign === '"') quoted = false
    } else if (sign === '"') quoted = true
    else if (sign === "[" || sign === "{") depth++
    else if (sign === "]" || sign === "}") depth--
    if (depth === 0 && !quoted) return i + 1
  }
  return text.length
}

export interface Directive {
  readonly script: Script | string
  /** The prompt without directives. */
  readonly rest: string
}

const readDirective = (
  text: string,
  start: number
): { readonly end: number; readonly script: Script | string } | undefined => {
  const given: Record<string, unknown> = {}
  const faults: Array<string> = []
  let at = start + "[[emu".length
  while (at < text.length) {
    while (/\s/.test(text[at] ?? "")) at++
    if (text.startsWith("]]", at)) {
      if (faults.length > 0) given["fault"] = [given["fault"], ...faults].filter((part) => part !== undefined).join(",")
      return { end: at + 2, script: fromUnknown(given) }
    }
    const key = /[a-z_]+/y
    key.lastIndex = at
    const name = key.exec(text)?.[0]
    if (name === undefined) return { end: at, script: `not understood: ${text.slice(at, at + 20)}` }
    const end = text[at + name.length] === "=" ? valueEnd(text, at + name.length + 1) : valueEnd(text, at)
    if (end <= at) return undefined
    if (Faults.names.has(name)) faults.push(text.slice(at, end))
    else given[name] = value(text.slice(at + name.length + 1, end))
    at = end
  }
  return undefined
}

export const directive = (prompt: string): Directive => {
  let script: Script | string = {}
  let rest = ""
  let from = 0
  const opening = /\[\[emu(?=\s|\]\])/g
  for (let match = opening.exec(prompt); match !== null; match = opening.exec(prompt)) {
    const found = readDirective(prompt, match.index)
    if (found === undefined) continue
    script = found.script
    rest += prompt.slice(from, match.index)
    from = opening.lastIndex = found.end
  }
  return { script, rest: (rest + prompt.slice(from)).trim() }
}

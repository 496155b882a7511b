/**
 * Streams the arguments of a call in JSON while the model writes them: `{"name": …, "arguments": { … }}`.
 *
 * A call starts with its first argument. Texts are sent as they come, other values when complete. From what is
 * no sound JSON on, or depends on other arguments, the rest waits for the end of the call.
 */
import type { Tool, ToolCall } from "../../domain/Chat.ts"
import { isBlank } from "../../json/Json.ts"
import * as JsonRepair from "../../json/JsonRepair.ts"
import * as JsonSource from "../../json/JsonSource.ts"
import * as JsonSpan from "../../json/JsonSpan.ts"
import * as ToolArguments from "../tools/ToolArguments.ts"
import * as ToolCalls from "../tools/ToolCalls.ts"
import type { CallStream, Options as StreamOptions } from "./CallStream.ts"
import * as JsonText from "./JsonText.ts"

export type Options = Pick<StreamOptions, "begin" | "delta" | "find" | "isCertain" | "newId">

/** What comes next. Between the parts stand blanks only. */
type State =
  | "open" // the brace of the item
  | "key" // one of its keys
  | "keyColon"
  | "name"
  | "nameEnd" // a comma
  | "arguments" // their brace
  | "first" // an argument, or the end
  | "argument"
  | "argumentColon"
  | "value"
  | "next" // a comma, or the end
  | "string"
  | "literal" // a number or a word
  | "nested"
  | "off"

/** Max characters of a name or a key. */
const MAX_KEY = 1024
const HIGH = /[\ud800-\udbff]$/

const escape = (text: string) => JSON.stringify(text).slice(1, -1)

export const make = ({ begin, delta, find, isCertain, newId }: Options): CallStream => {
  let call: Pick<ToolCall, "id" | "name"> | undefined
  let tool: Tool | undefined
  let state: State = "open"
  let held = ""
  let sent = ""
  let name = ""
  /** What the arguments stand under. */
  let under = ""
  let key = ""
  const keys = new Set<string>()
  /** A text that is read: a name, a key, or a value, of which pieces may be sent. */
  let text: JsonText.JsonText | undefined
  let whole = ""
  let isLive = false
  let span = JsonSpan.make()
  let raw = ""

  const send = (piece: string) => {
    if (piece === "") return
    sent += piece
    delta(piece)
  }
  const head = () => `${keys.size === 1 ? "{" : ","}${JSON.stringify(key)}:`

  const found = (): State => {
    tool = find(name)
    return tool === undefined || tool.strict || tool.kind === "custom" ? "off" : "first"
  }
  /** False if it must not be streamed. */
  const isBegun = (one: Tool): boolean => {
    if (call !== undefined) return true
    const id = { id: newId(), name: one.name }
    if (!begin(id, one)) return false
    call = id
    return true
  }

  /** A key or a name was read. */
  const named = (from: State): State => {
    if (from === "name") {
      name = whole
      return "nameEnd"
    }
    if (from === "key") {
      if (name === "") return whole === "name" ? "keyColon" : "off"
      under = whole
      return ToolCalls.ARGUMENTS.includes(whole) ? "keyColon" : "off"
    }
    key = whole
    if (keys.has(key) || !ToolArguments.isAlone(key, tool!) || !isBegun(tool!)) return "off"
    keys.add(key)
    return "argumentColon"
  }

  const complete = (): State => {
    const json = ToolArguments.oneJson(key, raw, tool!)
    if (json === undefined) return "off"
    send(head() + json)
    return "next"
  }

  let reading: State = "key"
  const quote = (): State => {
    text = JsonText.make()
    whole = ""
    reading = state
    isLive = state === "value" && ToolArguments.isText(key, tool!) !== "never"
    if (isLive) send(`${head()}"`)
    return "string"
  }

  const ended = (): State => {
    text = undefined
    if (reading !== "value") return named(reading)
    if (isLive) {
      send(`${escape(whole)}"`)
      return "next"
    }
    raw = JSON.stringify(whole)
    return complete()
  }

  const inText = (piece: string, from: number): number => {
    const at = text!.read(piece, from)
    whole += text!.take()
    if (!text!.isOpen()) state = ended()
    else if (isLive) {
      const rest = HIGH.exec(whole)?.[0] ?? ""
      send(escape(whole.slice(0, whole.length - rest.length)))
      whole = rest
    } else if (reading !== "value" && whole.length > MAX_KEY) state = "off"
    return at
  }

  const beginValue = (code: number, char: string): State => {
    if (char === '"') return quote()
    raw = char
    if (char !== "{" && char !== "[") return "literal"
    span = JsonSpan.make()
    span.step(code)
    return "nested"
  }

  /** One character outside of strings and values. */
  const between = (char: string, code: number): State => {
    if (isBlank(code)) return state
    if (state === "open") return char === "{" ? "key" : "off"
    if (state === "key" || state === "argument" || (state === "first" && char === '"')) {
      return char === '"' ? quote() : "off"
    }
    if (state === "keyColon") return char === ":" ? (name === "" && under === "" ? "name" : "arguments") : "off"
    if (state === "name") return char === '"' ? quote() : "off"
    if (state === "nameEnd") return char === "," && name !== "" ? "key" : "off"
    if (state === "arguments") return char === "{" ? found() : "off"
    if (state === "argumentColon") return char === ":" ? "value" : "off"
    if (state === "value") return beginValue(code, char)
    // Behind the end, or what is no argument: the rest comes with the end of the call.
    return state === "next" && char === "," ? "argument" : "off"
  }

  const step = (char: string): void => {
    const code = char.charCodeAt(0)
    if (state === "nested") {
      raw += char
      const what = span.step(code)
      if (what !== "more") state = what === "end" ? complete() : "off"
    } else if (state === "literal") {
      if (char !== "," && char !== "}" && !isBlank(code)) {
        raw += char
        if (raw.length > MAX_KEY) state = "off"
        return
      }
      state = complete()
      if (state === "next") step(char)
    } else state = between(char, code)
  }

  const walk = (piece: string) => {
    let at = 0
    while (at < piece.length && state !== "off") {
      if (state === "string") at = inText(piece, at)
      else step(piece[at++]!)
    }
  }

  /** As the model wrote them, where the order of keys was changed, or one is there twice. */
  const asWritten = (item: string): string | undefined => {
    const source = JsonRepair.isJson(item) ? item : JsonRepair.repair(item)
    if (source === undefined || !JsonRepair.isJson(source)) return undefined
    const members = new Map(JsonSource.members(source))
    const all = members.get(under)
    if (all === undefined || ToolCalls.ARGUMENTS.find((name) => members.has(name)) !== under) return undefined
    const one = ([key, value]: readonly [string, string]) =>
      `${JSON.stringify(key)}:${ToolArguments.oneJson(key, value, tool!) ?? JsonSource.compact(value)}`
    return `{${JsonSource.members(all).map(one).join()}}`
  }

  return {
    read: (piece) => {
      if (state === "off") return
      held += piece
      if (!isCertain()) return
      const all = held
      held = ""
      walk(all)
    },
    isOpen: () => call !== undefined,
    end: (outcome, piece) => {
      const made = outcome._tag === "Call" ? outcome.call : outcome.problem.call
      if (call === undefined || made === undefined || made.name !== call.name) return undefined
      let all: string | undefined = made.arguments
      if (!all.startsWith(sent)) all = piece?._tag === "Json" ? asWritten(piece.text) : undefined
      if (all === undefined || !all.startsWith(sent)) return undefined
      send(all.slice(sent.length))
      return { ...call, arguments: all }
    }
  }
}

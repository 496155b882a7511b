/**
 * Sends the arguments of a call while the model writes them, as the JSON text that they are in the end.
 *
 * A call is begun when the first key of its first function is known. What was sent is not taken back: of a text goes
 * out what certainly belongs to it, of other values each when it is whole. Where an argument cannot be sent before
 * the others are known, the rest waits for the end.
 */
import type { Tool, ToolCall } from "../../domain/Chat.ts"
import type { CallBlock } from "../forms/CallBlock.ts"
import * as LineEnds from "../forms/LineEnds.ts"
import type { Span } from "../forms/XmlCall.ts"
import * as ToolArguments from "../tools/ToolArguments.ts"
import type { Outcome } from "../tools/ToolCalls.ts"

export interface CallStream {
  /** What the block has read since. */
  readonly read: (text: string) => void
  /** It was begun, and has no end yet. */
  readonly isOpen: () => boolean
  /** The call that was begun is whole; undefined: what was sent does not begin it. */
  readonly end: (outcome: Outcome) => ToolCall | undefined
}

export interface Options {
  readonly block: CallBlock
  /** What the block began with. */
  readonly opener: string
  readonly find: (name: string) => Tool | undefined
  readonly newId: () => string
  /** False: it is not wanted as it comes. */
  readonly begin: (call: Pick<ToolCall, "id" | "name">, tool: Tool) => boolean
  readonly delta: (text: string) => void
}

/** A value that is being written. */
interface Value {
  how: "always" | "unlessNull" | "never"
  /** Some of it may be sent. */
  isOn: boolean
  /** How it begins, if that only separates. */
  lead: string
  /** The place of what was not sent yet; unknown before its beginning is. */
  at: number | undefined
  /** How far it was looked at. */
  seen: number
  /** A line end comes next, and whether that is the way of the wire is not known yet. */
  isStuck: boolean
}

/** Blanks at the beginning of a text that are looked behind. */
const MAX_BLANKS = 1024
const CDATA = "<![CDATA["
/** What may only separate, and half a character. */
const HELD = /(?:\r?\n|\r|[\ud800-\udbff])$/

/** JavaScript writes such keys before others. */
const INDEX = /^\d+$/

const escape = (text: string) => JSON.stringify(text).slice(1, -1)

/** Whether a value that begins so is its text: undefined as long as that cannot be told. */
const isTextSoFar = (text: string, how: Value["how"]): boolean | undefined => {
  const begin = text.slice(0, MAX_BLANKS + CDATA.length).trimStart()
  if (begin === "") return text.length > MAX_BLANKS ? false : undefined
  if (begin.startsWith(CDATA)) return false
  if (CDATA.startsWith(begin)) return undefined
  return how === "unlessNull" && "null".startsWith(begin.trimEnd()) ? undefined : true
}

export const make = ({ begin, block, delta, find, newId, opener }: Options): CallStream => {
  let call: Pick<ToolCall, "id" | "name"> | undefined
  let tool: Tool | undefined
  /** "off": nothing more goes out before the end. */
  let state: "waiting" | "on" | "off" = "waiting"
  let sent = ""
  /** What was read from `base` on. */
  let tail = ""
  let base = opener.length
  let length = base
  let isAfterCr = false
  let hasBareLineEnd = false
  /** Parameters that are done. */
  let done = 0
  const keys = new Set<string>()
  let value: Value | undefined

  const send = (text: string) => {
    if (text === "") return
    sent += text
    delta(text)
  }
  const off = () => {
    state = "off"
    tail = ""
  }
  const part = (from: number, to: number) => tail.slice(from - base, to - base)
  const isCustom = () => tool?.kind === "custom"
  const written = (text: string) => (isCustom() ? text : escape(text))
  const head = (key: string) => `${done === 0 ? "{" : ","}${JSON.stringify(key)}:`

  /** Begins with a parameter; false: it is not one that may go out now. */
  const enter = (key: string): boolean => {
    if (value !== undefined) return true
    const isFit = isCustom() ? done === 0 && key === "input" : !keys.has(key) && ToolArguments.isAlone(key, tool!)
    keys.add(key)
    if (!isFit) {
      off()
      return false
    }
    value = { how: ToolArguments.isText(key, tool!), isOn: false, lead: "", at: undefined, seen: -1, isStuck: false }
    return true
  }

  /** Where the value begins behind the line end that only separates; undefined as long as that cannot be told. */
  const afterLead = (one: Value, from: number, to: number): number | undefined => {
    if (one.at !== undefined) return one.at
    const begin = part(from, Math.min(to, from + 2))
    one.isStuck = begin === "\r\n" && !hasBareLineEnd
    if (begin === "" || begin === "\r" || one.isStuck) return undefined
    one.lead = begin[0] === "\n" ? "\n" : begin === "\r\n" ? begin : ""
    one.at = from + one.lead.length
    return one.at
  }

  const grow = ({ from, key, to }: Span) => {
    if (!enter(key)) return
    const one = value!
    if (one.how === "never" || to <= one.seen || (one.isStuck && !hasBareLineEnd)) return
    one.seen = to
    const at = afterLead(one, from, to)
    if (at === undefined) return
    let text = part(at, to)
    if (!one.isOn) {
      const isText = isCustom() || isTextSoFar(text, one.how)
      if (isText === false) one.how = "never"
      if (isText !== true) return
      one.isOn = true
      if (!isCustom()) send(`${head(key)}"`)
    }
    const wire = hasBareLineEnd ? -1 : text.indexOf("\r")
    one.isStuck = wire >= 0
    if (one.isStuck) text = text.slice(0, wire)
    text = text.slice(0, text.length - (HELD.exec(text)?.[0].length ?? 0))
    send(written(text))
    one.at = at + text.length
    tail = tail.slice(one.at - base)
    base = one.at
  }

  const finish = ({ from, key, to }: Span) => {
    if (!enter(key)) return
    const { at, isOn, lead } = value!
    const text = part(isOn && at !== undefined ? at : from, to)
    if (!hasBareLineEnd && text.includes("\r")) return off()
    if (isOn) {
      const rest = text.replace(lead === "\n" ? /\n$/ : /\r?\n$/, "")
      send(isCustom() ? rest : `${escape(rest)}"`)
    } else if (isCustom()) send(LineEnds.unwrap(text))
    else {
      const json = ToolArguments.one(key, LineEnds.unwrap(text), tool!)
      if (json === undefined) return off()
      send(head(key) + json)
    }
    value = undefined
    done++
    tail = tail.slice(to - base)
    base = to
  }

  const advance = () => {
    const function_ = block.first()
    const progress = function_?.progress(length)
    if (function_ === undefined || progress === undefined) return
    const spans = function_.spans()
    if (state === "waiting") {
      const key = spans[0]?.key ?? progress.open?.key ?? ""
      tool = find(function_.name())
      if (tool === undefined || tool.strict || !(isCustom() ? key === "input" : ToolArguments.isAlone(key, tool))) {
        return off()
      }
      const id = { id: newId(), name: tool.name }
      if (!begin(id, tool)) return off()
      call = id
      state = "on"
    }
    while (state === "on" && done < progress.whole) finish(spans[done]!)
    if (state === "on" && progress.open !== undefined) grow(progress.open)
  }

  const argumentsOf = (outcome: Outcome): string | undefined => {
    const piece = block.pieces()[0]
    const mended = outcome._tag === "Call" ? outcome.call.arguments : outcome.problem.call?.arguments
    if (mended === undefined || piece?._tag !== "Xml" || isCustom()) return mended
    const { parameters } = piece
    const isMoved = parameters.some(([key], at) => INDEX.test(key) || parameters.findIndex(([one]) => one === key) < at)
    return isMoved ? ToolArguments.asWritten(parameters, tool!) : mended
  }

  return {
    read: (text) => {
      length += text.length
      if (state === "off" || text === "") return
      hasBareLineEnd ||= LineEnds.hasBare(isAfterCr ? `\r${text}` : text)
      isAfterCr = text.endsWith("\r")
      tail += text
      advance()
    },
    isOpen: () => call !== undefined,
    end: (outcome) => {
      const whole = argumentsOf(outcome)
      if (call === undefined || whole === undefined || !whole.startsWith(sent)) return undefined
      send(whole.slice(sent.length))
      return { ...call, arguments: whole }
    }
  }
}

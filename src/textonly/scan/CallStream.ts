/**
 * Streams the arguments of a call as JSON text while the model writes them.
 *
 * A call starts with the first key of its function. Nothing sent is revised: strings are sent as far as they are
 * final, other values when complete. If an argument depends on others, the rest waits for the end of the call.
 */
import type { Tool, ToolCall } from "../../domain/Chat.ts"
import type { Growth } from "../forms/CallBlock.ts"
import * as LineEnds from "../forms/LineEnds.ts"
import type { Piece } from "../forms/Pieces.ts"
import type { Span } from "../forms/XmlCall.ts"
import * as ToolArguments from "../tools/ToolArguments.ts"
import type { Outcome } from "../tools/ToolCalls.ts"

export interface CallStream {
  /** Text that the block has read since the last call. */
  readonly read: (text: string) => void
  /** The call was started and is incomplete. */
  readonly isOpen: () => boolean
  /** Completes the call; undefined if what was sent is not a prefix of it. */
  readonly end: (outcome: Outcome, piece: Piece | undefined) => ToolCall | undefined
}

export interface Options {
  readonly growth: Growth
  /** Place of the function in its block. */
  readonly index: number
  /** Offset in the block from which text is read. */
  readonly from: number
  /** Before it, a line ended with a bare LF. */
  readonly hasBare: boolean
  readonly find: (name: string) => Tool | undefined
  readonly newId: () => string
  /** Whether nothing can make the block text any more. */
  readonly isCertain: () => boolean
  /** False if it must not be streamed. */
  readonly begin: (call: Pick<ToolCall, "id" | "name">, tool: Tool) => boolean
  readonly delta: (text: string) => void
}

/** A value that is still incomplete. */
interface Value {
  how: "always" | "unlessNull" | "never"
  /** Whether a part of it may be sent. */
  isOn: boolean
  /** Separating line end at its start. */
  lead: string
  /** Offset of the unsent part; undefined until its start is known. */
  at: number | undefined
  /** Offset up to which it was examined. */
  seen: number
  /** Waits at a CRLF that may be the model's line end or part of the value. */
  isStuck: boolean
}

/** Max leading blanks to skip in a text. */
const MAX_BLANKS = 1024
const CDATA = "<![CDATA["
/** A trailing line end, which may be a separator, or half a surrogate pair. */
const HELD = /(?:\r?\n|\r|[\ud800-\udbff])$/

/** JavaScript orders such keys before others. */
const INDEX = /^\d+$/

const escape = (text: string) => JSON.stringify(text).slice(1, -1)

/** Whether a value with this start is a string; undefined while undecided. */
const isTextSoFar = (text: string, how: Value["how"]): boolean | undefined => {
  const begin = text.slice(0, MAX_BLANKS + CDATA.length).trimStart()
  if (begin === "") return text.length > MAX_BLANKS ? false : undefined
  if (begin.startsWith(CDATA)) return false
  const isOpen = CDATA.startsWith(begin) || (how === "unlessNull" && "null".startsWith(begin.trimEnd()))
  if (!isOpen) return true
  return text.length > MAX_BLANKS + CDATA.length ? false : undefined
}

export const make = ({ begin, delta, find, from, growth, hasBare, index, isCertain, newId }: Options): CallStream => {
  let call: Pick<ToolCall, "id" | "name"> | undefined
  let tool: Tool | undefined
  /** "off": nothing more is sent before the end. */
  let state: "waiting" | "on" | "off" = "waiting"
  let sent = ""
  /** Text read since offset `base`. */
  let tail = ""
  let base = from
  let length = base
  let isAfterCr = false
  let hasBareLineEnd = hasBare
  /** Number of complete parameters. */
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

  /** Starts a parameter; false if it cannot be sent yet. */
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

  /** Start of the value after a separating line end; undefined while undecided. */
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
    const function_ = growth.functionAt(index)
    const progress = function_?.progress(length)
    if (function_ === undefined || progress === undefined) return
    const spans = function_.spans()
    if (state === "waiting") {
      if (!isCertain()) return
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

  const argumentsOf = (outcome: Outcome, piece: Piece | undefined): string | undefined => {
    const mended = outcome._tag === "Call" ? outcome.call.arguments : outcome.problem.call?.arguments
    if (mended === undefined || piece?._tag !== "Xml" || isCustom()) return mended
    const { parameters } = piece
    const keys = new Set(parameters.map(([key]) => key))
    const isMoved = keys.size < parameters.length || parameters.some(([key]) => INDEX.test(key))
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
    end: (outcome, piece) => {
      let whole = argumentsOf(outcome, piece)
      // Checked as a whole, values may be left as written that were converted one by one.
      if (whole?.startsWith(sent) === false && piece?._tag === "Xml" && !isCustom()) {
        whole = ToolArguments.asWritten(piece.parameters, tool!)
      }
      if (call === undefined || whole === undefined || !whole.startsWith(sent)) return undefined
      send(whole.slice(sent.length))
      return { ...call, arguments: whole }
    }
  }
}

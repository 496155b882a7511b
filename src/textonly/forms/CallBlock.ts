/**
 * Parses a streamed `<tool_call>…</tool_call>`, or a bare function, and splits it into calls.
 */
import type { Tool } from "../../domain/Chat.ts"
import * as JsonSpan from "../../json/JsonSpan.ts"
import * as ArgCall from "./ArgCall.ts"
import type { Form } from "./Forms.ts"
import {
  begun,
  CALL,
  CALL_END,
  FUNCTION,
  FUNCTION_END,
  FUNCTION_NAMED,
  INVOKE,
  INVOKE_END,
  isBlank,
  LESS,
  LF
} from "./Markup.ts"
import type { Mark, Piece } from "./Pieces.ts"
import * as Pieces from "./Pieces.ts"
import * as XmlCall from "./XmlCall.ts"

export interface CallBlock {
  /** Consumes `text` from `from` as far as it belongs to the block; returns the offset of the rest. */
  readonly read: (text: string, from: number) => number
  /** "not": not a call, but may contain one; "text": contains no call of a known tool; "over": too long. */
  readonly status: () => "open" | "done" | "not" | "over" | "text"
  /** All text read. */
  readonly raw: () => string
  /** Offset in `raw` where the block ended; the rest is lookahead. */
  readonly used: () => number
  readonly pieces: () => ReadonlyArray<Piece>
  /** Call at the end of the text; false if the block is unclosed. */
  readonly close: () => boolean
  /** Contains only a name that is still incomplete. */
  readonly isVague: () => boolean
  /** What of it is known while it is read; absent for forms that are only taken whole. */
  readonly growth?: Growth
}

export interface Growth {
  /** Length of what certainly belongs to its calls, the opener included. */
  readonly reach: () => number
  /** The piece at this place, as far as it was read, if it is a function. */
  readonly functionAt: (index: number) => XmlCall.XmlCall | undefined
  /** Where the piece at this place begins, if it is JSON. */
  readonly jsonAt: (index: number) => number | undefined
  /** Where the complete piece at this place ends. */
  readonly endOf: (index: number) => number | undefined
  /** The complete piece at this place, as if the block ended with it. */
  readonly pieceAt: (index: number) => Piece | undefined
}

export interface Options {
  readonly form: Form
  /** The marker was at the start of a line. */
  readonly atLine: boolean
  readonly maxLength: number
  /** The tool with this exact name, else the only one that matches case-insensitively. */
  readonly find: (name: string) => Tool | undefined
  /** Whether some tool name starts with this. */
  readonly mayBecome: (name: string) => boolean
}

const OPENERS = new Set([123, 91]) // { [
const TICK = 96
const JUNK = new Set([44, 125, 93, TICK]) // , } ] `
const MAX_INFO = 32
/** A bare function may be surrounded by parts of Qwen's frame. */
const BLOCK_MARKS = { closer: CALL_END, opener: CALL }
const FUNCTIONS = [FUNCTION, FUNCTION_NAMED, INVOKE]

export const make = ({ atLine, find, form, maxLength, mayBecome }: Options): CallBlock => {
  const { closer, opener, own } = form
  const bare = form.kind === "bare"
  const bodies = [...FUNCTIONS, closer, opener]
  const isKey = (key: string): boolean => {
    const tool = find(xml.name())
    if (tool === undefined || tool.kind === "custom") return false
    const properties = tool.parameters["properties"]
    return typeof properties === "object" && properties !== null && Object.hasOwn(properties, key)
  }
  const newXml = (end: string) => XmlCall.make({ ...(bare ? BLOCK_MARKS : { closer, opener }), end, isKey })
  const parts = [opener]
  let length = opener.length
  let state: "lead" | "info" | "json" | "xml" | "next" | "lost" = bare ? "xml" : "lead"
  let status: ReturnType<CallBlock["status"]> = "open"
  let used = 0
  let from = 0
  let tag = ""
  let newline = false
  let json = JsonSpan.make()
  let xml = newXml(FUNCTION_END)
  const marks: Array<Mark> = []
  /** JSON that was given up because it is too deep, and its place among the pieces. */
  let deep: { readonly index: number; readonly from: number; readonly to: number } | undefined
  let whole: string | undefined

  const done = (end: number) => {
    status = "done"
    used = end
  }
  const lost = () => {
    if (!own) {
      status = "text"
      return
    }
    state = "lost"
    tag = ""
  }
  const beginXml = (marker: string, at: number) => {
    state = "xml"
    from = at + 1 - marker.length
    xml = newXml(marker === INVOKE ? INVOKE_END : FUNCTION_END)
  }
  /** The content is neither a function nor JSON. */
  const stray = () => {
    if (own && atLine && newline) lost()
    else status = "not"
  }
  const endOf = (next: number) => marks.at(-1)?.to ?? next

  /** Between the opener and a body, or between bodies. */
  const outside = (code: number, at: number) => {
    if (tag === "" && isBlank(code)) {
      if (code === LF) newline = true
      return
    }
    const next = tag + String.fromCharCode(code)
    const marker = begun(next, bodies)
    if (marker !== undefined) {
      tag = marker === next ? "" : next
      if (tag !== "") return
      if (marker === closer) done(at + 1)
      else if (marker !== opener) beginXml(marker, at)
      else if (state === "next") done(endOf(at))
      return
    }
    if (tag === "" && OPENERS.has(code)) {
      state = "json"
      from = at
      json = JsonSpan.make()
      json.step(code)
    } else if (state === "next") {
      if (tag !== "" || !JUNK.has(code)) done(endOf(at))
    } else if (tag === "" && code === TICK) {
      state = "info"
      from = at
    } else if (own && tag === "" && mayBecome(String.fromCharCode(code))) {
      state = "xml"
      from = at
      xml = ArgCall.make()
      inXml(code, at)
    } else stray()
  }

  const inJson = (code: number, at: number) => {
    if (tag !== "" || (code === LESS && !json.inString())) {
      const next = tag + String.fromCharCode(code)
      const marker = begun(next, [closer, opener])
      tag = marker === undefined || marker === next ? "" : next
      if (marker === undefined) json.step(code)
      else if (marker === next) {
        const to = at + 1 - marker.length
        marks.push({ _tag: "Json", from, to })
        done(marker === closer ? at + 1 : to)
      }
      return
    }
    const what = json.step(code)
    if (what === "deep") {
      deep = { index: marks.length, from, to: at }
      lost()
    } else if (what === "end") {
      marks.push({ _tag: "Json", from, to: at + 1 })
      state = "next"
    }
  }

  const inXml = (code: number, at: number) => {
    const named = xml.isNamed()
    const what = xml.step(code, at)
    const isOther = !named && (xml.isNamed() ? find(xml.name()) === undefined : !mayBecome(xml.name()))
    if ((bare || !own) && isOther) {
      if (marks.length > 0) done(endOf(0))
      else status = "not"
    } else if (xml.isLoose && isOther) stray()
    else if (what === "broken") {
      if (xml.isLoose && xml.spans().length === 0) stray()
      else if (xml.json() !== undefined) {
        if (bare) status = "text"
        else lost()
      } else if (bare || !own) status = "not"
      else lost()
    } else if (what === "all") {
      marks.push({ _tag: "Xml", from, to: at + 1 - closer.length, call: xml })
      done(at + 1)
    } else if (what === "end" || what === "next") {
      const to = what === "end" ? at + 1 : at + 1 - opener.length
      marks.push({ _tag: "Xml", from, to, call: xml })
      if (bare || what === "next") done(to)
      else state = "next"
    }
  }

  const inLost = (code: number, at: number) => {
    const next = tag + String.fromCharCode(code)
    const marker = begun(next, [closer])
    tag = marker !== undefined ? next : code === LESS ? "<" : ""
    if (marker !== next) return
    marks.push({ _tag: "Broken", from: endOf(0), to: at + 1, detail: "it is neither JSON nor a function" })
    done(at + 1)
  }

  const step = (code: number, at: number) => {
    if (state === "xml") inXml(code, at)
    else if (state === "json") inJson(code, at)
    else if (state === "lost") inLost(code, at)
    else if (state !== "info") outside(code, at)
    else if (code === LF) state = "lead"
    else if (OPENERS.has(code)) {
      state = "lead"
      outside(code, at)
    } else if (at - from > MAX_INFO) lost()
  }

  /** It is, or was to its limit, incomplete. */
  const isReading = () => status === "open" || status === "over"
  const isOpenAt = (index: number) => isReading() && index === marks.length

  const raw = () => {
    whole ??= parts.join("")
    return whole
  }

  return {
    read: (text, start) => {
      let at = start
      const room = maxLength - length
      while (at < text.length && status === "open") {
        if (at - start >= room) {
          status = "over"
          break
        }
        step(text.charCodeAt(at), length + at - start)
        at++
      }
      parts.push(text.slice(start, at))
      length += at - start
      whole = undefined
      return at
    },
    status: () => status,
    raw,
    used: () => used,
    pieces: () => Pieces.from(raw().slice(0, used), marks),
    close: () => {
      if (state === "xml" && xml.close(raw())) {
        const to = xml.endAt()
        marks.push({ _tag: "Xml", from, to: to ?? length, call: xml })
        done(to ?? length)
        return true
      }
      if (state !== "next") return false
      done(length)
      return true
    },
    growth: {
      reach: () => {
        if (isReading() && state === "json") return length - tag.length
        const open = isReading() && state === "xml" ? xml.progress(length)?.open : undefined
        return open?.to ?? Math.max(deep?.to ?? 0, marks.findLast((mark) => mark._tag !== "Broken")?.to ?? 0)
      },
      functionAt: (index) => {
        const mark = marks[index]
        if (mark === undefined) return isOpenAt(index) && state === "xml" ? xml : undefined
        return mark._tag === "Xml" ? mark.call : undefined
      },
      jsonAt: (index) => {
        const mark = marks[index]
        if (mark?._tag === "Json") return mark.from
        if (deep?.index === index) return deep.from
        return isOpenAt(index) && state === "json" ? from : undefined
      },
      endOf: (index) => marks[index]?.to,
      pieceAt: (index) => Pieces.from(raw().slice(0, marks[index]?.to), marks.slice(index, index + 1))[0]
    },
    isVague: () => !(own && !bare) && marks.length === 0 && state !== "json" && !xml.isNamed()
  }
}

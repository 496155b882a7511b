/**
 * Parses one `<function=NAME>…</function>` character by character, from after the `=`.
 *
 * A value may contain anything: it ends at the first `</parameter>` that is followed by another parameter or the end
 * of the function, not counting whole functions inside it. If that is missing, it ends at the next parameter of the
 * tool at the start of a line; or, if the text ends first, at the first `</function>`.
 */
import * as JsonSpan from "../../json/JsonSpan.ts"
import {
  begun,
  FUNCTION,
  FUNCTION_NAMED,
  INVOKE,
  INVOKE_END,
  isBlank,
  LESS,
  LF,
  MAX_NAME,
  PARAMETER,
  PARAMETER_END,
  PARAMETER_NAMED
} from "./Markup.ts"

/** A parameter by its offsets in the block. */
export interface Span {
  readonly key: string
  readonly from: number
  readonly to: number
}

export interface XmlCall {
  /**
   * `at`: offset of `code` in the block. "end": the function is complete. "next": it was complete before another
   * `<tool_call>`, which was just read. "all": the frame has ended as well.
   */
  readonly step: (code: number, at: number) => "more" | "end" | "next" | "all" | "broken"
  /** Call at the end of the text: accepts tolerable omissions; false if the function is incomplete. */
  readonly close: (text: string) => boolean
  readonly name: () => string
  readonly isNamed: () => boolean
  /** Has no marker of its own, so prose may look the same. */
  readonly isLoose: boolean
  readonly spans: () => ReadonlyArray<Span>
  /** The text ended inside the last value, which may be incomplete. */
  readonly isCut: () => boolean
  /** The span of JSON given instead of parameters. */
  readonly json: () => Omit<Span, "key"> | undefined
  /** After `close`: the function's end, if before the end of the text. */
  readonly endAt: () => number | undefined
  /** The parameters that are final after `length` characters of the block; undefined before the first key. */
  readonly progress: (length: number) => Progress | undefined
}

export interface Progress {
  /** Number of complete spans; 0 once the function has ended, because the block then has them. */
  readonly whole: number
  /** The final part of the incomplete value; present until the function ends. */
  readonly open: Span | undefined
}

export interface Marks {
  /** End marker of the function. */
  readonly end: string
  /** Opening marker of the frame around functions. */
  readonly opener: string
  readonly closer: string
  /** Whether the tool has a parameter of this name. */
  readonly isKey: (key: string) => boolean
}

const GREATER = 62
const BRACE = 123
const PARAMETERS = [PARAMETER, PARAMETER_NAMED]

/** Some models quote names. */
const unquoted = (text: string): string => text.trim().replace(/^["']/, "").replace(/["']$/, "")

export const make = ({ closer, end, isKey, opener }: Marks): XmlCall => {
  const inGap = [...PARAMETERS, end]
  const afterValue = [...inGap, PARAMETER_END, closer]
  const afterInner = [...inGap, PARAMETER_END]
  const afterAll = [opener, PARAMETER_END]
  const functions = end === INVOKE_END ? [INVOKE] : [FUNCTION, FUNCTION_NAMED]
  const inValue = [PARAMETER_END, ...functions, ...PARAMETERS, end]
  /** "inner" and "innerGap": in a value, after a possible nested function; "newKey": after a possible end of the value. */
  type InFunction = "name" | "gap" | "json" | "afterJson" | "ended"
  type State = InFunction | "key" | "value" | "inner" | "innerGap" | "newKey" | "after" | "loose"
  let state: State = "name"
  /** Number of open functions nested in the value. */
  let depth = 0
  let word = ""
  let before = 0
  let atLine = false
  /** Fallback end of value and function. */
  let weak: { readonly to: number; readonly end: number } | undefined
  let endAt: number | undefined
  let json: JsonSpan.JsonSpan | undefined
  let name = ""
  let key = ""
  let from = 0
  let to = 0
  let tag = ""
  let cut = false
  const spans: Array<Span> = []
  const commit = () => {
    spans.push({ key: unquoted(key), from, to })
    weak = undefined
  }

  /** Whether only the end of the frame, or of the text, follows. */
  const isLast = (text: string, place: number): boolean => {
    let at = place
    while (at < text.length && isBlank(text.charCodeAt(at))) at++
    return at === text.length || text.startsWith(closer, at)
  }

  const began = (code: number, at: number): "more" => {
    json = JsonSpan.make()
    json.step(code)
    from = at
    state = "json"
    return "more"
  }

  /** Not a key: continue the value, if there is one. */
  const noKey = (code: number): "more" | "broken" => {
    const last = state === "key" ? spans.pop() : undefined
    if (last === undefined) return "broken"
    key = last.key
    from = last.from
    state = "value"
    tag = code === LESS ? "<" : ""
    return "more"
  }

  /** A marker inside a value, other than its end. */
  const inside = (marker: string, at: number): "more" => {
    const mayOpen = state === "innerGap"
    state = "value"
    word = ""
    if (functions.includes(marker)) state = "inner"
    else if (marker === end) {
      if (atLine && depth === 0) weak ??= { to: at + 1 - end.length, end: at + 1 }
    } else if (mayOpen) depth++
    else if (atLine && depth === 0) {
      to = at + 1 - marker.length
      state = "newKey"
    }
    return "more"
  }

  /** One character of a name inside a value. */
  const named = (code: number, at: number): "more" => {
    if (code === GREATER) {
      const found = unquoted(word)
      if (state === "inner") state = "innerGap"
      else if (isKey(found) && found !== unquoted(key) && !spans.some((one) => one.key === found)) {
        commit()
        key = found
        from = at + 1
        state = "value"
      } else state = "value"
    } else if (code === LF || code === LESS || word.length >= MAX_NAME) {
      state = "value"
      tag = code === LESS ? "<" : ""
    } else word += String.fromCharCode(code)
    return "more"
  }

  /** After the end marker of a value in a nested function. */
  const innerEnd = (marker: string, at: number): "more" => {
    state = "value"
    if (marker !== end) return "more"
    depth--
    weak ??= { to, end: at + 1 }
    return "more"
  }

  const matched = (marker: string, at: number): "more" | "end" | "next" => {
    if (marker === PARAMETER_END) {
      to = at + 1 - marker.length
      state = "after"
      return "more"
    }
    if (state === "value" || state === "innerGap") return inside(marker, at)
    if (depth > 0) return innerEnd(marker, at)
    if (marker === closer) {
      state = "loose"
      return "more"
    }
    if (state !== "gap" && state !== "afterJson") commit()
    key = ""
    state = marker === opener || marker === end ? "ended" : "key"
    if (marker === opener) return "next"
    if (marker === end) return "end"
    return "more"
  }

  const wanted = () =>
    state === "gap" || state === "afterJson"
      ? inGap
      : state === "value" || state === "innerGap"
        ? inValue
        : state !== "after"
          ? afterAll
          : depth > 0
            ? afterInner
            : afterValue

  const advance = (code: number, at: number): ReturnType<XmlCall["step"]> => {
    if (state === "inner" || state === "newKey") return named(code, at)
    if (state === "name" || state === "key") {
      const text = state === "name" ? name : key
      if (code === GREATER) {
        if (unquoted(text) === "") return noKey(code)
        if (state === "name") state = "gap"
        else {
          state = "value"
          from = at + 1
        }
        return "more"
      }
      if (code === LF || code === LESS || text.length >= MAX_NAME) return noKey(code)
      if (state === "name") name += String.fromCharCode(code)
      else key += String.fromCharCode(code)
      return "more"
    }
    if (state === "json") {
      const what = json!.step(code)
      if (what === "deep") return "broken"
      if (what !== "end") return "more"
      to = at + 1
      state = "afterJson"
      return "more"
    }
    if (tag === "" && isBlank(code)) return "more"
    if (state === "gap" && tag === "" && code === BRACE) return began(code, at)
    if (tag === "") atLine = before === LF
    const next = tag + String.fromCharCode(code)
    const marker = begun(next, wanted())
    if (marker !== undefined) {
      tag = marker === next ? "" : next
      if (tag !== "") return "more"
      if (state === "afterJson" && marker !== end) return "broken"
      return matched(marker, at)
    }
    if (state === "gap" || state === "afterJson") return "broken"
    state = "value"
    tag = code === LESS ? "<" : ""
    atLine = false
    return "more"
  }

  return {
    step: (code, at) => {
      const isPlain = state === "value" && tag === "" && code !== LESS
      const what = isPlain ? "more" : advance(code, at)
      before = code
      return what
    },
    close: (text) => {
      if (state === "name" || state === "key" || state === "json") return false
      if (state === "afterJson") return true
      if (state === "gap") return tag.startsWith("</")
      if (state !== "after" && state !== "loose" && weak !== undefined && isLast(text, weak.end)) {
        to = weak.to
        endAt = weak.end
      } else if (state !== "after" && state !== "loose") {
        to = text.length - (tag.length >= 2 ? tag.length : 0)
        cut = to === text.length && !text.endsWith("\n")
      }
      commit()
      return true
    },
    name: () => unquoted(name),
    isNamed: () => state !== "name",
    isLoose: false,
    spans: () => spans,
    isCut: () => cut,
    endAt: () => endAt,
    progress: (length) => {
      const known = spans.length
      if (state === "ended" || state === "key") {
        // An unknown key after a value means that the value has not ended.
        if (known === 0) return undefined
        return state === "ended" ? { whole: 0, open: undefined } : { whole: known - 1, open: spans[known - 1] }
      }
      if (state === "name" || state === "gap" || json !== undefined) return undefined
      const written = state === "after" || state === "loose" || state === "newKey" ? to : length - tag.length
      return { whole: known, open: { key: unquoted(key), from, to: Math.min(written, weak?.to ?? written) } }
    },
    json: () => (json === undefined ? undefined : { from, to })
  }
}

/**
 * Reads one `<function=NAME>…</function>` character by character, from behind the `=`.
 *
 * A value may hold anything: it ends at the first `</parameter>` that only another parameter or the end of the
 * function follows.
 */
import { begun, CALL, CALL_END, FUNCTION_END, isBlank, LESS, LF, MAX_NAME, PARAMETER, PARAMETER_END } from "./Markup.ts"

/** A parameter by its place in the text of the block. */
export interface Span {
  readonly key: string
  readonly from: number
  readonly to: number
}

export interface XmlCall {
  /**
   * `at`: the place of `code` in the text of the block. "end": the function is complete. "next": it was, when a
   * further `<tool_call>` began with the last characters.
   */
  readonly step: (code: number, at: number) => "more" | "end" | "next" | "broken"
  /** At the end of the text: completes what may be forgiven; false: more was to come. */
  readonly close: (text: string) => boolean
  readonly name: () => string
  readonly isNamed: () => boolean
  readonly spans: () => ReadonlyArray<Span>
  /** Nothing tells that the last value is whole: the text ended in it. */
  readonly isCut: () => boolean
}

const GREATER = 62
const IN_GAP = [PARAMETER, FUNCTION_END]
const IN_VALUE = [PARAMETER_END]
const AFTER_VALUE = [PARAMETER, FUNCTION_END, PARAMETER_END, CALL_END]
const AFTER_ALL = [CALL, PARAMETER_END]

export const make = (): XmlCall => {
  let state: "name" | "gap" | "key" | "value" | "after" | "loose" = "name"
  let name = ""
  let key = ""
  let from = 0
  let to = 0
  let tag = ""
  let cut = false
  const spans: Array<Span> = []
  const commit = () => spans.push({ key: key.trim(), from, to })

  const matched = (marker: string, at: number): "more" | "end" | "next" => {
    if (marker === PARAMETER_END) {
      to = at + 1 - marker.length
      state = "after"
      return "more"
    }
    if (marker === CALL_END) {
      state = "loose"
      return "more"
    }
    if (state !== "gap") commit()
    if (marker === CALL) return "next"
    if (marker === FUNCTION_END) return "end"
    key = ""
    state = "key"
    return "more"
  }

  const wanted = () =>
    state === "gap" ? IN_GAP : state === "value" ? IN_VALUE : state === "after" ? AFTER_VALUE : AFTER_ALL

  return {
    step: (code, at) => {
      if (state === "value" && tag === "" && code !== LESS) return "more"
      if (state === "name" || state === "key") {
        const text = state === "name" ? name : key
        if (code === GREATER) {
          if (text.trim() === "") return "broken"
          if (state === "name") state = "gap"
          else {
            state = "value"
            from = at + 1
          }
          return "more"
        }
        if (code === LF || code === LESS || text.length >= MAX_NAME) return "broken"
        if (state === "name") name += String.fromCharCode(code)
        else key += String.fromCharCode(code)
        return "more"
      }
      if (tag === "" && isBlank(code)) return "more"
      const next = tag + String.fromCharCode(code)
      const marker = begun(next, wanted())
      if (marker !== undefined) {
        tag = marker === next ? "" : next
        return tag === "" ? matched(marker, at) : "more"
      }
      if (state === "gap") return "broken"
      state = "value"
      tag = code === LESS ? "<" : ""
      return "more"
    },
    close: (text) => {
      if (state === "name" || state === "key") return false
      if (state === "gap") return tag.startsWith("</")
      if (state === "value") {
        to = text.length - (tag.length >= 2 ? tag.length : 0)
        cut = to === text.length && !text.endsWith("\n")
      }
      commit()
      return true
    },
    name: () => name.trim(),
    isNamed: () => state !== "name",
    spans: () => spans,
    isCut: () => cut
  }
}

/** Without the one line end at each side that only separates. */
export const unwrap = (value: string): string => {
  const inner = value.replace(/^\r?\n/, "")
  return value.startsWith("\n") ? inner.replace(/\n$/, "") : inner.replace(/\r?\n$/, "")
}

/**
 * Reads one `<function=NAME>…</function>` character by character, from behind the `=`.
 *
 * A value may hold anything: it ends at the first `</parameter>` that only another parameter or the end of the
 * function follows.
 */
import * as JsonSpan from "./JsonSpan.ts"
import { begun, isBlank, LESS, LF, MAX_NAME, PARAMETER, PARAMETER_END, PARAMETER_NAMED } from "./Markup.ts"

/** A parameter by its place in the text of the block. */
export interface Span {
  readonly key: string
  readonly from: number
  readonly to: number
}

export interface XmlCall {
  /**
   * `at`: the place of `code` in the text of the block. "end": the function is complete. "next": it was, when a
   * further `<tool_call>` began with the last characters. "all": the frame ended with it.
   */
  readonly step: (code: number, at: number) => "more" | "end" | "next" | "all" | "broken"
  /** At the end of the text: completes what may be forgiven; false: more was to come. */
  readonly close: (text: string) => boolean
  readonly name: () => string
  readonly isNamed: () => boolean
  /** Begins without a mark of its own: prose may look the same. */
  readonly isLoose: boolean
  readonly spans: () => ReadonlyArray<Span>
  /** Nothing tells that the last value is whole: the text ended in it. */
  readonly isCut: () => boolean
  /** Where JSON stands instead of parameters. */
  readonly json: () => Omit<Span, "key"> | undefined
}

export interface Marks {
  /** Of the function. */
  readonly end: string
  /** Of the frame around functions. */
  readonly opener: string
  readonly closer: string
}

const GREATER = 62
const BRACE = 123
const PARAMETERS = [PARAMETER, PARAMETER_NAMED]
const IN_VALUE = [PARAMETER_END]

/** Slips and other forms put names in quotes. */
const unquoted = (text: string): string => text.trim().replace(/^["']/, "").replace(/["']$/, "")

export const make = ({ closer, end, opener }: Marks): XmlCall => {
  const inGap = [...PARAMETERS, end]
  const afterValue = [...inGap, PARAMETER_END, closer]
  const afterAll = [opener, PARAMETER_END]
  let state: "name" | "gap" | "key" | "value" | "after" | "loose" | "json" | "afterJson" = "name"
  let json: JsonSpan.JsonSpan | undefined
  let name = ""
  let key = ""
  let from = 0
  let to = 0
  let tag = ""
  let cut = false
  const spans: Array<Span> = []
  const commit = () => spans.push({ key: unquoted(key), from, to })

  const began = (code: number, at: number): "more" => {
    json = JsonSpan.make()
    json.step(code)
    from = at
    state = "json"
    return "more"
  }

  /** A key that is none; the text of a value, if one may go on. */
  const noKey = (code: number): "more" | "broken" => {
    const last = state === "key" ? spans.pop() : undefined
    if (last === undefined) return "broken"
    key = last.key
    from = last.from
    state = "value"
    tag = code === LESS ? "<" : ""
    return "more"
  }

  const matched = (marker: string, at: number): "more" | "end" | "next" => {
    if (marker === PARAMETER_END) {
      to = at + 1 - marker.length
      state = "after"
      return "more"
    }
    if (marker === closer) {
      state = "loose"
      return "more"
    }
    if (state !== "gap" && state !== "afterJson") commit()
    if (marker === opener) return "next"
    if (marker === end) return "end"
    key = ""
    state = "key"
    return "more"
  }

  const wanted = () =>
    state === "gap" || state === "afterJson"
      ? inGap
      : state === "value"
        ? IN_VALUE
        : state === "after"
          ? afterValue
          : afterAll

  return {
    step: (code, at) => {
      if (state === "value" && tag === "" && code !== LESS) return "more"
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
      return "more"
    },
    close: (text) => {
      if (state === "name" || state === "key" || state === "json") return false
      if (state === "afterJson") return true
      if (state === "gap") return tag.startsWith("</")
      if (state === "value") {
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
    json: () => (json === undefined ? undefined : { from, to })
  }
}

/** Without the one line end at each side that only separates. */
export const unwrap = (value: string): string => {
  const inner = value.replace(/^\r?\n/, "")
  return value.startsWith("\n") ? inner.replace(/\n$/, "") : inner.replace(/\r?\n$/, "")
}

/**
 * Parses GLM's calls, which use Qwen's frame: `NAME`, then `<arg_key>KEY</arg_key><arg_value>…</arg_value>` per
 * argument, from the name to the end of the frame.
 */
import { ARG_KEY, ARG_KEY_END, ARG_VALUE, ARG_VALUE_END, begun, CALL_END, isBlank, LESS, MAX_NAME } from "./Markup.ts"
import type { Span, XmlCall } from "./XmlCall.ts"

type State = "name" | "gap" | "key" | "keyed" | "value" | "after"

const WANTED: Readonly<Record<State, ReadonlyArray<string>>> = {
  name: [],
  gap: [ARG_KEY, CALL_END],
  key: [ARG_KEY_END],
  keyed: [ARG_VALUE],
  value: [ARG_VALUE_END],
  after: [ARG_KEY, CALL_END, ARG_VALUE_END]
}

export const make = (): XmlCall => {
  let state: State = "name"
  let name = ""
  let key = ""
  let from = 0
  let to = 0
  let tag = ""
  let cut = false
  const spans: Array<Span> = []
  const commit = () => spans.push({ key: key.trim(), from, to })

  const matched = (marker: string, at: number): "more" | "all" => {
    if (marker === ARG_KEY_END) state = "keyed"
    else if (marker === ARG_VALUE) {
      state = "value"
      from = at + 1
    } else if (marker === ARG_VALUE_END) {
      to = at + 1 - marker.length
      state = "after"
    } else {
      if (state === "after") commit()
      if (marker === CALL_END) return "all"
      key = ""
      state = "key"
    }
    return "more"
  }

  return {
    step: (code, at) => {
      if (state === "value" && tag === "" && code !== LESS) return "more"
      if (state === "name") {
        if (!isBlank(code) && code !== LESS) {
          name += String.fromCharCode(code)
          return name.length > MAX_NAME ? "broken" : "more"
        }
        state = "gap"
      }
      if (state === "key" && tag === "" && code !== LESS) {
        key += String.fromCharCode(code)
        return key.length > MAX_NAME ? "broken" : "more"
      }
      if (tag === "" && isBlank(code)) return "more"
      const next = tag + String.fromCharCode(code)
      const marker = begun(next, WANTED[state])
      if (marker !== undefined) {
        tag = marker === next ? "" : next
        return tag === "" ? matched(marker, at) : "more"
      }
      if (state !== "value" && state !== "after") return "broken"
      state = "value"
      tag = code === LESS ? "<" : ""
      return "more"
    },
    close: (text) => {
      if (state === "value") {
        to = text.length - (tag.length >= 2 ? tag.length : 0)
        cut = to === text.length && !text.endsWith("\n")
      } else if (state !== "after") return state === "gap" && tag.startsWith("</")
      commit()
      return true
    },
    name: () => name,
    isNamed: () => state !== "name",
    isLoose: true,
    spans: () => spans,
    isCut: () => cut,
    json: () => undefined,
    endAt: () => undefined,
    progress: () => undefined
  }
}

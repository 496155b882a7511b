/**
 * Parses streamed calls made of names and JSON between markers; without a name, the JSON contains it.
 */

import * as JsonSpan from "../../json/JsonSpan.ts"
import * as BlockReader from "./BlockReader.ts"
import type { CallBlock, Options } from "./CallBlock.ts"
import { begun, isBlank, MAX_NAME } from "./Markup.ts"
import type { Piece } from "./Pieces.ts"
import * as PythonForm from "./PythonForm.ts"

/** Kimi numbers its calls. */
const NUMBER = /:\d*$/
const isOpener = (code: number) => code === 123 || code === 91

export const make = (options: Options): CallBlock =>
  options.form.python ? PythonForm.make(options, makeJson) : makeJson(options)

const makeJson = ({ find, form, maxLength, mayBecome }: Options): CallBlock => {
  const { closer, marks, opener } = form
  let status: ReturnType<CallBlock["status"]> = "open"
  let used = 0
  let name = ""
  /** A possible prefix of a marker. */
  let tag = ""
  let json: JsonSpan.JsonSpan | undefined
  let from = 0
  /** Offset after the last marker or JSON. */
  let settled = opener.length
  const found: Array<{ readonly name: string; readonly from: number; readonly to: number }> = []
  const nameOf = () => name.replace(NUMBER, "")

  const stop = () => {
    status = found.length > 0 ? "done" : "not"
    used = settled
  }

  /** A character that is neither blank nor part of a marker. */
  const plain = (char: string, at: number) => {
    const code = char.charCodeAt(0)
    if (isOpener(code)) {
      if (name !== "" && find(nameOf()) === undefined) return stop()
      json = JsonSpan.make()
      json.step(code)
      from = at
      return
    }
    name += char
    if (name.length > MAX_NAME || !mayBecome(nameOf())) stop()
  }

  const between = (char: string, at: number) => {
    const next = tag + char
    const mark = begun(next, marks)
    if (mark !== undefined) {
      tag = next
      // A longer marker may have the same prefix.
      if (!marks.includes(next) || marks.some((one) => one !== next && one.startsWith(next))) return
      tag = ""
      // Otherwise a row of openers would be rescanned from each one.
      if (next === closer || (next === opener && found.length === 0)) stop()
      settled = at + 1
      used = settled
      return
    }
    const text = tag
    tag = ""
    if (marks.includes(text)) {
      settled = at
      return between(char, at)
    }
    for (let i = 0; i < text.length && status === "open" && json === undefined; i++)
      plain(text[i]!, at - text.length + i)
    if (status !== "open") return
    if (json !== undefined) {
      // The first character of the failed marker started JSON; the rest is read again.
      for (const one of text.slice(1)) step(one, at)
      step(char, at)
    } else if (text !== "") between(char, at)
    else if (!isBlank(char.charCodeAt(0))) plain(char, at)
  }

  const step = (char: string, at: number) => {
    if (status !== "open") return
    if (json === undefined) return between(char, at)
    const what = json.step(char.charCodeAt(0))
    if (what === "deep") status = "text"
    if (what !== "end") return
    found.push({ name: nameOf(), from, to: at + 1 })
    json = undefined
    name = ""
    settled = at + 1
  }

  const block = BlockReader.make({
    opener,
    maxLength,
    isOpen: () => status === "open",
    step,
    over: () => {
      status = "over"
    }
  })

  return {
    read: block.read,
    status: () => status,
    raw: block.raw,
    used: () => used,
    pieces: () =>
      found.map(({ from, name, to }): Piece => {
        const text = block.raw().slice(from, to)
        return name === "" ? { _tag: "Json", text } : { _tag: "Json", text, name }
      }),
    close: () => {
      if (json !== undefined || found.length === 0) return false
      stop()
      return true
    },
    isVague: () => json === undefined && found.length === 0
  }
}

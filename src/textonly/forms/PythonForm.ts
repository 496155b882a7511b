/**
 * Parses Llama's streamed calls in Python syntax: `[f(a=1, b="x"), g()]` between the form's markers, brackets optional.
 * Values are strings, numbers, True, False, None, lists and dicts, parsed by `JsonRepair`. Content that starts with
 * JSON is delegated to the JSON parser.
 */
import * as BlockReader from "./BlockReader.ts"
import type { CallBlock, Options } from "./CallBlock.ts"
import { begun, isBlank, MAX_NAME } from "./Markup.ts"
import type { Piece } from "./Pieces.ts"

const NAME = /[\w.-]/
/** Llama 3.1 writes `f.call(…)`. */
const METHOD = /\.c?a?l?l?$/
const MAX_DEPTH = 200

interface Argument {
  readonly key: string
  readonly from: number
  to: number
}

interface Call {
  readonly name: string
  readonly from: number
  readonly arguments: Array<Argument>
}

type State = "lead" | "name" | "key" | "value" | "next" | "tail"

export const make = (options: Options, json: (options: Options) => CallBlock): CallBlock => {
  const { find, form, maxLength, mayBecome } = options
  const { closer, marks, opener } = form
  let state: State = "lead"
  let status: ReturnType<CallBlock["status"]> = "open"
  /** Takes over if the content is JSON. */
  let other: CallBlock | undefined
  let isBracketed = false
  let used = opener.length
  let word = ""
  let depth = 0
  let quote = ""
  let isEscaped = false
  let tag = ""
  /** Text between the opener and a call or JSON. */
  let leading = ""
  let open: Call | undefined
  let broken: Omit<Argument, "key"> | undefined
  const found: Array<Call> = []

  /** Other text follows. A truncated call is reported as such, and not searched for other calls. */
  const stop = (at: number) => {
    status = found.length > 0 || open !== undefined ? "done" : "not"
    if (open === undefined) return
    broken = { from: open.from, to: at }
    used = at
  }
  const settle = (at: number) => {
    used = at + 1
  }

  const lead = (char: string, at: number) => {
    leading += char
    if (char === "{" && found.length === 0) {
      other = json(options)
      other.read(leading, 0)
    } else if (char === "[" && !isBracketed) isBracketed = true
    else if (!isBlank(char.charCodeAt(0))) {
      state = "name"
      word = ""
      name(char, at)
    }
  }

  const name = (char: string, at: number) => {
    if (NAME.test(char) && word.length < MAX_NAME) {
      word += char
      if (found.length === 0 && !mayBecome(word) && !mayBecome(word.replace(METHOD, ""))) stop(at)
      return
    }
    const base = find(word) === undefined ? word.replace(/\.call$/, "") : word
    if (char !== "(" || base === "" || (found.length === 0 && find(base) === undefined)) return stop(at)
    open = { name: base, from: at - word.length, arguments: [] }
    word = ""
    state = "key"
  }

  const close = (at: number) => {
    found.push(open!)
    open = undefined
    settle(at)
    state = "next"
  }

  const key = (char: string, at: number) => {
    if (NAME.test(char) && word.length < MAX_NAME) word += char
    else if (char === "=" && word !== "") {
      open!.arguments.push({ key: word, from: at + 1, to: at + 1 })
      word = ""
      depth = 0
      state = "value"
    } else if (char === ")" && word === "") close(at)
    else if (char === "," && word === "" && open!.arguments.length > 0) return
    else if (!isBlank(char.charCodeAt(0))) stop(at)
  }

  const value = (char: string, at: number) => {
    if (quote !== "") {
      if (isEscaped) isEscaped = false
      else if (char === "\\") isEscaped = true
      else if (char === quote) quote = ""
    } else if (char === '"' || char === "'") quote = char
    else if (char === "[" || char === "{") {
      if (++depth > MAX_DEPTH) stop(at)
    } else if (char === "]" || char === "}") {
      if (--depth < 0) stop(at)
    } else if (depth === 0 && (char === "," || char === ")")) {
      open!.arguments.at(-1)!.to = at
      state = "key"
      if (char === ")") close(at)
    }
  }

  /** After a call, or after the final bracket. */
  const behind = (char: string, at: number) => {
    const next = tag + char
    const mark = begun(next, marks)
    if (mark !== undefined) {
      tag = mark === next ? "" : next
      if (tag !== "") return
      settle(at)
      if (mark === closer) status = "done"
      // Separator of Llama 3.1.
      else if (mark === ";" && !isBracketed) state = "lead"
    } else if (tag !== "") stop(at)
    else if (char === "]" && state === "next" && isBracketed) {
      settle(at)
      state = "tail"
    } else if (char === "," && state === "next") {
      state = "name"
      word = ""
    } else if (!isBlank(char.charCodeAt(0))) stop(at)
  }

  const step = (char: string, at: number) => {
    if (state === "lead") lead(char, at)
    else if (state === "name") {
      if (word !== "" || !isBlank(char.charCodeAt(0))) name(char, at)
    } else if (state === "key") key(char, at)
    else if (state === "value") value(char, at)
    else behind(char, at)
  }

  const block = BlockReader.make({
    opener,
    maxLength,
    isOpen: () => status === "open" && other === undefined,
    step,
    over: () => {
      status = "over"
    }
  })

  const pieces = (): ReadonlyArray<Piece> => {
    const text = block.raw()
    const calls = found.map(({ arguments: all, name }): Piece => {
      const members = all.map(({ from, key, to }) => `${JSON.stringify(key)}: ${text.slice(from, to).trim()}`)
      return { _tag: "Json", name, text: `{${members.join(", ")}}` }
    })
    if (broken === undefined) return calls
    return [...calls, { _tag: "Broken", text: text.slice(broken.from, broken.to), detail: "it breaks off" }]
  }

  return {
    read: (text, start) => {
      if (other !== undefined) return other.read(text, start)
      const at = block.read(text, start)
      return other === undefined ? at : (other as CallBlock).read(text, at)
    },
    status: () => other?.status() ?? status,
    raw: () => other?.raw() ?? block.raw(),
    used: () => other?.used() ?? used,
    pieces: () => other?.pieces() ?? pieces(),
    close: () => {
      if (other !== undefined) return other.close()
      if (open !== undefined || found.length === 0) return false
      stop(used)
      return true
    },
    isVague: () => other?.isVague() ?? (open === undefined && found.length === 0)
  }
}

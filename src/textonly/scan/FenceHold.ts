/**
 * Holds consecutive code fences that may consist only of calls at the end of the message, because some models wrap
 * calls in fences.
 */
import type * as CallBlock from "../forms/CallBlock.ts"
import { begun, CALL, FUNCTION, isBlank, LF } from "../forms/Markup.ts"
import type { Outcome } from "../tools/ToolCalls.ts"

export interface FenceHold {
  /** Consumes `text` from `from`, starting with a fence mark; returns the offset of the rest. */
  readonly read: (text: string, from: number) => number
  /** False if it is an ordinary fence, or none. */
  readonly isOpen: () => boolean
  readonly raw: () => string
  /** A call was started in it. */
  readonly isCostly: () => boolean
  /** At the end of the message: its calls, if it contains nothing else. */
  readonly close: () => ReadonlyArray<Outcome> | undefined
}

export interface Options {
  readonly mark: number
  readonly block: (bare: boolean) => CallBlock.CallBlock
  readonly resolve: (block: CallBlock.CallBlock) => ReadonlyArray<Outcome>
  readonly maxLength: number
}

/** Max length of fence marks, info strings and blanks around a wrapped call. */
const MAX_FRAME = 64
const BODIES = [CALL, FUNCTION]

/** A call with invalid arguments still counts as one; an unknown tool or unparsable text indicates an example. */
const isCall = (one: Outcome) => one._tag === "Call" || one.problem.reason === "invalid_arguments"

export const make = ({ block: begin, mark, maxLength, resolve }: Options): FenceHold => {
  const parts: Array<string> = []
  let length = 0
  let state: "run" | "info" | "body" | "call" | "closing" | "closed" | "after" | "not" = "run"
  let size = 0
  let closing = 0
  let frame = 0
  let tag = ""
  let block: CallBlock.CallBlock | undefined
  let costly = false
  const outcomes: Array<Outcome> = []

  const fail = () => {
    state = "not"
  }

  const body = (code: number) => {
    const next = tag + String.fromCharCode(code)
    const marker = begun(next, BODIES)
    if (marker === next) {
      tag = ""
      costly = true
      block = begin(marker === FUNCTION)
      state = "call"
    } else if (marker !== undefined) tag = next
    else if (tag === "" && code === mark && outcomes.length > 0) {
      state = "closing"
      closing = 1
    } else if (tag !== "" || !isBlank(code)) fail()
  }

  const step = (code: number) => {
    frame = isBlank(code) || state === "info" ? frame + 1 : state === "run" ? size : 0
    if (frame > MAX_FRAME) fail()
    else if (state === "run" && code === mark) size++
    else if (state === "run" || state === "info") {
      if ((state === "run" && size < 3) || code === mark) fail()
      else state = code === LF ? "body" : "info"
    } else if (state === "body") body(code)
    else if (state === "closing") {
      if (code === mark) closing++
      else if (closing < size || !isBlank(code)) fail()
      else state = code === LF ? "after" : "closed"
    } else if (state === "closed") {
      if (!isBlank(code)) fail()
      else if (code === LF) state = "after"
    } else if (code === mark) {
      // Another fence follows.
      state = "run"
      size = 1
    } else if (!isBlank(code)) fail()
  }

  const call = (text: string, from: number): number => {
    const at = block!.read(text, from)
    const status = block!.status()
    if (status === "open") return at
    if (status !== "done") {
      fail()
      return at
    }
    const found = resolve(block!)
    if (!found.every(isCall)) {
      fail()
      return at
    }
    outcomes.push(...found)
    state = "body"
    walk(block!.raw().slice(block!.used()), 0)
    return at
  }

  const walk = (text: string, from: number): number => {
    let at = from
    while (at < text.length && state !== "not") {
      if (state === "call") at = call(text, at)
      else step(text.charCodeAt(at++))
    }
    return at
  }

  return {
    read: (text, from) => {
      const room = maxLength - length
      const at = walk(text.length - from > room ? text.slice(0, from + room) : text, from)
      parts.push(text.slice(from, at))
      length += at - from
      if (length >= maxLength) fail()
      return at
    },
    isOpen: () => state !== "not",
    raw: () => parts.join(""),
    isCostly: () => costly,
    close: () => {
      if (state === "call" && block!.close()) {
        const found = resolve(block!)
        if (!found.every(isCall)) return undefined
        outcomes.push(...found)
        state = "body"
      }
      const ended =
        state === "after" || state === "closed" || (state === "closing" && closing >= size) || state === "body"
      return ended && outcomes.length > 0 ? outcomes : undefined
    }
  }
}

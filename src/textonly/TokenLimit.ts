/**
 * Ends an answer at its limit of tokens, and never inside a character. Thoughts count as text does; those that are
 * hidden have a limit of their own.
 */
import type { Counter } from "../tokens/TokenEstimate.ts"

export interface LengthOut {
  readonly text: (text: string) => void
  readonly thought: (text: string) => void
  /** The limit is reached, and there was more; nothing comes after it. */
  readonly over: () => void
}

export interface Length {
  readonly text: (text: string) => void
  readonly thought: (text: string) => void
  /** Nothing more comes; half a character, if one is held, goes out. */
  readonly end: () => void
}

/** No counter takes more for one UTF-16 unit: that is three bytes of UTF-8 at most. */
const MAX_PER_UNIT = 3

const isHigh = (unit: number) => unit >= 0xd800 && unit < 0xdc00

/** The next place after `at` that is not inside a character. */
const after = (text: string, at: number): number => at + ((text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1)

/** More than agents let a model think by themselves (31,999 tokens): one that goes on is stuck, and the account pays. */
const MOST_HIDDEN = 32_768

/** Most tokens of thoughts that nobody sees: who asks for a longer answer has agreed to pay for as many. */
export const mostHidden = (maxTokens: number): number => Math.max(MOST_HIDDEN, maxTokens)

export const make = (maxTokens: number, counter: Counter, out: LengthOut): Length => {
  let isOver = false
  let half = ""
  let halfOf: (text: string) => void = out.text

  /** How much of it fits. */
  const fitting = (text: string): number => {
    let at = 0
    while (at < text.length) {
      // As many as fit whatever they are, then one by one.
      let to = at + Math.max(0, Math.floor((maxTokens - counter.total()) / MAX_PER_UNIT))
      if (to > at && to < text.length && isHigh(text.charCodeAt(to - 1))) to--
      if (to <= at) to = after(text, at)
      counter.add(text.slice(at, to))
      if (counter.total() > maxTokens) return at
      at = to
    }
    return text.length
  }

  const pass = (text: string, send: (text: string) => void) => {
    const length = fitting(text)
    if (length > 0) send(text.slice(0, length))
    if (length === text.length || isOver) return
    isOver = true
    out.over()
  }

  const flush = () => {
    const rest = half
    half = ""
    if (rest !== "" && !isOver) pass(rest, halfOf)
  }

  const through = (send: (text: string) => void) => (piece: string) => {
    if (isOver || piece === "") return
    if (halfOf !== send) flush()
    const text = half + piece
    halfOf = send
    half = isHigh(text.charCodeAt(text.length - 1)) ? text.slice(-1) : ""
    if (!isOver) pass(half === "" ? text : text.slice(0, -1), send)
  }

  return { text: through(out.text), thought: through(out.thought), end: flush }
}

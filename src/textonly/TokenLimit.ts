/**
 * Cuts an answer at its token limit, never inside a character. Reasoning counts like text; hidden reasoning has its own
 * limit.
 */
import type { Counter } from "../tokens/TokenEstimate.ts"

export interface LengthOut {
  readonly text: (text: string) => void
  readonly thought: (text: string) => void
  /** Called when text exceeds the limit; no text follows. */
  readonly over: () => void
}

export interface Length {
  readonly text: (text: string) => void
  readonly thought: (text: string) => void
  /** End of input; releases a held half of a surrogate pair. */
  readonly end: () => void
}

/** Max tokens per UTF-16 unit in any counter, which is at most three bytes of UTF-8. */
const MAX_PER_UNIT = 3

const isHigh = (unit: number) => unit >= 0xd800 && unit < 0xdc00

/** The next character boundary after `at`. */
const after = (text: string, at: number): number => at + ((text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1)

/** Above the largest thinking budget of agents (31,999 tokens); a model that exceeds it is stuck and wastes quota. */
const MOST_HIDDEN = 32_768

/** Max tokens of hidden reasoning; a larger `max_tokens` raises it. */
export const mostHidden = (maxTokens: number): number => Math.max(MOST_HIDDEN, maxTokens)

export const make = (maxTokens: number, counter: Counter, out: LengthOut): Length => {
  let isOver = false
  let half = ""
  let halfOf: (text: string) => void = out.text

  /** How many characters fit. */
  const fitting = (text: string): number => {
    let at = 0
    while (at < text.length) {
      // First as many as fit in any case, then one by one.
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

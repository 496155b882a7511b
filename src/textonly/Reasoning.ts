/**
 * Separates reasoning from text: a leading `<think>…</think>`, and the fences in which QoderCN sends it.
 */
import type { TextStage } from "./TextStage.ts"

export interface ThoughtsOut {
  readonly text: (text: string) => void
  readonly thought: (text: string) => void
}

const TAG = "<think>"
const TAG_END = "</think>"
const FENCE = "````think::"
const FENCE_LINE = `\n${FENCE}`
const FENCE_END = "\n````\n"
const TIME = "{THINK_TIME}"
/** After the opening of a fence: the duration, nothing, or the unreplaced placeholder. */
const HEAD = /^(?:\d[\d.]{0,19}|\{THINK_TIME\})?\n/
const HEAD_PART = /^(?:\d[\d.]{0,19})?$/
/** Max leading blanks before `<think>`. */
const MAX_BLANKS = 256

/** Length of a fence's opening; 0 if it is none, undefined if more input is needed. */
const fenceLength = (text: string): number | undefined => {
  if (!text.startsWith(FENCE)) return FENCE.startsWith(text) ? undefined : 0
  const head = text.slice(FENCE.length, FENCE.length + TIME.length + 16)
  const found = HEAD.exec(head)
  if (found !== null) return FENCE.length + found[0].length
  return HEAD_PART.test(head) || TIME.startsWith(head) ? undefined : 0
}

/** Start of a suffix of `text` that may be a prefix of `mark`; `mark` contains its first character only at its ends. */
const heldFrom = (text: string, mark: string): number => {
  const at = text.lastIndexOf(mark[0]!)
  return at >= 0 && mark.startsWith(text.slice(at)) ? at : text.length
}

export const make = (out: ThoughtsOut): TextStage => {
  type Mode = "start" | "text" | "tag" | "behindTag" | "fenceStart" | "fence" | "line"
  let mode: Mode = "start"
  let held = ""

  const text = (length: number) => {
    if (length > 0) out.text(held.slice(0, length))
    held = held.slice(length)
  }
  const thought = (length: number) => {
    if (length > 0) out.thought(held.slice(0, length))
    held = held.slice(length)
  }
  const skip = (length: number, next: Mode) => {
    held = held.slice(length)
    mode = next
    return true
  }

  /** Each returns true after a step, false if more input is needed. */
  const steps: Record<Mode, () => boolean> = {
    start: () => {
      const trimmed = held.trimStart()
      const blanks = held.length - trimmed.length
      if (blanks > MAX_BLANKS) return skip(0, "text")
      if (trimmed.startsWith(TAG)) return skip(blanks + TAG.length, "tag")
      const fence = fenceLength(trimmed)
      if (fence === undefined || TAG.startsWith(trimmed)) return false
      return fence > 0 ? skip(blanks + fence, "fenceStart") : skip(0, "text")
    },
    text: () => {
      const at = held.indexOf(FENCE_LINE)
      if (at < 0) {
        text(heldFrom(held, FENCE_LINE))
        return false
      }
      text(at)
      const fence = fenceLength(held.slice(1))
      if (fence === undefined) return false
      if (fence > 0) return skip(1 + fence, "fenceStart")
      text(FENCE_LINE.length)
      return true
    },
    tag: () => {
      const at = held.indexOf(TAG_END)
      thought(at < 0 ? heldFrom(held, TAG_END) : at)
      return at >= 0 && skip(TAG_END.length, "behindTag")
    },
    behindTag: () => {
      held = held.replace(/^[\r\n]+/, "")
      return held !== "" && skip(0, "line")
    },
    fenceStart: () => {
      const end = FENCE_END.slice(1)
      if (held.startsWith(end)) return skip(end.length, "line")
      return !end.startsWith(held) && skip(0, "fence")
    },
    fence: () => {
      const at = held.indexOf(FENCE_END)
      thought(at < 0 ? heldFrom(held, FENCE_END) : at)
      return at >= 0 && skip(FENCE_END.length, "line")
    },
    line: () => {
      const fence = fenceLength(held)
      if (fence === undefined) return false
      return fence > 0 ? skip(fence, "fenceStart") : skip(0, "text")
    }
  }

  return {
    push: (piece) => {
      if (mode === "text" && held === "" && piece.indexOf("\n") < 0) {
        if (piece !== "") out.text(piece)
        return
      }
      held += piece
      while (held !== "" && steps[mode]()) {}
    },
    end: () => {
      // The final line end may be missing.
      const isEnd = `\n${held}` === FENCE_END.slice(0, -1) || held === FENCE_END.slice(0, -1)
      if (mode === "tag") thought(held.length)
      else if (mode === "fence" || mode === "fenceStart") thought(isEnd ? 0 : held.length)
      else text(held.length)
      held = ""
    }
  }
}

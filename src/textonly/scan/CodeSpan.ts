/**
 * Tracks character by character whether a text is inside Markdown code: `…`, a fence of ``` or of ~~~.
 *
 * Inline code must be closed on the same line; a fence of three or more marks may span lines.
 */
import { CR, LF, TICK, TILDE } from "../forms/Markup.ts"

export interface CodeSpan {
  readonly step: (code: number) => void
  readonly inside: () => boolean
  /** Only blanks (or `>`) since the start of the line. */
  readonly lineBegins: () => boolean
  /** At the start of a line. */
  readonly columnZero: () => boolean
  /** True if only a backtick, a tilde or a line end would change the state. */
  readonly isIdle: () => boolean
  /** Resets to the start of a text. */
  readonly reset: () => void
}

const GREATER = 62
const isIndent = (code: number) => code === 32 || code === 9 || code === GREATER

export const make = (): CodeSpan => {
  let kind: "none" | "inline" | "info" | "fence" = "none"
  /** Mark of the open code. */
  let mark = 0
  let size = 0
  /** Mark of the current run. */
  let runMark = 0
  let run = 0
  let runBegins = false
  let begins = true
  let zero = true
  /** In a fence: after a run that closes it, if the rest of the line is empty. */
  let closing = false

  const open = (as: typeof kind) => {
    kind = as
    mark = runMark
    size = run
  }

  const endRun = () => {
    if (kind === "none") {
      if (runMark === TICK) open(runBegins && run >= 3 ? "info" : "inline")
      else if (run >= 3) open("info")
    } else if (kind === "inline") {
      if (run === size) kind = "none"
    } else if (kind === "info") {
      // An info string with a backtick: not a fence.
      if (mark === TICK && runMark === TICK) kind = run === size ? "none" : "inline"
    } else if (runMark === mark && runBegins && run >= size) closing = true
    run = runMark = 0
  }

  const endLine = () => {
    if (kind === "inline" && size < 3) kind = "none"
    else if (kind === "info") kind = "fence"
    else if (kind === "fence" && closing) kind = "none"
    begins = zero = true
    closing = false
  }

  return {
    step: (code) => {
      if (run > 0) {
        if (code === runMark) {
          run++
          return
        }
        endRun()
      }
      if (code === TICK || (code === TILDE && begins)) {
        runMark = code
        run = 1
        runBegins = begins
        begins = zero = closing = false
      } else if (code === LF) endLine()
      else {
        zero = false
        if (!isIndent(code)) begins = false
        if (closing && !isIndent(code) && code !== CR) closing = false
      }
    },
    inside: () => kind !== "none" || run > 0,
    lineBegins: () => begins,
    columnZero: () => zero,
    isIdle: () => run === 0 && !begins && !closing,
    reset: () => {
      kind = "none"
      run = runMark = 0
      begins = zero = true
      closing = false
    }
  }
}

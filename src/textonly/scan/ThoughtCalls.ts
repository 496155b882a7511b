/**
 * Finds calls at the end of reasoning that no answer follows, because some models end their reasoning with a call, with
 * or without the end marker.
 */
import type { ToolCall, Toolset } from "../../domain/Chat.ts"
import * as ToolScanner from "./ToolScanner.ts"

export interface ThoughtCalls {
  readonly thought: (text: string) => void
  /** Text of the answer; once it arrives, reasoning contains no calls. */
  readonly said: (text: string) => void
  /** Call at the end of the answer. */
  readonly calls: () => ReadonlyArray<ToolCall>
}

/** Max characters at the end of the reasoning to search. */
const MAX_KEPT = 1 << 20

export const make = (toolset: Toolset): ThoughtCalls => {
  let kept = ""
  let isAnswered = false
  return {
    thought: (text) => {
      if (isAnswered) return
      kept += text
      if (kept.length > 2 * MAX_KEPT) kept = kept.slice(-MAX_KEPT)
    },
    said: (text) => {
      if (isAnswered || text.trim() === "") return
      isAnswered = true
      kept = ""
    },
    calls: () => {
      let found: Array<ToolCall> = []
      if (kept === "") return found
      const scanner = ToolScanner.make(
        { toolset },
        {
          // A call followed by more reasoning was only considered.
          text: (text) => {
            if (text.trim() !== "") found = []
          },
          call: (call) => {
            found.push(call)
          },
          invalid: () => {
            found = []
            return false
          },
          full: () => {}
        }
      )
      scanner.push(kept)
      kept = ""
      scanner.end(false)
      return found
    }
  }
}

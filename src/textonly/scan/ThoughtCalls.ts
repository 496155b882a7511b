/**
 * Finds the calls at the end of thoughts that no answer follows: for some models a call ends the thinking, whether or
 * not the mark of its end was written.
 */
import type { ToolCall, Toolset } from "../../domain/Chat.ts"
import * as ToolScanner from "./ToolScanner.ts"

export interface ThoughtCalls {
  readonly thought: (text: string) => void
  /** Text of the answer; after it, thoughts are only that. */
  readonly said: (text: string) => void
  /** At the end. */
  readonly calls: () => ReadonlyArray<ToolCall>
}

/** Longest end of the thoughts that is looked at. */
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
          // A call that more thoughts follow was one to think about.
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

/**
 * Whole calls in a row that may be examples: what follows them tells. Prose makes text of all of them, another call or
 * the end of the answer makes calls of them.
 */
import { CALL_END } from "../forms/Markup.ts"
import type { Outcome } from "../tools/ToolCalls.ts"

export interface HeldCall {
  readonly outcomes: ReadonlyArray<Outcome>
  /** As the model wrote it, with what stood behind it. */
  readonly written: string
  /** The blanks behind it. */
  readonly blanks: string
}

export interface HeldCalls {
  readonly isHeld: () => boolean
  /** Characters of all that is held. */
  readonly size: () => number
  readonly add: (outcomes: ReadonlyArray<Outcome>, raw: string) => void
  /** Behind the last of them: a blank, or the end of a frame that never began. */
  readonly behind: (text: string) => void
  /** Gives them all away. */
  readonly take: () => ReadonlyArray<HeldCall>
}

interface Open {
  readonly outcomes: ReadonlyArray<Outcome>
  readonly raw: string
  behind: string
}

export const make = (): HeldCalls => {
  let held: Array<Open> = []
  let size = 0
  return {
    isHeld: () => held.length > 0,
    size: () => size,
    add: (outcomes, raw) => {
      held.push({ outcomes, raw, behind: "" })
      size += raw.length
    },
    behind: (text) => {
      held.at(-1)!.behind += text
      size += text.length
    },
    take: () => {
      const all = held
      held = []
      size = 0
      return all.map(({ behind, outcomes, raw }) => ({
        outcomes,
        written: raw + behind,
        blanks: behind.replaceAll(CALL_END, "")
      }))
    }
  }
}

/**
 * Holds consecutive calls that may be examples until the following text decides: prose makes them text, another call or
 * the end of the answer makes them calls.
 */
import { CALL_END } from "../forms/Markup.ts"
import type { Outcome } from "../tools/ToolCalls.ts"

export interface HeldCall {
  readonly outcomes: ReadonlyArray<Outcome>
  /** As the model wrote it, with trailing text. */
  readonly written: string
  /** Trailing blanks. */
  readonly blanks: string
}

export interface HeldCalls {
  readonly isHeld: () => boolean
  /** Total characters held. */
  readonly size: () => number
  readonly add: (outcomes: ReadonlyArray<Outcome>, raw: string) => void
  /** Appends to the last call: a blank, or the end of a frame that was never opened. */
  readonly behind: (text: string) => void
  /** Removes and returns all. */
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

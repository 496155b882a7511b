/**
 * Counts the tokens of one turn as its events pass: the upstream's own figures where it gives them, else estimates.
 */
import type { ChatEvent } from "../domain/Chat.ts"
import * as TokenEstimate from "./TokenEstimate.ts"

/** Tokens of a turn so far. `reasoning` is a part of `output`. */
export interface Totals {
  /** Undefined unless the upstream told. */
  readonly input: number | undefined
  readonly output: number
  readonly reasoning: number
  /** Whether `output` is the upstream's own figure. */
  readonly isReported: boolean
}

/** Tokens of a whole exchange, for whoever reports them. */
export interface Tokens {
  readonly prompt: number
  readonly completion: number
  readonly reasoning: number
  /** Whether both figures are the upstream's own; else they are estimates. */
  readonly isReported: boolean
}

/** Whose figures they are, in a word. */
export const source = ({ isReported }: Tokens) => (isReported ? ("reported" as const) : ("estimated" as const))

export const tokens = ({ input, isReported, output, reasoning }: Totals, estimatedPrompt: number): Tokens => ({
  prompt: input ?? estimatedPrompt,
  completion: output,
  reasoning,
  isReported: isReported && input !== undefined
})

export interface Meter {
  readonly add: (event: ChatEvent) => void
  readonly totals: () => Totals
}

export const make = (newCounter: () => TokenEstimate.Counter = TokenEstimate.counter): Meter => {
  const counter = newCounter()
  const thoughts = newCounter()
  let input: number | undefined
  let told: number | undefined
  /** What was counted when the upstream told last: a turn that was cut goes on beyond it. */
  let then = 0
  const counted = () => counter.total() + thoughts.total()
  return {
    add: (event) => {
      if (event._tag === "TextDelta") counter.add(event.text)
      else if (event._tag === "ThoughtDelta") thoughts.add(event.text)
      else if (event._tag === "ToolCall") counter.add(event.call.name + event.call.arguments)
      else if (event._tag === "ToolCallBegin") counter.add(event.call.name)
      else if (event._tag === "ToolCallDelta") counter.add(event.text)
      else if (event._tag === "Usage") {
        input = event.usage.inputTokens ?? input
        if (event.usage.outputTokens !== undefined) {
          told = event.usage.outputTokens
          then = counted()
        }
      }
    },
    totals: () => {
      const since = counted() - then
      const output = told === undefined ? since : told + since
      const isReported = told !== undefined && since === 0
      return { input, output, reasoning: Math.min(thoughts.total(), output), isReported }
    }
  }
}

/**
 * Counts the tokens of one turn as its events pass: the upstream's own figures where it gives them, else estimates.
 */
import type { ChatEvent } from "./Chat.ts"
import * as Usage from "./Usage.ts"

/** Tokens of a turn so far. `reasoning` is a part of `output`. */
export interface Totals {
  /** Undefined unless the upstream told. */
  readonly input: number | undefined
  readonly output: number
  readonly reasoning: number
}

/** Tokens of a whole exchange, for whoever reports them. */
export interface Tokens {
  readonly prompt: number
  readonly completion: number
  readonly reasoning: number
}

export const tokens = ({ input, output, reasoning }: Totals, estimatedPrompt: number): Tokens => ({
  prompt: input ?? estimatedPrompt,
  completion: output,
  reasoning
})

export interface Meter {
  readonly add: (event: ChatEvent) => void
  readonly totals: () => Totals
}

export const make = (newCounter: () => Usage.Counter = Usage.counter): Meter => {
  const counter = newCounter()
  const thoughts = newCounter()
  let input: number | undefined
  let told: number | undefined
  return {
    add: (event) => {
      if (event._tag === "TextDelta") counter.add(event.text)
      else if (event._tag === "ThoughtDelta") thoughts.add(event.text)
      else if (event._tag === "ToolCall") counter.add(event.call.name + event.call.arguments)
      else if (event._tag === "Usage") {
        input = event.usage.inputTokens ?? input
        told = event.usage.outputTokens ?? told
      }
    },
    totals: () => {
      const output = told ?? counter.total() + thoughts.total()
      return { input, output, reasoning: Math.min(thoughts.total(), output) }
    }
  }
}

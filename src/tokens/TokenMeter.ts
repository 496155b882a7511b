/**
 * Counts the tokens of one turn from its events: the upstream's figures if reported, else estimates.
 */
import type { ChatEvent } from "../domain/Chat.ts"
import * as TokenEstimate from "./TokenEstimate.ts"

/** Token counts of a turn so far. `output` includes `reasoning`. */
export interface Totals {
  /** Undefined unless the upstream reported it. */
  readonly input: number | undefined
  readonly output: number
  readonly reasoning: number
  /** Whether `output` was reported by the upstream. */
  readonly isReported: boolean
  /** Number of calls, finished or not. */
  readonly toolCalls: number
}

/** Token counts of a whole exchange, for usage reports. */
export interface Tokens {
  readonly prompt: number
  readonly completion: number
  readonly reasoning: number
  /** Whether both were reported by the upstream; else they are estimates. */
  readonly isReported: boolean
}

/** The source of the counts, as a label. */
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
  /** Our count at the upstream's last report; a turn that was cut may continue after it. */
  let then = 0
  let calls = 0
  /** Ended by the upstream: its last report counts, whatever was withheld until now and came after it. */
  let isWhole = false
  const counted = () => counter.total() + thoughts.total()
  return {
    add: (event) => {
      if (event._tag === "TextDelta") counter.add(event.text)
      else if (event._tag === "ThoughtDelta") thoughts.add(event.text)
      else if (event._tag === "ToolCall") {
        calls++
        counter.add(event.call.name + event.call.arguments)
      } else if (event._tag === "ToolCallBegin") {
        calls++
        counter.add(event.call.name)
      } else if (event._tag === "ToolCallDelta") counter.add(event.text)
      else if (event._tag === "Finish") isWhole = event.reason !== "length" && event.stopSequence === undefined
      else if (event._tag === "Usage") {
        input = event.usage.inputTokens ?? input
        if (event.usage.outputTokens !== undefined) {
          told = event.usage.outputTokens
          then = counted()
        }
      }
    },
    totals: () => {
      const since = told !== undefined && isWhole ? 0 : counted() - then
      const output = told === undefined ? since : told + since
      const isReported = told !== undefined && since === 0
      return { input, output, reasoning: Math.min(thoughts.total(), output), isReported, toolCalls: calls }
    }
  }
}

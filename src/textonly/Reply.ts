/**
 * What the upstream says, made into what was asked for: thoughts apart, tool calls found, formats kept, cut where it
 * must end.
 *
 * Plain callbacks from the upstream's turn to the client's: no fiber takes a step per token. Where the model broke a
 * rule and nothing of its answer was sent yet, another answer is wanted, as often as is allowed.
 */
import { type ChatEvent, type ChatRequest, plain } from "../domain/Chat.ts"
import { BackendFailure, type TurnError } from "../domain/ChatError.ts"
import * as Turn from "../domain/Turn.ts"
import * as TokenEstimate from "../tokens/TokenEstimate.ts"
import * as TokenMeter from "../tokens/TokenMeter.ts"
import * as ReplyPipeline from "./ReplyPipeline.ts"
import type { Grammar } from "./tools/ToolPrompt.ts"

export interface Retry {
  readonly reason: ReplyPipeline.Fault["reason"]
  /** What the model said, shortened. */
  readonly said: string
  /** What it is told about that. */
  readonly hint: string
}

export interface ReplyOptions extends Partial<Pick<ChatRequest, ReplyPipeline.Limited>> {
  readonly instance: string
  /** Nothing is sent before the end, so that the whole answer can be mended. */
  readonly whole?: boolean
  readonly grammar?: Grammar
  /** How often another answer may be asked for. */
  readonly retries?: number
  /** Hears that another answer is wanted; `hear` it. What still comes of this one is ignored. */
  readonly onRetry?: ((retry: Retry) => void) | undefined
  readonly newCounter?: () => TokenEstimate.Counter
}

export interface Reply {
  /** What the client reads. */
  readonly turn: Turn.Turn
  /** Tokens of it so far. */
  readonly totals: () => TokenMeter.Totals
  /** Reads an upstream turn to its end. */
  readonly hear: (upstream: Turn.Turn) => void
}

/** Most characters of an answer that are withheld until it is known to be good. */
const mostHeld = 8 << 20

/** It cannot be taken back: blanks can, since nobody sees them. */
const isAnswer = (event: ChatEvent): boolean =>
  event._tag === "ToolCall" ||
  event._tag === "ToolCallBegin" ||
  (event._tag === "TextDelta" && event.text.trim() !== "")

export const make = (options: ReplyOptions): Reply => {
  const { instance, newCounter = TokenEstimate.counter, onRetry, whole = false } = options
  const {
    format = plain.format,
    grammar = "xml",
    hidesThoughts = false,
    maxTokens,
    stop = plain.stop,
    toolset = plain.toolset
  } = options
  const asked = { toolset, format, stop, maxTokens, hidesThoughts, grammar, newCounter, whole }
  const turn = Turn.make({ instance })
  let meter = TokenMeter.make(newCounter)
  let retriesLeft = onRetry === undefined ? 0 : (options.retries ?? 0)
  /** Something of the answer went out, thoughts and blanks left aside: it cannot be taken back. */
  let isSent = false

  const send = (event: ChatEvent): boolean => {
    if (!isSent) isSent = isAnswer(event)
    meter.add(event)
    return turn.emit(event)
  }

  const hear = (upstream: Turn.Turn) => {
    let isOver = false
    let isWithheld = ReplyPipeline.isWithheld(asked)
    let held: Array<ChatEvent> = []
    let size = 0
    const fail = (error: TurnError) => {
      isOver = true
      turn.fail(error)
    }
    const release = () => {
      isWithheld = false
      const waiting = held
      held = []
      for (const event of waiting) send(event)
    }
    const text = ReplyPipeline.make(asked, {
      event: (event) => {
        if (!isWithheld || event._tag === "ThoughtDelta") return void send(event)
        size += "text" in event ? event.text.length : 64
        if (size > mostHeld) fail(new BackendFailure({ instance, started: true, detail: "the answer is too long" }))
        else held.push(event)
      },
      certain: () => {
        if (!whole) release()
      },
      fault: ({ hint, reason, said }) => {
        if (isSent || retriesLeft === 0 || isOver) return false
        retriesLeft--
        isOver = true
        meter = TokenMeter.make(newCounter)
        onRetry?.({ reason, hint, said })
        return true
      },
      fail,
      finish: (event) => {
        isOver = true
        release()
        send(event)
      }
    })
    upstream.read({
      onEvent: (event) => {
        if (isOver) return
        // A throw would land in the backend's own callback.
        try {
          text.push(event)
        } catch (defect) {
          fail(new BackendFailure({ instance, started: true, detail: String(defect) }))
        }
      },
      onFailure: (error) => {
        if (!isOver) fail(error)
      }
    })
  }

  return { turn, totals: () => meter.totals(), hear }
}

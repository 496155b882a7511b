/**
 * Converts the upstream's text to the client's turn: separates reasoning, finds tool calls, validates formats, applies
 * limits.
 *
 * Uses plain callbacks, because a fiber step per token is too slow. If the answer is invalid and nothing has been sent,
 * a retry is requested, up to a limit.
 */
import { type ChatEvent, type ChatRequest, plain } from "../domain/Chat.ts"
import { BackendFailure, type TurnError } from "../domain/ChatError.ts"
import * as Turn from "../domain/Turn.ts"
import * as TokenEstimate from "../tokens/TokenEstimate.ts"
import * as ReplyPipeline from "./ReplyPipeline.ts"
import type { Grammar } from "./tools/ToolPrompt.ts"

export interface Retry {
  readonly reason: ReplyPipeline.Fault["reason"]
  /** The model's answer, truncated. */
  readonly said: string
  /** The prompt text about its error. */
  readonly hint: string
}

export interface ReplyOptions extends Partial<Pick<ChatRequest, ReplyPipeline.Limited>> {
  readonly instance: string
  /** Nothing is sent before the end, so that the whole answer can be retried. */
  readonly whole?: boolean
  readonly grammar?: Grammar
  /** Max retries. */
  readonly retries?: number
  /** Called when a retry is needed; pass the new upstream turn to `hear`. The rest of the old one is ignored. */
  readonly onRetry?: ((retry: Retry) => void) | undefined
  readonly newCounter?: () => TokenEstimate.Counter
}

export interface Reply {
  /** The turn that the client reads. */
  readonly turn: Turn.Turn
  /** Consumes an upstream turn. */
  readonly hear: (upstream: Turn.Turn) => void
}

/** Max characters withheld until an answer is known to be valid. */
const MOST_HELD = 8 << 20

/** Whether an event prevents a retry once sent; blank text does not, because it is invisible. */
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
  let retriesLeft = onRetry === undefined ? 0 : (options.retries ?? 0)
  /** Something other than reasoning and blanks has been sent, so a retry is impossible. */
  let isSent = false

  const send = (event: ChatEvent): boolean => {
    if (!isSent) isSent = isAnswer(event)
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
        if (size > MOST_HELD) fail(new BackendFailure({ instance, started: true, detail: "the answer is too long" }))
        else held.push(event)
      },
      certain: () => {
        if (!whole) release()
      },
      fault: ({ hint, reason, said }) => {
        if (isSent || retriesLeft === 0 || isOver) return false
        retriesLeft--
        isOver = true
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
        // An exception would propagate into the backend's callback.
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

  return { turn, hear }
}

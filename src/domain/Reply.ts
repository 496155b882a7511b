/**
 * What the upstream says, made into what was asked for.
 *
 * Plain callbacks from the upstream's turn to the client's: no fiber takes a step per token.
 */
import type { ChatEvent } from "./Chat.ts"
import { BackendFailure } from "./ChatError.ts"
import * as Meter from "./Meter.ts"
import * as Turn from "./Turn.ts"
import type * as Usage from "./Usage.ts"

export interface ReplyOptions {
  readonly instance: string
  readonly newCounter?: () => Usage.Counter
}

export interface Reply {
  /** What the client reads. */
  readonly turn: Turn.Turn
  /** Tokens of it so far. */
  readonly totals: () => Meter.Totals
  /** Reads an upstream turn to its end. */
  readonly hear: (upstream: Turn.Turn) => void
}

export const make = ({ instance, newCounter }: ReplyOptions): Reply => {
  const turn = Turn.make({ instance })
  const meter = Meter.make(newCounter)

  const send = (event: ChatEvent) => {
    meter.add(event)
    turn.emit(event)
  }

  const hear = (upstream: Turn.Turn) =>
    upstream.read({
      onEvent: (event) => {
        // A throw would land in the backend's own callback.
        try {
          send(event)
        } catch (defect) {
          turn.fail(new BackendFailure({ instance, started: true, detail: String(defect) }))
        }
      },
      onFailure: turn.fail
    })

  return { turn, totals: meter.totals, hear }
}

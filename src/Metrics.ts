/**
 * What the gateway counts of itself.
 */
import { Context, Effect, Layer } from "effect"
import type { AskMode } from "./domain/Chat.ts"

export type ChatOutcome = "completed" | "failed" | "cancelled" | "rejected"

/** One chat, at its end. */
export interface ChatRecord {
  readonly dialect: string
  readonly stream: boolean
  /** How it ended; `rejected` means that it never got a slot. */
  readonly outcome: ChatOutcome
  /** Undefined when it got no answer to begin with. */
  readonly answer: Answered | undefined
  /** From the request's decoding to its end. */
  readonly millis: number
}

export interface Answered {
  readonly instance: string
  readonly model: string
  readonly mode: AskMode
  readonly firstTokenMillis: number
  readonly promptTokens: number
  readonly completionTokens: number
}

/** Since the start of the process. */
export interface Counters {
  readonly chats: number
  readonly streamed: number
  readonly outcomes: Readonly<Record<ChatOutcome, number>>
  readonly promptTokens: number
  readonly completionTokens: number
  readonly modelLists: number
  readonly uptimeSeconds: number
}

export class Metrics extends Context.Tag("lingma-gateway/Metrics")<
  Metrics,
  {
    readonly chatEnded: (chat: ChatRecord) => void
    readonly modelsListed: Effect.Effect<void>
    readonly counters: Effect.Effect<Counters>
  }
>() {
  static readonly make = Effect.gen(function* () {
    const clock = yield* Effect.clock
    const now = () => Number(clock.unsafeCurrentTimeNanos()) / 1e9
    const started = now()
    const outcomes = { completed: 0, failed: 0, cancelled: 0, rejected: 0 }
    const sums = { chats: 0, streamed: 0, promptTokens: 0, completionTokens: 0, modelLists: 0 }
    return Metrics.of({
      chatEnded: ({ answer, outcome, stream }) => {
        sums.chats++
        if (stream) sums.streamed++
        outcomes[outcome]++
        sums.promptTokens += answer?.promptTokens ?? 0
        sums.completionTokens += answer?.completionTokens ?? 0
      },
      modelsListed: Effect.sync(() => {
        sums.modelLists++
      }),
      counters: Effect.sync(() => ({ ...sums, outcomes: { ...outcomes }, uptimeSeconds: Math.floor(now() - started) }))
    })
  })

  static readonly layer: Layer.Layer<Metrics> = Layer.effect(Metrics, Metrics.make)
}

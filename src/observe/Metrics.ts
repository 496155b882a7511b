/**
 * Counts what the gateway does. Each `Metrics` has its own figures: they tell of one gateway, not of the process.
 *
 * `/metrics`, `/internal/stats` and OTLP all read these figures; nothing is counted twice.
 */
import { Context, Effect, Layer } from "effect"
import type { AskMode, Origin } from "../domain/Chat.ts"
import * as Keys from "./MetricKeys.ts"
import * as MetricStore from "./MetricStore.ts"

export type ChatOutcome = "completed" | "failed" | "cancelled" | "rejected"

/** One chat, at its end. */
export interface ChatRecord extends Origin {
  /** How it ended; `rejected` means that it never got a slot. */
  readonly outcome: ChatOutcome
  /** Undefined if no answer began. */
  readonly answer: Answered | undefined
  /** Time in the queue; undefined if it left the queue without a slot. */
  readonly queueMillis: number | undefined
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
  /** Number of events of the answer. */
  readonly pieces: number
}

/** Totals since the layer was built. */
export interface Counters {
  readonly chats: number
  readonly streamed: number
  readonly outcomes: Readonly<Record<ChatOutcome, number>>
  readonly promptTokens: number
  readonly completionTokens: number
  readonly modelLists: number
  readonly uptimeSeconds: number
}

/** Max distinct values of the label `model`: the upstream names the models, and its list may change without end. */
const MOST_MODELS = 100

/** The metrics of one gateway. */
export class Metrics extends Context.Tag("lingma-gateway/Metrics")<
  Metrics,
  Omit<MetricStore.MetricStore, "total"> & {
    readonly chatEnded: (chat: ChatRecord) => void
    readonly modelsListed: Effect.Effect<void>
    readonly counters: Effect.Effect<Counters>
  }
>() {
  static readonly make = Effect.gen(function* () {
    const clock = yield* Effect.clock
    const now = () => Number(clock.unsafeCurrentTimeNanos()) / 1e9
    const started = now()
    const { mark, observe, snapshot, total } = MetricStore.make()
    /** The one figure that no metric holds. */
    let streamed = 0

    const knownModels = new Set<string>()
    const modelLabel = (model: string | undefined): string => {
      if (model === undefined) return "none"
      if (knownModels.size < MOST_MODELS) knownModels.add(model)
      return knownModels.has(model) ? model : "other"
    }

    const chatEnded = ({ answer, dialect, millis, outcome, queueMillis, stream }: ChatRecord): void => {
      const model = modelLabel(answer?.model)
      if (stream) streamed++
      mark(Keys.chats, 1, { dialect, mode: answer?.mode ?? "none", model, outcome })
      mark(Keys.duration, millis / 1000, { dialect, outcome })
      if (queueMillis !== undefined) mark(Keys.queueWait, queueMillis / 1000)
      if (answer === undefined) return
      mark(Keys.firstToken, answer.firstTokenMillis / 1000, { dialect })
      mark(Keys.tokens, answer.promptTokens, { kind: "prompt", model })
      mark(Keys.tokens, answer.completionTokens, { kind: "completion", model })
      if (answer.pieces > 1) mark(Keys.tokenGap, (millis - answer.firstTokenMillis) / 1000 / (answer.pieces - 1))
    }

    const ended = (outcome: ChatOutcome) => total(Keys.chats, { outcome })
    return Metrics.of({
      mark,
      observe,
      snapshot,
      chatEnded,
      modelsListed: Effect.sync(() => mark(Keys.modelLists, 1)),
      counters: Effect.sync(() => ({
        chats: total(Keys.chats),
        streamed,
        outcomes: {
          completed: ended("completed"),
          failed: ended("failed"),
          cancelled: ended("cancelled"),
          rejected: ended("rejected")
        },
        promptTokens: total(Keys.tokens, { kind: "prompt" }),
        completionTokens: total(Keys.tokens, { kind: "completion" }),
        modelLists: total(Keys.modelLists),
        uptimeSeconds: Math.floor(now() - started)
      }))
    })
  })

  /** All figures start at zero. Shared within one graph of layers; `Layer.fresh` gives another set. */
  static readonly layer: Layer.Layer<Metrics> = Layer.effect(Metrics, Metrics.make)
}

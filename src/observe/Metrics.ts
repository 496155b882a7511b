/**
 * Counts what the gateway does. Each `Metrics` has its own figures: they tell of one gateway, not of the process.
 *
 * `/metrics`, `/internal/stats` and OTLP all read these figures; nothing is counted twice.
 */
import { Context, Effect, Layer } from "effect"
import type { AskMode, Origin } from "../domain/Chat.ts"
import type { Caller } from "../domain/keys/Caller.ts"
import type { ClientName } from "../domain/usage/ClientName.ts"
import * as Keys from "./MetricKeys.ts"
import * as MetricStore from "./MetricStore.ts"

const OUTCOMES = ["completed", "failed", "cancelled", "rejected"] as const
export type ChatOutcome = (typeof OUTCOMES)[number]
const DIALECTS: ReadonlyArray<Origin["dialect"]> = [
  "chat_completions",
  "completions",
  "responses",
  "messages",
  "embedded"
]

/** One chat, at its end. */
export interface ChatRecord extends Origin {
  /** Of this chat alone, in all processes. */
  readonly id: string
  /** Milliseconds since 1970. */
  readonly endedAt: number
  /** As the response bears it; `none` for a program's own chat. */
  readonly requestId: string
  readonly caller: Caller
  readonly client: ClientName
  /** As the client wrote it. */
  readonly modelAsked: string
  /** How it ended; `rejected` means that it never got a slot. */
  readonly outcome: ChatOutcome
  /** By which clients know the failure, see `domain/usage/ErrorCode`. */
  readonly errorCode: string | undefined
  /** What went wrong, for administrators; it may hold words of the upstream. */
  readonly error: string | undefined
  /** The instance that was asked last, and the account there, as it calls itself. */
  readonly instance: string | undefined
  readonly account: string | undefined
  /** How often it was asked anew: of another instance, or because an answer was void. */
  readonly retries: number
  /** Undefined if no answer began. */
  readonly answer: Answered | undefined
  /** Time in the queue; undefined if it left the queue without a slot. */
  readonly queueMillis: number | undefined
  /** Until its instance was connected and signed in, of all tries; undefined if it was not waited for. */
  readonly loginMillis: number | undefined
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
  /** Part of `completionTokens`. */
  readonly reasoningTokens: number
  /** Whether the upstream gave the figures; else they are estimates. */
  readonly isReported: boolean
  readonly toolCalls: number
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

/** Of one API key since the layer was built. */
export interface KeyCounters {
  /** `other` stands for all keys beyond the first. */
  readonly key: string
  readonly outcomes: Readonly<Record<ChatOutcome, number>>
  readonly promptTokens: number
  readonly completionTokens: number
}

/** Max distinct values of a label, where the upstream or the operator names them: their list may change without end. */
const MOST_VALUES = 100

/** Whatever comes after the first values is `other`. */
const bounded = () => {
  const known = new Set<string>()
  const label = (value: string): string => {
    if (known.size < MOST_VALUES) known.add(value)
    return known.has(value) ? value : "other"
  }
  return { known, label }
}

/** The metrics of one gateway. */
export class Metrics extends Context.Tag("lingma-gateway/Metrics")<
  Metrics,
  Omit<MetricStore.MetricStore, "total"> & {
    readonly chatEnded: (chat: ChatRecord) => void
    readonly modelsListed: Effect.Effect<void>
    readonly counters: Effect.Effect<Counters>
    /** Only keys that asked for a chat. */
    readonly keys: Effect.Effect<ReadonlyArray<KeyCounters>>
  }
>() {
  static readonly make = Effect.gen(function* () {
    const clock = yield* Effect.clock
    const now = () => Number(clock.unsafeCurrentTimeNanos()) / 1e9
    const started = now()
    const { mark, observe, snapshot, total } = MetricStore.make()
    /** The one figure that no metric holds. */
    let streamed = 0

    const models = bounded()
    const born = new Set<string>()
    /** Counters begin at 0: an alert on their growth would miss the first chat otherwise. */
    const bear = (dialect: Origin["dialect"], mode: string, model: string) => {
      const name = `${dialect} ${mode} ${model}`
      if (born.has(name)) return
      born.add(name)
      for (const outcome of OUTCOMES) mark(Keys.chats, 0, { dialect, mode, model, outcome })
    }
    for (const dialect of DIALECTS) bear(dialect, "none", "none")
    const keys = bounded()

    const chatEnded = ({ answer, caller, dialect, millis, outcome, queueMillis, stream }: ChatRecord): void => {
      const model = answer === undefined ? "none" : models.label(answer.model)
      const key = keys.label(caller.name)
      if (stream) streamed++
      bear(dialect, answer?.mode ?? "none", model)
      mark(Keys.chats, 1, { dialect, mode: answer?.mode ?? "none", model, outcome })
      mark(Keys.keyChats, 1, { key, outcome })
      mark(Keys.duration, millis / 1000, { dialect, outcome })
      if (queueMillis !== undefined) mark(Keys.queueWait, queueMillis / 1000)
      if (answer === undefined) return
      mark(Keys.firstToken, answer.firstTokenMillis / 1000, { dialect })
      mark(Keys.tokens, answer.promptTokens, { kind: "prompt", model })
      mark(Keys.tokens, answer.completionTokens, { kind: "completion", model })
      mark(Keys.keyTokens, answer.promptTokens, { key, kind: "prompt" })
      mark(Keys.keyTokens, answer.completionTokens, { key, kind: "completion" })
      if (answer.pieces > 1) mark(Keys.tokenGap, (millis - answer.firstTokenMillis) / 1000 / (answer.pieces - 1))
    }

    const ended = (outcome: ChatOutcome) => total(Keys.chats, { outcome })
    const ofKey = (key: string): KeyCounters => {
      const ended = (outcome: ChatOutcome) => total(Keys.keyChats, { key, outcome })
      return {
        key,
        outcomes: {
          completed: ended("completed"),
          failed: ended("failed"),
          cancelled: ended("cancelled"),
          rejected: ended("rejected")
        },
        promptTokens: total(Keys.keyTokens, { key, kind: "prompt" }),
        completionTokens: total(Keys.keyTokens, { key, kind: "completion" })
      }
    }
    return Metrics.of({
      mark,
      observe,
      snapshot,
      chatEnded,
      keys: Effect.sync(() => [...keys.known, ...(keys.known.size < MOST_VALUES ? [] : ["other"])].map(ofKey)),
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

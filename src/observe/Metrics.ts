/**
 * Every metric of the gateway, by name; and what the gateway counts of itself.
 *
 * They live in Effect's registry, so that `/metrics` and OTLP tell the same. Labels come from closed sets only.
 */
import { Context, Effect, Layer, Metric, MetricBoundaries, MetricKey, type MetricKeyType, MetricLabel } from "effect"
import type { AskMode, Origin } from "../domain/Chat.ts"

export type ChatOutcome = "completed" | "failed" | "cancelled" | "rejected"

/** One chat, at its end. */
export interface ChatRecord extends Origin {
  /** How it ended; `rejected` means that it never got a slot. */
  readonly outcome: ChatOutcome
  /** Undefined when it got no answer to begin with. */
  readonly answer: Answered | undefined
  /** Time in the queue; undefined when it left or was refused there. */
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
  /** Pieces of the answer. */
  readonly pieces: number
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

const seconds = MetricBoundaries.fromIterable([
  0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600
])
const shortSeconds = MetricBoundaries.fromIterable([0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30])

type Key = MetricKey.MetricKey.Untyped
type Labels = Readonly<Record<string, string>>

/** The metrics of this file, each with its labels so far: a mark costs no search in the registry. */
const variants = new WeakMap<object, { readonly key: Key; readonly byLabels: Map<string, object> }>()

const registered = <K extends MetricKeyType.MetricKeyType.Untyped>(key: MetricKey.MetricKey<K>) => {
  const metric = Metric.fromMetricKey(key)
  variants.set(metric, { key, byLabels: new Map() })
  return metric
}

const total = (name: string, description: string) =>
  registered(MetricKey.counter(name, { description, incremental: true }))
const gauge = (name: string, description: string) => registered(MetricKey.gauge(name, { description }))
const histogram = (name: string, boundaries: MetricBoundaries.MetricBoundaries, description: string) =>
  registered(MetricKey.histogram(name, boundaries, description))

export const inFlight = gauge("gateway_in_flight", "Chats that hold a slot")
export const queued = gauge("gateway_queued", "Chats that wait for a slot")
export const maxInFlight = gauge("gateway_max_in_flight", "Most chats at once")
export const accepted = total("gateway_accepted_total", "Chats that got a slot")
export const rejected = total("gateway_rejected_total", "Chats refused: the queue was full, or the wait too long")
export const abandoned = total("gateway_abandoned_total", "Chats whose client left the queue")

export const instanceInFlight = gauge("gateway_pool_instance_in_flight", "Chats on an instance")
export const instanceReady = gauge("gateway_pool_instance_ready", "Whether an instance may be sent a chat")
export const instanceState = gauge("gateway_pool_instance_state", "1 for the state an instance is in")
export const instanceEjected = gauge(
  "gateway_pool_instance_ejected",
  "Whether an instance is left out for its failures"
)
export const instanceRestarts = total("gateway_pool_instance_restarts_total", "Starts of an instance after its first")
export const instanceEjections = total("gateway_pool_instance_ejections_total", "Times an instance was left out")
export const logins = total("gateway_logins_total", "Logins by instance and how they ended")

export const chats = total("gateway_chats_total", "Chats by dialect, mode, model and outcome")
export const tokens = total(
  "gateway_tokens_total",
  "Tokens by kind (prompt, completion) and model; estimates where Lingma gives none"
)
export const replyRetries = total(
  "gateway_reply_retries_total",
  "Answers asked for again by what was wrong with the first"
)
export const modelLists = total("gateway_models_requests_total", "Requests for the list of models")
export const queueWait = histogram("gateway_queue_wait_seconds", seconds, "Time from a chat's arrival to its slot")
export const firstToken = histogram(
  "gateway_first_token_seconds",
  seconds,
  "Time from a chat's arrival to its first event"
)
export const duration = histogram("gateway_chat_duration_seconds", seconds, "Time from a chat's arrival to its end")
export const tokenGap = histogram(
  "gateway_token_gap_seconds",
  shortSeconds,
  "Mean time between the pieces of an answer, once per chat"
)
export const rpcDuration = histogram(
  "gateway_rpc_duration_seconds",
  seconds,
  "Calls to Lingma by method, until their reply"
)

export const failedExports = total(
  "gateway_telemetry_failed_exports_total",
  "Exports to the OTLP collector that failed"
)
export const httpRequests = total("gateway_http_requests_total", "Requests by route, method and status")
export const shedding = gauge(
  "gateway_shedding",
  "Whether new chats are refused because the process has too much to do"
)
export const shed = total("gateway_shed_total", "Chats refused because the process had too much to do")
export const connectionsShed = total("gateway_connections_shed_total", "Connections closed because there were too many")
export const bodyBytes = gauge("gateway_body_bytes", "Memory that large request bodies take")
export const bodiesRefused = total(
  "gateway_bodies_refused_total",
  "Requests refused because bodies took too much memory"
)
export const eventLoopLag = gauge(
  "gateway_event_loop_lag_seconds",
  "99th percentile of the event loop's delay since the last look"
)

const labelled = <Type, In, Out>(
  metric: Metric.Metric<Type, In, Out>,
  labels: Labels
): Metric.Metric<Type, In, Out> => {
  let name = ""
  for (const label in labels) name += `${label}=${labels[label]}\n`
  if (name === "") return metric
  const known = variants.get(metric)
  let found = known?.byLabels.get(name)
  if (found === undefined) {
    const tags = Object.entries(labels).map(([label, value]) => MetricLabel.make(label, value))
    if (known === undefined) return Metric.taggedWithLabels(metric, tags)
    found = Metric.fromMetricKey(MetricKey.taggedWithLabels(known.key, tags))
    known.byLabels.set(name, found)
  }
  return found as typeof metric
}

/** Adds to a counter or a histogram, or sets a gauge, from synchronous code. */
export const mark = <Type, In, Out>(metric: Metric.Metric<Type, In, Out>, value: In, labels: Labels = {}): void =>
  labelled(metric, labels).unsafeUpdate(value, [])

/** Models come from upstream: a list that never ends must not become series. */
const mostModels = 100
const knownModels = new Set<string>()
const modelLabel = (model: string | undefined): string => {
  if (model === undefined) return "none"
  if (knownModels.size < mostModels) knownModels.add(model)
  return knownModels.has(model) ? model : "other"
}

const measure = ({ answer, dialect, millis, outcome, queueMillis }: ChatRecord): void => {
  const model = modelLabel(answer?.model)
  mark(chats, 1, { dialect, mode: answer?.mode ?? "none", model, outcome })
  mark(duration, millis / 1000, { dialect, outcome })
  if (queueMillis !== undefined) mark(queueWait, queueMillis / 1000)
  if (answer === undefined) return
  mark(firstToken, answer.firstTokenMillis / 1000, { dialect })
  mark(tokens, answer.promptTokens, { kind: "prompt", model })
  mark(tokens, answer.completionTokens, { kind: "completion", model })
  if (answer.pieces > 1) mark(tokenGap, (millis - answer.firstTokenMillis) / 1000 / (answer.pieces - 1))
}

/** Counts chats at their end, for itself and for Effect's registry, which is the process' own. */
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
      chatEnded: (chat) => {
        sums.chats++
        if (chat.stream) sums.streamed++
        outcomes[chat.outcome]++
        sums.promptTokens += chat.answer?.promptTokens ?? 0
        sums.completionTokens += chat.answer?.completionTokens ?? 0
        measure(chat)
      },
      modelsListed: Effect.sync(() => {
        sums.modelLists++
        mark(modelLists, 1)
      }),
      counters: Effect.sync(() => ({ ...sums, outcomes: { ...outcomes }, uptimeSeconds: Math.floor(now() - started) }))
    })
  })

  /** Begins at zero. */
  static readonly layer: Layer.Layer<Metrics> = Layer.effect(Metrics, Metrics.make)
}

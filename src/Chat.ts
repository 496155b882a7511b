/**
 * One chat request, start to finish. Every HTTP dialect goes through here.
 */
import { Context, Effect, ExecutionStrategy, Layer, Option, Scope, type Stream, type Tracer } from "effect"
import * as Attempt from "./Attempt.ts"
import * as ChatSpan from "./ChatSpan.ts"
import { GatewayConfig } from "./Config.ts"
import type { AskMode, ChatEvent, ChatRequest } from "./domain/Chat.ts"
import type { ChatError, TurnError } from "./domain/ChatError.ts"
import type * as Health from "./domain/Health.ts"
import * as Meter from "./domain/Meter.ts"
import * as Model from "./domain/Model.ts"
import * as RetryBudget from "./domain/RetryBudget.ts"
import * as Turn from "./domain/Turn.ts"
import { Guard } from "./Guard.ts"
import { Load } from "./Load.ts"
import { type Answered, type ChatOutcome, Metrics } from "./Metrics.ts"
import { type Lease, Pool } from "./Pool.ts"
import * as Scoped from "./Scoped.ts"
import * as Span from "./Span.ts"

/** A chat whose answer has begun. */
export interface ChatRun {
  /** The instance that answers. */
  readonly servedBy: string
  readonly emulated: boolean
  /** The key of the model that answers. */
  readonly model: string
  /** Tokens so far: the upstream's figures where it gives them, else estimates. */
  readonly tokens: () => Meter.Tokens
  /** Milliseconds from `open` to the first event. */
  readonly firstTokenMillis: number
  /** For readers that take events by callback; read it or `events`, once. */
  readonly turn: Turn.Turn
  readonly events: Stream.Stream<ChatEvent, TurnError>
}

/** Deadlines, names of models and what an answer is made into. */
export interface ChatOptions extends Attempt.AttemptOptions {
  /** Puts prompts and answers into spans. */
  readonly captureContent?: boolean
}

/** What a failure says about the instance it happened on. */
const blame = (error: ChatError): Exclude<Health.Outcome, "cancelled"> | undefined => {
  switch (error._tag) {
    case "BackendFailure":
      return error.lost === true ? "lost" : "failed"
    case "BackendUnavailable":
      return "lost"
    case "UpstreamTimeout":
      return "failed"
    case "QuotaExhausted":
      return "exhausted"
    case "ToolCallNotProduced":
    case "InvalidJsonOutput":
      return "completed"
    default:
      return undefined
  }
}

/** Whether another instance may be asked instead. In agent mode a turn that has begun may have done something. */
const mayRetry = (error: ChatError, mode: AskMode): boolean => {
  switch (error._tag) {
    case "BackendFailure":
    case "NotLoggedIn":
    case "QuotaExhausted":
      return mode === "chat" || error.started !== true
    case "UpstreamTimeout":
      return mode === "chat"
    case "BackendUnavailable":
    case "LoginFailed":
    case "LoginInProgress":
      return true
    default:
      return false
  }
}

/** A field may be a word of the client's. */
const longestField = 500

const logFailure = (error: ChatError, how: string) =>
  Effect.suspend(() => {
    const { _tag, ...fields } = error
    const reason = Object.fromEntries(
      Object.entries(fields).flatMap(([name, value]) =>
        typeof value === "object" ? [] : [[name, typeof value === "string" ? value.slice(0, longestField) : value]]
      )
    )
    return Effect.annotateLogs(Effect.logWarning(how), { error: _tag, ...reason })
  })

/** Chats over `Pool`, bounded by `Guard`, counted by `Metrics`. Fails with a `ChatError`. */
export class Chat extends Context.Tag("lingma-gateway/Chat")<
  Chat,
  {
    /** Resolves at the first event; slot, lease and turn live as long as the scope. */
    readonly open: (request: ChatRequest) => Effect.Effect<ChatRun, ChatError, Scope.Scope>
    /** Tokens of the prompt that would be sent; asks nobody. */
    readonly count: (request: ChatRequest) => Effect.Effect<number>
    /** What the ready instances offer together. */
    readonly models: Effect.Effect<ReadonlyArray<Model.Model>, ChatError>
  }
>() {
  static readonly make = Effect.fnUntraced(function* (options: ChatOptions) {
    const guard = yield* Guard
    const load = yield* Load
    const pool = yield* Pool
    const metrics = yield* Metrics
    const attempt = yield* Attempt.make(options)
    const clock = yield* Effect.clock
    const now = () => Number(clock.unsafeCurrentTimeNanos()) / 1e6
    const budget = RetryBudget.make()

    /** One try on one instance, and how it went. */
    const tried = (request: ChatRequest, lease: Lease) =>
      Effect.match(attempt.begin(request, lease.backend), {
        onFailure: (error) => {
          const outcome = blame(error)
          if (outcome !== undefined) lease.settle(outcome)
          return { lease, error }
        },
        onSuccess: (begun) => ({ lease, begun, error: undefined })
      })
    const first = (request: ChatRequest) =>
      Effect.flatMap(Span.within("lease")(pool.lease(request.affinity)), (lease) => tried(request, lease))

    const modeOf = (request: ChatRequest) =>
      Model.modeOf(request.model, options, request.effort) ?? options.defaultAskMode

    /**
     * The answer of the first instance; when nothing was sent yet and the budget allows it, that of one other. An
     * instance that turned out not to be there was none: each is looked at once at most. What a try that failed held
     * is given back before the next one begins.
     */
    const begin = Effect.fnUntraced(function* (request: ChatRequest) {
      const scope = yield* Effect.scope
      const seen = new Set<string>()
      let retried = false
      let inner = yield* Scope.fork(scope, ExecutionStrategy.sequential)
      let result = yield* Scoped.extend(first(request), inner)
      while (result.error !== undefined) {
        const { error } = result
        seen.add(result.lease.backend.id)
        yield* Scoped.close(inner)
        const isAbsent = error._tag === "BackendUnavailable"
        if (!isAbsent && (retried || !mayRetry(error, modeOf(request)))) return yield* error
        inner = yield* Scope.fork(scope, ExecutionStrategy.sequential)
        const another = yield* Scoped.extend(pool.another(request.affinity, seen), inner)
        if (Option.isNone(another) || !(isAbsent || budget.take(now()))) return yield* error
        retried ||= !isAbsent
        yield* logFailure(error, "chat tried again on another instance")
        result = yield* Scoped.extend(tried(request, another.value), inner)
      }
      return { ...result.begun, lease: result.lease }
    })

    const open = (request: ChatRequest) =>
      Effect.flatMap(Span.scoped("chat", { kind: "internal", attributes: ChatSpan.asked(request) }), (span) =>
        Span.inside(span)(opened(request, span))
      )

    const opened = Effect.fnUntraced(function* (request: ChatRequest, span: Tracer.Span | undefined) {
      const arrived = now()
      let outcome: ChatOutcome = "cancelled"
      let answer: (() => Answered) | undefined
      let queueMillis: number | undefined
      yield* Scoped.later(() => {
        const record = { ...request.origin, outcome, answer: answer?.(), queueMillis, millis: now() - arrived }
        metrics.chatEnded(record)
        if (span !== undefined) ChatSpan.ended(span, record)
      })
      budget.request(arrived)
      const slot = yield* Effect.tapError(Span.within("queue")(Effect.zipRight(load.admit, guard.slot)), () =>
        Effect.sync(() => (outcome = "rejected"))
      )
      queueMillis = now() - arrived
      const end = (how: "completed" | "failed") => {
        outcome = how
        slot.settle(how)
      }
      const { backend, firstEventAt, lease, mode, model, promptTokens, reply } = yield* Effect.tapError(
        begin(request),
        (error) => {
          end("failed")
          return logFailure(error, "chat failed")
        }
      )
      const { turn } = reply
      const firstTokenMillis = Number(firstEventAt) / 1e6 - arrived
      if (span !== undefined) ChatSpan.begun(span, firstEventAt)
      const tokens = () => Meter.tokens(reply.totals(), promptTokens)
      answer = () => {
        const { completion, prompt } = tokens()
        const used = { promptTokens: prompt, completionTokens: completion }
        return { instance: backend.id, model, mode, firstTokenMillis, pieces: turn.count(), ...used }
      }
      // A turn that still runs when its scope closes was cancelled, which slot and lease assume by themselves.
      yield* Scoped.onClose(
        Effect.suspend(() => {
          const failure = turn.failure()
          if (failure !== undefined) {
            end("failed")
            lease.settle(blame(failure) ?? "failed")
            return logFailure(failure, "chat failed")
          }
          if (turn.state() === "finished") {
            end("completed")
            lease.settle("completed")
          }
          return Effect.void
        })
      )
      const seen =
        span !== undefined && options.captureContent === true ? ChatSpan.withContent(span, request, turn) : turn
      const { emulated, id: servedBy } = backend
      return { servedBy, emulated, model, tokens, firstTokenMillis, turn: seen, events: Turn.toStream(seen) }
    })

    const models = Effect.scoped(
      Effect.gen(function* () {
        yield* metrics.modelsListed
        const instances = yield* pool.snapshot
        const ready = instances.filter((instance) => instance.ready).map((instance) => instance.backend)
        // None ready: ask the one whose turn it is, which wakes it.
        const asked = ready.length > 0 ? ready : [(yield* pool.lease(Option.none())).backend]
        yield* Effect.forEach(asked, (backend) => backend.ensureReady, { discard: true })
        const lists = yield* Effect.forEach(asked, (backend) => backend.models)
        return Model.listed(lists.flat())
      })
    ).pipe(Span.within("models"))

    return Chat.of({ open, models, count: (request) => Effect.sync(() => attempt.count(request)) })
  })

  /** With options of a program's own. */
  static readonly layer = (options: ChatOptions): Layer.Layer<Chat, never, Guard | Metrics | Pool> =>
    Layer.scoped(Chat, Chat.make(options))

  /** With the options that the settings hold. */
  static readonly layerFromConfig: Layer.Layer<Chat, never, GatewayConfig | Guard | Metrics | Pool> =
    Layer.unwrapEffect(
      Effect.map(GatewayConfig, (config) =>
        Chat.layer({
          ...config,
          captureContent: config.otelContent,
          aliases: config.modelAliases,
          fallback: config.modelFallback
        })
      )
    )
}

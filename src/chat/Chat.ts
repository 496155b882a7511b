/**
 * One chat request, start to finish. Every HTTP dialect goes through here.
 */
import { Cause, Context, Effect, ExecutionStrategy, Exit, Layer, Option, Scope, type Stream, type Tracer } from "effect"
import type { GatewayConfig, Settings } from "../config/Config.ts"
import { chatOptionsOf, LiveSettings } from "../config/LiveSettings.ts"
import type { ChatEvent, ChatRequest } from "../domain/Chat.ts"
import { type ChatError, ofProvider, type TurnError } from "../domain/ChatError.ts"
import * as Model from "../domain/Model.ts"
import * as Offer from "../domain/Offer.ts"
import * as RetryBudget from "../domain/RetryBudget.ts"
import * as Turn from "../domain/Turn.ts"
import * as Verdict from "../domain/Verdict.ts"
import { ChatRecorder } from "../observe/ChatRecorder.ts"
import * as ChatSpan from "../observe/ChatSpan.ts"
import { type Answered, Metrics } from "../observe/Metrics.ts"
import * as RequestContext from "../observe/RequestContext.ts"
import * as Span from "../observe/Span.ts"
import * as Interrupts from "../runtime/Interrupts.ts"
import * as Scoped from "../runtime/Scoped.ts"
import * as RequestTokens from "../tokens/RequestTokens.ts"
import * as TokenMeter from "../tokens/TokenMeter.ts"
import * as Attempt from "./Attempt.ts"
import * as ChatRecords from "./ChatRecords.ts"
import * as Failures from "./Failures.ts"
import { Guard } from "./Guard.ts"
import { type LiveChat, LiveChats } from "./LiveChats.ts"
import * as ModelLists from "./ModelLists.ts"
import { OverloadProtection } from "./OverloadProtection.ts"
import * as Phase from "./Phase.ts"
import { type Lease, Pool } from "./Pool.ts"
import { StopSignal } from "./StopSignal.ts"

/** A chat whose answer has begun. */
export interface ChatRun {
  /** The instance that answers. */
  readonly servedBy: string
  readonly emulated: boolean
  /** The key of the model that answers. */
  readonly model: string
  /** Tokens so far: the upstream's figures where it gives them, else estimates. */
  readonly tokens: () => TokenMeter.Tokens
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

type Closing = Exit.Exit<unknown, unknown>
const isFailed = (exit: Closing): exit is Exit.Failure<unknown, unknown> =>
  Exit.isFailure(exit) && !Cause.isInterruptedOnly(exit.cause)
const isBroken = (exit: Closing) => Exit.isFailure(exit) && Cause.isDie(exit.cause)

/** Chats over `Pool`, bounded by `Guard`, counted by `Metrics`. Fails with a `ChatError`. */
export class Chat extends Context.Tag("lingma-gateway/Chat")<
  Chat,
  {
    /**
     * Resolves at the first event; slot, lease and turn live as long as the scope. Goes by the settings that its request
     * began with, where they are given, else by those of now.
     */
    readonly open: (request: ChatRequest, settings?: Settings) => Effect.Effect<ChatRun, ChatError, Scope.Scope>
    /** Tokens of the prompt that would be sent; asks nobody. */
    readonly count: (request: ChatRequest, settings?: Settings) => Effect.Effect<number>
    /** What the ready instances offer together. */
    readonly models: Effect.Effect<ReadonlyArray<Model.Model>, ChatError>
    /** Those that run, and the last that have ended. */
    readonly live: LiveChats
  }
>() {
  static readonly make = Effect.fnUntraced(function* (given: ChatOptions | ((settings?: Settings) => ChatOptions)) {
    const optionsOf = typeof given === "function" ? given : () => given
    const guard = yield* Guard
    const load = yield* OverloadProtection
    const pool = yield* Pool
    const metrics = yield* Metrics
    const recorder = yield* ChatRecorder
    const attempt = yield* Attempt.make(optionsOf())
    const clock = yield* Effect.clock
    const now = () => Number(clock.unsafeCurrentTimeNanos()) / 1e6
    const live = new LiveChats()
    const budget = RetryBudget.make()

    /** One try on one instance, and how it went. A defect and an interrupt from inside are failures of the instance. */
    const tried = Effect.fnUntraced(function* (
      prepared: Attempt.Prepared,
      lease: Lease,
      deadline: number,
      span: Tracer.Span | undefined
    ) {
      if (span !== undefined) ChatSpan.attempted(span, lease.backend.provider)
      const progress = { started: false }
      prepared.tally.instance = lease.backend.id
      prepared.tally.account = lease.account
      const upstream = yield* Scope.fork(yield* Effect.scope, ExecutionStrategy.sequential)
      const begun = Interrupts.fromWithinAsDefect(
        Scoped.extend(attempt.begin(prepared, lease.backend, deadline, progress), upstream)
      )
      return yield* Effect.matchCauseEffect(begun, {
        onFailure: (cause) => {
          if (Cause.isInterruptedOnly(cause)) return Effect.failCause(cause)
          const failure = Cause.failureOption(cause)
          if (Option.isNone(failure)) {
            lease.settle("failed", `the gateway failed: ${String(Cause.squash(cause))}`)
            return Effect.failCause(cause)
          }
          Failures.settle(lease, failure.value)
          const error = ofProvider(lease.backend.provider)(failure.value)
          return Effect.succeed({ lease, error, isAsked: progress.started })
        },
        onSuccess: (begun) => {
          lease.answering(begun.model)
          return Effect.succeed({ lease, begun: { ...begun, upstream }, error: undefined })
        }
      })
    })
    const first = (prepared: Attempt.Prepared, deadline: number, span: Tracer.Span | undefined) =>
      Effect.flatMap(Span.within("lease")(pool.lease(prepared.request.affinity, prepared.offers)), (lease) =>
        tried(prepared, lease, deadline, span)
      )

    const modeOf = ({ options, request }: Attempt.Prepared) =>
      Model.modeOf(request.model, options, request.effort) ?? options.defaultAskMode

    /**
     * The answer of the first instance; when nothing was sent yet and the budget allows it, that of one other. An
     * instance that turned out not to be there, or not to offer the model, was none: each is looked at once at most, all
     * by one deadline; the second try has its own. What a try that failed held is given back before the next one begins.
     */
    const begin = Effect.fnUntraced(function* (
      request: ChatRequest,
      options: ChatOptions,
      tally: Attempt.Tally,
      signal: StopSignal,
      span: Tracer.Span | undefined
    ) {
      const scope = yield* Effect.scope
      const prepared = attempt.prepare(request, tally, signal, options)
      const { offers } = prepared
      const seen = new Set<string>()
      let retried = false
      let inner = yield* Scope.fork(scope, ExecutionStrategy.sequential)
      let deadline = attempt.deadline(options)
      let result = yield* Scoped.extend(first(prepared, deadline, span), inner)
      while (result.error !== undefined) {
        const { error } = result
        seen.add(result.lease.backend.id)
        yield* Scoped.close(inner)
        const isAbsent = error._tag === "BackendUnavailable" || (!result.isAsked && Offer.isRefusal(error))
        // Of models and quotas is told what holds for all instances.
        const ofAll = isAbsent || error._tag === "QuotaExhausted" ? pool.unserved(offers) : Effect.succeed(undefined)
        if (!isAbsent && (retried || !Verdict.mayRetry(error, modeOf(prepared)))) return yield* (yield* ofAll) ?? error
        inner = yield* Scope.fork(scope, ExecutionStrategy.sequential)
        const another = yield* Scoped.extend(pool.another(request.affinity, seen, offers), inner)
        if (Option.isNone(another) || !(isAbsent || budget.take(now()))) return yield* (yield* ofAll) ?? error
        if (!isAbsent) {
          retried = true
          deadline = attempt.deadline(options)
        }
        tally.retries++
        yield* Failures.log(error, "chat tried again on another instance")
        result = yield* Scoped.extend(tried(prepared, another.value, deadline, span), inner)
      }
      return { ...result.begun, lease: result.lease }
    })

    const open = (request: ChatRequest, settings?: Settings) =>
      Effect.flatMap(Span.scoped("chat", { kind: "internal", attributes: ChatSpan.asked(request) }), (span) =>
        Span.inside(span)(opened(request, optionsOf(settings), span))
      )

    const opened = Effect.fnUntraced(function* (
      request: ChatRequest,
      options: ChatOptions,
      span: Tracer.Span | undefined
    ) {
      const arrived = now()
      const context = yield* RequestContext.current
      let answer: (() => Answered) | undefined
      const record = ChatRecords.begin(request, context, live.newId())
      const signal = new StopSignal()
      const startedAt = clock.unsafeCurrentTimeMillis()
      const entry: LiveChat = { record, signal, startedAt, arrivedAt: arrived, answer: undefined }
      const ended = () => {
        const at = now()
        record.millis = at - arrived
        record.endedAt = clock.unsafeCurrentTimeMillis()
        Phase.ready(record, at)
        metrics.chatEnded(record)
        if (span !== undefined) ChatSpan.ended(span, record)
        recorder.record(record)
        context.tap?.ended(record)
        live.leave(entry)
      }
      // In one step: one that is interrupted before it would leave would be told as running for ever.
      yield* Scoped.own(() => live.enter(entry), ended)
      budget.request(arrived)
      const place = guard.slot(request.caller, RequestTokens.rough(request), signal)
      const slot = yield* Effect.tapErrorCause(Span.within("queue")(Effect.zipRight(load.admit, place)), (cause) =>
        Effect.sync(() => {
          if (Cause.isInterruptedOnly(cause)) return
          if (ChatRecords.failedBy(record, cause) && Cause.isFailure(cause)) record.outcome = "rejected"
        })
      )
      record.queueMillis = now() - arrived
      const complete = () => {
        record.outcome = "completed"
        slot.settle("completed")
      }
      const failed = (isFailure: boolean) => {
        if (isFailure) slot.settle("failed")
      }
      // Cancelled is what a caller does who is interrupted, or who closes the scope while the turn runs, and nothing
      // else: a scope that closes with a failure is a chat that failed.
      yield* Scoped.later((exit) => {
        if (record.outcome === "cancelled" && isFailed(exit)) failed(ChatRecords.failedBy(record, exit.cause))
        record.answer = answer?.()
        if (record.answer !== undefined) {
          slot.charge({ prompt: record.answer.promptTokens, completion: record.answer.completionTokens })
        }
      })
      const begun = yield* Effect.tapErrorCause(
        Interrupts.fromWithinAsDefect(begin(request, options, record, signal, span)),
        (cause) => {
          if (Cause.isInterruptedOnly(cause)) return Effect.void
          failed(ChatRecords.failedBy(record, cause))
          const failure = Cause.failureOption(cause)
          return Option.isSome(failure) ? Failures.log(failure.value, "chat failed") : Effect.void
        }
      )
      const { backend, firstEventAt, lease, model, promptTokens, totals, turn, upstream } = begun
      const firstTokenMillis = Number(firstEventAt) / 1e6 - arrived
      if (span !== undefined) ChatSpan.begun(span, firstEventAt)
      const tokens = () => TokenMeter.tokens(totals(), promptTokens)
      answer = () => ChatRecords.answered(begun, firstTokenMillis)
      record.phase = "streaming"
      entry.answer = { model, begunAt: Number(firstEventAt) / 1e6, tokens: () => totals().output }
      signal.onStop(() => turn.fail(signal.failure))
      // A turn that still runs when its scope closes was cancelled, which slot and lease assume by themselves. Only
      // when the upstream has given back what it holds is it known whether that went well.
      yield* Scoped.onExit((exit) => {
        const failure = turn.failure()
        const isFinished = turn.state() === "finished"
        return Effect.flatMap(Effect.exit(Scoped.close(upstream, exit)), (closed) => {
          if (failure !== undefined) {
            failed(ChatRecords.failed(record, ofProvider(backend.provider)(failure)))
            Failures.settle(lease, failure)
            return Effect.zipRight(Failures.log(failure, "chat failed"), closed)
          }
          if (Exit.isFailure(closed) || isBroken(exit)) {
            failed(ChatRecords.failedBy(record, Exit.isFailure(closed) ? closed.cause : Cause.empty))
            lease.settle("failed")
          } else if (isFinished && !isFailed(exit)) {
            complete()
            lease.settle("completed")
          }
          return closed
        })
      })
      const told = Turn.mapFailure(turn, ofProvider(backend.provider))
      const seen =
        span !== undefined && options.captureContent === true ? ChatSpan.withContent(span, request, told) : told
      const { emulated, id: servedBy } = backend
      return { servedBy, emulated, model, tokens, firstTokenMillis, turn: seen, events: Turn.toStream(seen) }
    })

    /** Of the instance that comes first: where they are of several providers, it stands for all. */
    const count = (request: ChatRequest, settings?: Settings) =>
      Effect.map(pool.snapshot, ([{ backend }]) => attempt.count(request, backend, optionsOf(settings)))

    return Chat.of({ open, models: ModelLists.of(pool, metrics), count, live })
  })

  /** With options of a program's own. */
  static readonly layer = (options: ChatOptions): Layer.Layer<Chat, never, Guard | Metrics | Pool> =>
    Layer.scoped(Chat, Chat.make(options))

  /** With the options that the settings hold. */
  static readonly layerFromConfig: Layer.Layer<Chat, never, GatewayConfig | Guard | Metrics | Pool> = Layer.scoped(
    Chat,
    Effect.flatMap(LiveSettings.get, (live) => Chat.make((settings = live.current) => chatOptionsOf(settings)))
  )
}

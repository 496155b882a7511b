/**
 * One try of a chat on one instance: it must be ready, offer the model, and answer; its answer becomes the reply.
 */
import { Effect, ExecutionStrategy, Fiber, Runtime, Scope } from "effect"
import { type Ask, type AskMode, type ChatRequest, type Image, imageNow } from "../domain/Chat.ts"
import {
  BackendFailure,
  type ChatError,
  LoginInProgress,
  type TurnError,
  UpstreamTimeout
} from "../domain/ChatError.ts"
import * as Model from "../domain/Model.ts"
import * as Offer from "../domain/Offer.ts"
import type { Turn } from "../domain/Turn.ts"
import * as MetricKeys from "../observe/MetricKeys.ts"
import { Metrics } from "../observe/Metrics.ts"
import * as Scoped from "../runtime/Scoped.ts"
import * as Nonce from "../textonly/Nonce.ts"
import * as Prompt from "../textonly/Prompt.ts"
import * as Reply from "../textonly/Reply.ts"
import type { Grammar } from "../textonly/tools/ToolPrompt.ts"
import { TokenCounter } from "../tokens/TokenCounter.ts"
import type { Backend } from "./Backend.ts"
import * as Watchdog from "./Watchdog.ts"

export interface AttemptOptions extends Model.ResolveOptions, Watchdog.Limits {
  readonly defaultAskMode: AskMode
  /** How the model is taught to call tools. */
  readonly toolFormat?: Grammar
  /** How often a model that breaks a rule is asked again, before anything was sent. */
  readonly toolRetries?: number
}

/** A request made ready to be asked, once for all its tries. */
export interface Prepared {
  readonly request: ChatRequest
  readonly prompt: string
  readonly images: ReadonlyArray<Image>
  /** An estimate, pictures and framing included. */
  readonly promptTokens: number
  /** What a list of models is to it. */
  readonly offers: (models: ReadonlyArray<Model.Model>) => Offer.Offer
}

/** How far a try got. */
export interface Progress {
  /** The instance was asked, or is about to be. */
  started: boolean
}

/** An answer that has begun. */
export interface Begun {
  readonly backend: Backend
  readonly model: string
  readonly mode: AskMode
  /** An estimate, pictures and framing included. */
  readonly promptTokens: number
  readonly reply: Reply.Reply
  /** When the upstream's first event came: nanoseconds of the clock. */
  readonly firstEventAt: bigint
}

/** Where tokens are estimated, a prompt that may be too long is told to be: clients compact in time only when told. */
const margin = 1.05

export const make = Effect.fnUntraced(function* (options: AttemptOptions) {
  const { defaultAskMode, toolFormat = "xml", toolRetries = 1 } = options
  const watchdog = yield* Watchdog.make(options)
  const { count: countTokens, counter: newCounter, isExact } = yield* TokenCounter
  const clock = yield* Effect.clock
  const { mark } = yield* Metrics

  const offer = Offer.make(options)
  const judged = new WeakSet<ReadonlyArray<Model.Model>>()
  /** Each list of models is looked at once. */
  const judge = (models: ReadonlyArray<Model.Model>) => {
    if (judged.has(models)) return Effect.void
    judged.add(models)
    if (Model.hasDefault(models, options)) return Effect.void
    const text = "DEFAULT_MODEL is none of Lingma's models, another is asked: GET /v1/models lists them"
    return Effect.annotateLogs(Effect.logWarning(text), { defaultModel: Model.cut(options.defaultModel) })
  }
  const noncesOf = Nonce.make()
  const render = (request: ChatRequest, withoutImages = false) =>
    Prompt.render(request, { grammar: toolFormat, nonces: noncesOf(request.affinity), withoutImages })
  const count = (prompt: string, { messages }: ChatRequest, withoutImages = false) =>
    Prompt.tokens(prompt, messages, countTokens, { withoutImages })

  const longestOf = (promptTokens: number) => (isExact ? promptTokens : Math.ceil(promptTokens * margin))

  const prepare = (request: ChatRequest): Prepared => {
    const images = request.messages.flatMap((message) =>
      message.images.map(({ data, mediaType }) => ({ mediaType, data }))
    )
    const prompt = render(request)
    const promptTokens = count(prompt, request)
    const { effort, model } = request
    const shown = imageNow(request.messages)
    const need = { model, effort, images: shown !== undefined, param: shown?.param, tokens: longestOf(promptTokens) }
    return { request, prompt, images, promptTokens, offers: (models) => offer(models, need) }
  }

  /** The deadline has passed. While an account is being signed in, that is what was waited for. */
  const late = ({ id: instance, status }: Backend, started: boolean) =>
    Effect.flatMap(
      status,
      ({ loggedIn, state }): Effect.Effect<never, LoginInProgress | UpstreamTimeout> =>
        state === "ready" && loggedIn === false
          ? new LoginInProgress({ instance })
          : new UpstreamTimeout({ instance, phase: "first_token", ...(started ? {} : { started }) })
    )

  const asked = Effect.fnUntraced(function* (backend: Backend, ask: Omit<Ask, "requestId">, deadline: number) {
    const turn = yield* backend.chat({ ...ask, requestId: crypto.randomUUID() })
    yield* watchdog.watch(turn, backend.id, deadline)
    return turn
  })
  /** A further question has a deadline of its own. */
  const askedAgain = (backend: Backend, ask: Omit<Ask, "requestId">) =>
    Effect.suspend(() => {
      const deadline = watchdog.deadline()
      const timeout = new UpstreamTimeout({ instance: backend.id, phase: "first_token" })
      return watchdog.within(asked(backend, ask, deadline), deadline, timeout)
    })

  /** Everything that comes before the upstream's first event. */
  const ask = Effect.fnUntraced(function* (prepared: Prepared, backend: Backend, deadline: number, progress: Progress) {
    const { offers, request } = prepared
    yield* backend.ensureReady
    const models = yield* backend.models
    yield* judge(models)
    const { key, mode = defaultAskMode, model } = yield* offers(models)
    // Pictures of earlier turns are left out, and the model is told so: a chat goes on after a change of the model.
    const withoutImages = prepared.images.length > 0 && Model.refusesImages(model)
    const images = withoutImages ? [] : prepared.images
    const prompt = withoutImages ? render(request, true) : prepared.prompt
    const promptTokens = withoutImages ? count(prompt, request, true) : prepared.promptTokens
    const question = {
      model: key,
      mode,
      prompt,
      images,
      promptTokens: longestOf(promptTokens),
      contextLimit: model?.contextLength
    }
    const own = yield* Scope.fork(yield* Effect.scope, ExecutionStrategy.sequential)
    const onRetry = yield* followUps(own, {
      instance: backend.id,
      mark,
      reply: () => reply,
      again: ({ hint, said }) =>
        askedAgain(backend, { ...question, prompt: render(Prompt.followUp(request, said, hint), withoutImages) })
    })
    const { format, hidesThoughts = false, maxTokens, origin, stop, toolset } = request
    const reply: Reply.Reply = Reply.make({
      toolset,
      format,
      stop,
      maxTokens,
      hidesThoughts,
      instance: backend.id,
      whole: !origin.stream,
      grammar: toolFormat,
      newCounter,
      // An agent's turn may have done something already.
      retries: mode === "agent" ? 0 : toolRetries,
      onRetry
    })
    progress.started = true
    const turn = yield* Scoped.extend(asked(backend, question, deadline), own)
    return { question, promptTokens, reply, turn }
  })

  /** Fails at the deadline when the upstream's first event has not come, whatever was waited for. */
  const begin = Effect.fnUntraced(function* (
    prepared: Prepared,
    backend: Backend,
    deadline: number,
    progress: Progress
  ): Effect.fn.Return<Begun, ChatError, Scope.Scope> {
    const { promptTokens, question, reply, turn } = yield* watchdog.within(
      ask(prepared, backend, deadline, progress),
      deadline,
      Effect.suspend(() => late(backend, progress.started))
    )
    yield* turn.started
    const firstEventAt = clock.unsafeCurrentTimeNanos()
    reply.hear(turn)
    yield* reply.turn.started
    return { backend, model: question.model, mode: question.mode, promptTokens, reply, firstEventAt }
  })

  const counted = (request: ChatRequest) => count(render(request), request)
  return { prepare, begin, deadline: watchdog.deadline, count: counted }
})

interface FollowUps {
  readonly instance: string
  readonly mark: (typeof Metrics.Service)["mark"]
  readonly reply: () => Reply.Reply
  readonly again: (retry: Reply.Retry) => Effect.Effect<Turn, TurnError, Scope.Scope>
}

/** One further answer; what the one before it held is given back first. */
const followUp = Effect.fnUntraced(function* (
  { again, mark, reply }: FollowUps,
  retry: Reply.Retry,
  before: Scope.CloseableScope,
  own: Scope.CloseableScope
) {
  mark(MetricKeys.replyRetries, 1, { reason: retry.reason })
  yield* Effect.annotateLogs(Effect.logInfo("answer asked for again"), { reason: retry.reason })
  yield* Scoped.close(before)
  reply().hear(yield* Scope.extend(again(retry), own))
})

/** Asks once more as often as it is called, which few requests do: nothing waits for that. */
const followUps = Effect.fnUntraced(function* (first: Scope.CloseableScope, options: FollowUps) {
  const outer = yield* Effect.scope
  const fork = Runtime.runFork(yield* Effect.runtime<never>())
  let running: Fiber.RuntimeFiber<void> | undefined
  let isClosed = false
  let before = first
  yield* Scoped.onClose(
    Effect.suspend(() => {
      isClosed = true
      return running === undefined ? Effect.void : Fiber.interrupt(running)
    })
  )
  const fail = (error: TurnError) => options.reply().turn.fail(error)
  const next = (retry: Reply.Retry) =>
    Effect.flatMap(Scope.fork(outer, ExecutionStrategy.sequential), (own) => {
      const last = before
      before = own
      return followUp(options, retry, last, own)
    }).pipe(
      Effect.catchAll((error) => Effect.sync(() => fail(error))),
      Effect.catchAllDefect((defect) =>
        Effect.sync(() =>
          fail(new BackendFailure({ instance: options.instance, started: true, detail: String(defect) }))
        )
      )
    )
  return (retry: Reply.Retry) => {
    // Not within the callback of the answer that ends by it.
    if (!isClosed) running = fork(Effect.interruptible(next(retry)), { immediate: false })
  }
})

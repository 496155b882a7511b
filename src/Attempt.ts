/**
 * One try of a chat on one instance: it must be ready, offer the model, and answer; its answer becomes the reply.
 */
import { Effect, Either, ExecutionStrategy, Queue, Scope } from "effect"
import type { Backend } from "./Backend.ts"
import type { Ask, AskMode, ChatRequest } from "./domain/Chat.ts"
import {
  type ChatError,
  ContextLengthExceeded,
  ImagesNotSupported,
  ModelNotFound,
  type TurnError
} from "./domain/ChatError.ts"
import * as Model from "./domain/Model.ts"
import * as Prompt from "./domain/Prompt.ts"
import * as Reply from "./domain/Reply.ts"
import type { Turn } from "./domain/Turn.ts"
import type { Grammar } from "./domain/tools/ToolPrompt.ts"
import * as Metrics from "./Metrics.ts"
import * as Scoped from "./Scoped.ts"
import { TokenCounter } from "./TokenCounter.ts"
import * as Watchdog from "./Watchdog.ts"

export interface AttemptOptions extends Model.ResolveOptions, Watchdog.Limits {
  readonly defaultAskMode: AskMode
  /** How the model is taught to call tools. */
  readonly toolFormat?: Grammar
  /** How often a model that breaks a rule is asked again, before anything was sent. */
  readonly toolRetries?: number
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

/** How far over a model's window an estimated prompt must be to be refused: as much as estimates err. */
const slack = 1.1

export const make = Effect.fnUntraced(function* (options: AttemptOptions) {
  const { defaultAskMode, toolFormat = "xml", toolRetries = 1 } = options
  const watchdog = yield* Watchdog.make(options)
  const { count: countTokens, counter: newCounter } = yield* TokenCounter
  const clock = yield* Effect.clock

  const resolve = (models: ReadonlyArray<Model.Model>, { effort, model }: ChatRequest) =>
    Either.mapLeft(
      Model.resolve(models, model, options, effort),
      (near) => new ModelNotFound({ model: Model.cut(model), near })
    )
  const judged = new WeakSet<ReadonlyArray<Model.Model>>()
  /** Each list of models is looked at once. */
  const judge = (models: ReadonlyArray<Model.Model>) => {
    if (judged.has(models)) return Effect.void
    judged.add(models)
    if (Model.hasDefault(models, options)) return Effect.void
    const text = "DEFAULT_MODEL is none of Lingma's models, another is asked: GET /v1/models lists them"
    return Effect.annotateLogs(Effect.logWarning(text), { defaultModel: Model.cut(options.defaultModel) })
  }
  const render = (request: ChatRequest) => Prompt.render(request, toolFormat)
  const count = (prompt: string, { messages }: ChatRequest) => Prompt.tokens(prompt, messages, countTokens)

  const asked = Effect.fnUntraced(function* (backend: Backend, ask: Omit<Ask, "requestId">) {
    const turn = yield* backend.chat({ ...ask, requestId: crypto.randomUUID() })
    yield* watchdog.watch(turn, backend.id)
    return turn
  })

  const begin = Effect.fnUntraced(function* (
    request: ChatRequest,
    backend: Backend
  ): Effect.fn.Return<Begun, ChatError, Scope.Scope> {
    yield* backend.ensureReady
    const models = yield* backend.models
    yield* judge(models)
    const { key, mode = defaultAskMode, model } = yield* resolve(models, request)
    const images = request.messages.flatMap((message) => message.images)
    if (images.length > 0 && Model.refusesImages(model)) return yield* new ImagesNotSupported({ model: Model.cut(key) })
    const prompt = render(request)
    const promptTokens = count(prompt, request)
    const limit = model?.contextLength
    if (limit !== undefined && promptTokens > limit * slack) {
      return yield* new ContextLengthExceeded({ promptTokens, limit })
    }
    const ask = (prompt: string) => asked(backend, { model: key, mode, prompt, images })
    // An agent's turn may have done something already.
    const retries = mode === "agent" || !Reply.isMendable(request) ? 0 : toolRetries
    const wanted = retries === 0 ? undefined : yield* Queue.bounded<Reply.Retry>(retries)
    const { format, maxTokens, origin, stop, toolset } = request
    const reply = Reply.make({
      toolset,
      format,
      stop,
      maxTokens,
      instance: backend.id,
      whole: !origin.stream,
      grammar: toolFormat,
      newCounter,
      retries,
      onRetry: wanted === undefined ? undefined : (retry) => wanted.unsafeOffer(retry)
    })
    const scope = yield* Effect.scope
    const own = wanted === undefined ? undefined : yield* Scope.fork(scope, ExecutionStrategy.sequential)
    const turn = yield* own === undefined ? ask(prompt) : Scoped.extend(ask(prompt), own)
    yield* turn.started
    const firstEventAt = clock.unsafeCurrentTimeNanos()
    reply.hear(turn)
    if (wanted !== undefined && own !== undefined) {
      const again = ({ hint, said }: Reply.Retry) => ask(Prompt.followUp(prompt, said, hint))
      yield* Effect.forkIn(Effect.interruptible(followUps({ reply, wanted, again }, own)), scope)
    }
    yield* reply.turn.started
    return { backend, model: key, mode, promptTokens, reply, firstEventAt }
  })

  return { begin, count: (request: ChatRequest) => count(render(request), request) }
})

interface FollowUps {
  readonly reply: Reply.Reply
  readonly wanted: Queue.Dequeue<Reply.Retry>
  readonly again: (retry: Reply.Retry) => Effect.Effect<Turn, TurnError, Scope.Scope>
}

/** Further answers, as often as the reply wants one; the scope of each closes before the next begins. */
const followUps = Effect.fnUntraced(
  function* ({ again, reply, wanted }: FollowUps, first: Scope.CloseableScope) {
    const outer = yield* Effect.scope
    let inner = first
    while (true) {
      const retry = yield* Queue.take(wanted)
      Metrics.mark(Metrics.replyRetries, 1, { reason: retry.reason })
      yield* Effect.annotateLogs(Effect.logInfo("answer asked for again"), { reason: retry.reason })
      yield* Scoped.close(inner)
      inner = yield* Scope.fork(outer, ExecutionStrategy.sequential)
      reply.hear(yield* Scope.extend(again(retry), inner))
    }
  },
  (effect, { reply }) => Effect.catchAll(effect, (error) => Effect.sync(() => reply.turn.fail(error)))
)

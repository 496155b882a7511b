/**
 * One try of a chat on one instance: it must be ready, offer the model, and answer.
 */
import { Effect, type Scope } from "effect"
import { type AskMode, type ChatRequest, imageNow } from "../domain/Chat.ts"
import {
  type ChatError,
  type ChatStopped,
  LoginInProgress,
  type TurnError,
  UpstreamTimeout
} from "../domain/ChatError.ts"
import type { Offers } from "../domain/Choice.ts"
import * as Model from "../domain/Model.ts"
import * as Offer from "../domain/Offer.ts"
import type { Turn } from "../domain/Turn.ts"
import * as MetricKeys from "../observe/MetricKeys.ts"
import { Metrics } from "../observe/Metrics.ts"
import type { RequestContext } from "../observe/RequestContext.ts"
import * as RequestTokens from "../tokens/RequestTokens.ts"
import { TokenCounter } from "../tokens/TokenCounter.ts"
import * as TokenMeter from "../tokens/TokenMeter.ts"
import type { Backend, Draft, DraftSettings, Questions } from "./Backend.ts"
import * as Phase from "./Phase.ts"
import { StopSignal } from "./StopSignal.ts"
import * as Watchdog from "./Watchdog.ts"

/** Reasons that are a metric's label; a backend of others may give its own. */
const RETRY_REASONS: ReadonlySet<string> = new Set([
  ...["unknown_tool", "unparsable", "invalid_arguments", "unclosed"],
  ...["no_call", "invalid_json", "empty_answer"]
])

export interface AttemptOptions extends Model.ResolveOptions, Watchdog.Limits {
  readonly defaultAskMode: AskMode
  /** How a model without tools of its own is taught to call them. */
  readonly toolFormat?: DraftSettings["toolFormat"]
  /** How often a model that breaks a rule is asked again, before anything was sent. */
  readonly toolRetries?: number
}

/** What is told of all tries of a chat. */
export interface Tally extends Phase.Wait {
  /** How often it was asked anew: of another instance, or because an answer was void. */
  retries: number
  /** The instance that was asked last, and the account there. */
  instance: string | undefined
  account: string | undefined
  phase: Phase.Phase
  /** Of the request that it came by. */
  readonly context: Pick<RequestContext, "isStarted">
}

/** A request made ready to be asked, once for all its tries. */
export interface Prepared {
  /** Those that it began with. */
  readonly options: AttemptOptions
  readonly request: ChatRequest
  readonly tally: Tally
  readonly signal: StopSignal
  /** As the backend's provider would ask it. */
  readonly draft: (backend: Backend) => Draft
  /** What a list of models is to it. */
  readonly offers: Offers<{ readonly backend: Backend }>
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
  readonly turn: Turn
  /** Tokens of the answer so far. */
  readonly totals: () => TokenMeter.Totals
  /** When the upstream's first event came: nanoseconds of the clock. */
  readonly firstEventAt: bigint
}

type Question = Effect.Effect<Turn, TurnError, Scope.Scope>

/** What is made of options, once. */
interface Rules {
  readonly offer: ReturnType<typeof Offer.make>
  readonly draft: DraftSettings
  readonly judged: WeakSet<ReadonlyArray<Model.Model>>
}

/** With options for whoever names none. */
export const make = Effect.fnUntraced(function* (standard: AttemptOptions) {
  const watchdog = yield* Watchdog.make(standard)
  const tokenCounter = yield* TokenCounter
  const clock = yield* Effect.clock
  const now = () => Number(clock.unsafeCurrentTimeNanos()) / 1e6
  const { mark } = yield* Metrics

  const rules = new WeakMap<AttemptOptions, Rules>()
  const rulesOf = (options: AttemptOptions): Rules => {
    const known = rules.get(options)
    if (known !== undefined) return known
    const { toolFormat = "xml", toolRetries = 1 } = options
    const draft: DraftSettings = { tokenCounter, toolFormat, toolRetries }
    const made = { offer: Offer.make(options), draft, judged: new WeakSet<ReadonlyArray<Model.Model>>() }
    rules.set(options, made)
    return made
  }
  /** Each list of models is looked at once. */
  const judge = (models: ReadonlyArray<Model.Model>, { provider }: Backend, options: AttemptOptions) => {
    const { judged } = rulesOf(options)
    if (judged.has(models)) return Effect.void
    judged.add(models)
    if (Model.hasDefault(models, options)) return Effect.void
    const text = `DEFAULT_MODEL is none of ${provider}'s models, another is asked: GET /v1/models lists them`
    return Effect.annotateLogs(Effect.logWarning(text), { defaultModel: Model.cut(options.defaultModel) })
  }

  /** For a backend that has no draft of its own. */
  const plainDraft = (request: ChatRequest, withoutImages = false): Draft => {
    const promptTokens = RequestTokens.count(request, tokenCounter.count, { withoutImages })
    const mostPromptTokens = RequestTokens.most(promptTokens, tokenCounter.isExact)
    return { promptTokens, mostPromptTokens, withoutImages: () => plainDraft(request, true) }
  }
  const draft = (request: ChatRequest, backend: Backend, options: AttemptOptions) =>
    backend.draft?.(request, rulesOf(options).draft) ?? plainDraft(request)

  const untold = (): Tally => ({
    retries: 0,
    instance: undefined,
    account: undefined,
    phase: "queued",
    loginSince: undefined,
    loginMillis: undefined,
    context: { isStarted: false }
  })
  const prepare = (
    request: ChatRequest,
    tally: Tally = untold(),
    signal = new StopSignal(),
    options = standard
  ): Prepared => {
    const { effort, messages, model } = request
    const { offer } = rulesOf(options)
    const drafts: Array<{ readonly by: Backend["draft"]; readonly draft: Draft }> = []
    const drafted = (backend: Backend) => {
      const known = drafts.find(({ by }) => by === backend.draft)
      if (known !== undefined) return known.draft
      const made = draft(request, backend, options)
      drafts.push({ by: backend.draft, draft: made })
      return made
    }
    const shown = imageNow(messages)
    const offers: Prepared["offers"] = (models, { backend }) => {
      const tokens = drafted(backend).mostPromptTokens
      return offer(models, { model, effort, images: shown !== undefined, param: shown?.param, tokens })
    }
    return { options, request, tally, signal, draft: drafted, offers }
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

  const watched = ({ id }: Backend, question: Question, deadline: number, limits: Watchdog.Limits) =>
    Effect.flatMap(question, (turn) => Effect.as(watchdog.watch(turn, id, deadline, limits), turn))

  /** What one answer is asked by, and what is counted of it. */
  const answering = (backend: Backend, deadline: number, { options, tally }: Prepared) => {
    let first: Turn | undefined
    let isAsked = false
    let meter = TokenMeter.make(tokenCounter.counter)
    const askFirst = (question: Question) => {
      isAsked = true
      return Effect.map(watched(backend, question, deadline, options), (turn) => {
        first = turn
        return turn
      })
    }
    const askAgain = (question: Question) => {
      const own = watchdog.deadline(options)
      const timeout = new UpstreamTimeout({ instance: backend.id, phase: "first_token" })
      return watchdog.within(watched(backend, question, own, options), own, timeout)
    }
    const questions: Questions = {
      ask: (question) => Effect.suspend(() => (isAsked ? askAgain(question) : askFirst(question))),
      again: (reason) => {
        tally.retries++
        mark(MetricKeys.replyRetries, 1, { reason: RETRY_REASONS.has(reason) ? reason : "other" })
        meter = TokenMeter.make(tokenCounter.counter)
      }
    }
    /** A backend that asks by itself has one turn, which is watched. */
    const begun = (turn: Turn) => {
      turn.observe((event) => meter.add(event))
      return isAsked ? Effect.void : watchdog.watch(turn, backend.id, deadline, options)
    }
    return { questions, begun, first: () => first, totals: () => meter.totals() }
  }

  /** Everything that comes before the upstream's first event. */
  const ask = Effect.fnUntraced(function* (prepared: Prepared, backend: Backend, deadline: number, progress: Progress) {
    const { draft, offers, options, request, tally } = prepared
    tally.phase = "login"
    Phase.ready(tally, now())
    tally.loginSince = now()
    yield* backend.ensureReady
    Phase.ready(tally, now())
    const models = yield* backend.models
    yield* judge(models, backend, options)
    const { key, mode = options.defaultAskMode, model } = yield* offers(models, { backend })
    // Pictures of earlier turns are left out, and the model is told so: a chat goes on after a change of the model.
    const withoutImages = Model.refusesImages(model) && request.messages.some(({ images }) => images.length > 0)
    const drafted = withoutImages ? draft(backend).withoutImages() : draft(backend)
    const answer = answering(backend, deadline, prepared)
    const asked = {
      ...request,
      requestId: crypto.randomUUID(),
      model: key,
      mode,
      withoutImages,
      contextLimit: model?.contextLength,
      draft: drafted
    }
    progress.started = true
    tally.context.isStarted = true
    tally.phase = "waiting"
    const turn = yield* backend.chat(asked, answer.questions)
    yield* answer.begun(turn)
    return { model: key, mode, promptTokens: drafted.promptTokens, answer, turn }
  })

  /** Fails at the deadline when the upstream's first event has not come, whatever was waited for. */
  const begin = Effect.fnUntraced(function* (
    prepared: Prepared,
    backend: Backend,
    deadline: number,
    progress: Progress
  ): Effect.fn.Return<Begun, ChatError, Scope.Scope> {
    const { signal } = prepared
    const { answer, mode, model, promptTokens, turn } = yield* watchdog.within(
      ask(prepared, backend, deadline, progress),
      deadline,
      Effect.suspend(
        (): Effect.Effect<never, ChatStopped | LoginInProgress | UpstreamTimeout> =>
          signal.isStopped ? signal.failure : late(backend, progress.started)
      ),
      (cut) => signal.onStop(cut)
    )
    const first = answer.first() ?? turn
    signal.onStop(() => {
      first.fail(signal.failure)
      turn.fail(signal.failure)
    })
    // Thoughts, and a text that is withheld, are a sign of life of the upstream.
    yield* Effect.ignore(first.started)
    const firstEventAt = clock.unsafeCurrentTimeNanos()
    yield* turn.started
    return { backend, model, mode, promptTokens, turn, totals: answer.totals, firstEventAt }
  })

  const count = (request: ChatRequest, backend: Backend, options = standard) =>
    draft(request, backend, options).promptTokens
  return { prepare, begin, deadline: watchdog.deadline, count }
})

/**
 * Makes a `Backend` of one that takes a prompt and answers with text: renders the prompt, reads calls, thoughts and
 * formats out of the answer, and asks again when the answer breaks a rule and nothing was sent yet.
 */
import { Effect, ExecutionStrategy, Fiber, Scope } from "effect"
import type { Backend, Draft, DraftSettings, Questions, TurnRequest } from "../chat/Backend.ts"
import type { ChatRequest, Image } from "../domain/Chat.ts"
import { BackendFailure, type TurnError } from "../domain/ChatError.ts"
import type { Turn } from "../domain/Turn.ts"
import * as Fork from "../runtime/Fork.ts"
import * as Interrupts from "../runtime/Interrupts.ts"
import * as Scoped from "../runtime/Scoped.ts"
import * as RequestTokens from "../tokens/RequestTokens.ts"
import * as TokenEstimate from "../tokens/TokenEstimate.ts"
import * as Prompt from "./Prompt.ts"
import * as Reply from "./Reply.ts"
import type { TextBackend } from "./TextBackend.ts"

type Asked = Pick<ChatRequest, "messages" | "toolset" | "format" | "affinity">

/** A request as a prompt. */
class TextDraft implements Draft {
  readonly prompt: string
  readonly promptTokens: number
  readonly mostPromptTokens: number
  readonly settings: DraftSettings
  readonly #request: Asked
  readonly #isWithoutImages: boolean

  constructor(request: Asked, settings: DraftSettings, isWithoutImages: boolean) {
    const { count, isExact } = settings.tokenCounter
    this.settings = settings
    this.#request = request
    this.#isWithoutImages = isWithoutImages
    this.prompt = this.render(request)
    this.promptTokens = Prompt.tokens(this.prompt, request.messages, count, { withoutImages: isWithoutImages })
    this.mostPromptTokens = RequestTokens.most(this.promptTokens, isExact)
  }

  render(request: Asked): string {
    return Prompt.render(request, { grammar: this.settings.toolFormat, withoutImages: this.#isWithoutImages })
  }

  /** Those that go with the prompt. */
  images(): ReadonlyArray<Image> {
    if (this.#isWithoutImages) return []
    return this.#request.messages.flatMap(({ images }) => images.map(({ data, mediaType }) => ({ mediaType, data })))
  }

  isOf({ format, messages, toolset, withoutImages }: TurnRequest): boolean {
    const mine = this.#request
    const isSame = mine.messages === messages && mine.toolset === toolset && mine.format === format
    return isSame && this.#isWithoutImages === withoutImages
  }

  withoutImages(): Draft {
    return new TextDraft(this.#request, this.settings, true)
  }
}

const draft = (request: ChatRequest, settings: DraftSettings): Draft => new TextDraft(request, settings, false)

const estimated: DraftSettings = {
  tokenCounter: { counter: TokenEstimate.counter, count: TokenEstimate.estimate, isExact: false },
  toolFormat: "xml",
  toolRetries: 1
}

/** The prompt of a request; rendered now where a backend around this one has a draft of its own, or asks otherwise. */
const draftOf = (request: TurnRequest): TextDraft => {
  const { draft, withoutImages } = request
  if (!(draft instanceof TextDraft)) return new TextDraft(request, estimated, withoutImages)
  return draft.isOf(request) ? draft : new TextDraft(request, draft.settings, withoutImages)
}

interface FollowUps {
  readonly instance: string
  readonly questions: Questions
  readonly reply: () => Reply.Reply
  readonly question: (retry: Reply.Retry) => Effect.Effect<Turn, TurnError, Scope.Scope>
}

/** One further answer; what the one before it held is given back first. */
const followUp = Effect.fnUntraced(function* (
  { question, questions, reply }: FollowUps,
  retry: Reply.Retry,
  before: Scope.CloseableScope,
  own: Scope.CloseableScope
) {
  questions.again(retry.reason)
  yield* Effect.annotateLogs(Effect.logInfo("answer asked for again"), { reason: retry.reason })
  yield* Scoped.close(before)
  reply().hear(yield* Scope.extend(questions.ask(question(retry)), own))
})

/** Asks once more as often as it is called, which few requests do: nothing waits for that. */
const followUps = Effect.fnUntraced(function* (first: Scope.CloseableScope, options: FollowUps) {
  const outer = yield* Effect.scope
  const fork = yield* Fork.make()
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
      return Interrupts.fromWithinAsDefect(followUp(options, retry, last, own))
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
    if (!isClosed) running = fork(next(retry), { immediate: false })
  }
})

/** The same instance, for whatever a request may ask. */
export const over = (text: TextBackend): Backend => {
  const chat = Effect.fnUntraced(function* (request: TurnRequest, questions: Questions) {
    const { contextLimit, mode, model, requestId } = request
    const drafted = draftOf(request)
    const { mostPromptTokens: promptTokens, prompt, settings } = drafted
    const ask = { requestId, model, mode, prompt, images: drafted.images(), promptTokens, contextLimit }
    const own = yield* Scope.fork(yield* Effect.scope, ExecutionStrategy.sequential)
    const onRetry = yield* followUps(own, {
      instance: text.id,
      questions,
      reply: () => reply,
      question: ({ hint, said }) =>
        Effect.suspend(() => {
          const prompt = drafted.render(Prompt.followUp(request, said, hint))
          return text.chat({ ...ask, prompt, requestId: crypto.randomUUID() })
        })
    })
    const { format, hidesThoughts = false, maxTokens, origin, stop, toolset } = request
    const reply: Reply.Reply = Reply.make({
      toolset,
      format,
      stop,
      maxTokens,
      hidesThoughts,
      instance: text.id,
      whole: !origin.stream,
      grammar: settings.toolFormat,
      newCounter: settings.tokenCounter.counter,
      // An agent's turn may have done something already.
      retries: mode === "agent" ? 0 : settings.toolRetries,
      onRetry
    })
    reply.hear(yield* Scoped.extend(questions.ask(text.chat(ask)), own))
    return reply.turn
  })
  return { ...text, draft, chat }
}

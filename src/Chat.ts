/**
 * One chat request, start to finish. Every HTTP dialect goes through here.
 */
import { Context, Effect, Either, Layer, Option, type Scope, type Stream } from "effect"
import type { Backend } from "./Backend.ts"
import { GatewayConfig } from "./Config.ts"
import type { AskMode, ChatEvent, ChatRequest } from "./domain/Chat.ts"
import { type ChatError, ModelNotFound, type TurnError } from "./domain/ChatError.ts"
import * as Model from "./domain/Model.ts"
import * as Prompt from "./domain/Prompt.ts"
import * as Turn from "./domain/Turn.ts"
import * as Usage from "./domain/Usage.ts"
import { Guard, type Slot } from "./Guard.ts"
import { Pool } from "./Pool.ts"
import * as Watchdog from "./Watchdog.ts"

export interface ChatRun {
  /** The instance that answers. */
  readonly servedBy: string
  readonly emulated: boolean
  /** The key of the model that answers. */
  readonly model: string
  /** Estimated from the rendered prompt. */
  readonly promptTokens: number
  /** Milliseconds from `open` to the first event. */
  readonly firstTokenMillis: number
  /** For readers that take events by callback; read it or `events`, once. */
  readonly turn: Turn.Turn
  readonly events: Stream.Stream<ChatEvent, TurnError>
}

export interface ChatOptions extends Model.ResolveOptions, Watchdog.Limits {
  readonly defaultAskMode: AskMode
}

/** A turn that still runs when its scope closes was cancelled, which is what a slot assumes by itself. */
const settle = (turn: Turn.Turn, slot: Slot) =>
  Effect.suspend(() => {
    const failure = turn.failure()
    if (failure !== undefined) return failed(failure, slot)
    if (turn.state() === "finished") slot.settle("completed")
    return Effect.void
  })

const failed = (error: ChatError, slot: Slot) =>
  Effect.suspend(() => {
    slot.settle("failed")
    const { _tag, ...fields } = error
    const reason = Object.fromEntries(Object.entries(fields).filter(([, value]) => typeof value !== "object"))
    return Effect.annotateLogs(Effect.logWarning("chat failed"), { error: _tag, ...reason })
  })

export class Chat extends Context.Tag("lingma-gateway/Chat")<
  Chat,
  {
    /** Resolves at the first event; slot, lease and turn live as long as the scope. */
    readonly open: (request: ChatRequest) => Effect.Effect<ChatRun, ChatError, Scope.Scope>
    /** What the ready instances offer together. */
    readonly models: Effect.Effect<ReadonlyArray<Model.Model>, ChatError>
  }
>() {
  static readonly make = Effect.fnUntraced(function* (options: ChatOptions) {
    const guard = yield* Guard
    const pool = yield* Pool
    const watchdog = yield* Watchdog.make(options)

    const resolve = (backend: Backend, asked: string) =>
      Effect.flatMap(backend.models, (models) =>
        Either.mapLeft(
          Model.resolve(models, asked, options),
          (near) => new ModelNotFound({ model: Model.cut(asked), near })
        )
      )

    const begin = Effect.fnUntraced(function* (request: ChatRequest) {
      const backend = yield* pool.lease(request.affinity)
      yield* backend.ensureReady
      const { key, mode = options.defaultAskMode } = yield* resolve(backend, request.model)
      const prompt = Prompt.render(request.messages)
      const images = request.messages.flatMap((message) => message.images)
      const turn = yield* backend.chat({ requestId: crypto.randomUUID(), model: key, mode, prompt, images })
      yield* watchdog.watch(turn, backend.id)
      yield* turn.started
      return { backend, key, prompt, turn }
    })

    const open = Effect.fn("Chat.open")(function* (request: ChatRequest) {
      const clock = yield* Effect.clock
      const opened = clock.unsafeCurrentTimeNanos()
      const slot = yield* guard.slot
      const { backend, key, prompt, turn } = yield* Effect.tapError(begin(request), (error) => failed(error, slot))
      yield* Effect.addFinalizer(() => settle(turn, slot))
      return {
        servedBy: backend.id,
        emulated: backend.emulated,
        model: key,
        promptTokens: Usage.estimate(prompt) + Usage.perMessage * request.messages.length,
        firstTokenMillis: Number(clock.unsafeCurrentTimeNanos() - opened) / 1e6,
        turn,
        events: Turn.toStream(turn)
      }
    })

    const models = Effect.scoped(
      Effect.gen(function* () {
        const instances = yield* pool.snapshot
        const ready = instances.filter((instance) => instance.ready).map((instance) => instance.backend)
        // None ready: ask the one whose turn it is, which wakes it.
        const asked = ready.length > 0 ? ready : [yield* pool.lease(Option.none())]
        yield* Effect.forEach(asked, (backend) => backend.ensureReady, { discard: true })
        const lists = yield* Effect.forEach(asked, (backend) => backend.models)
        return Model.listed(lists.flat())
      })
    ).pipe(Effect.withSpan("Chat.models"))

    return Chat.of({ open, models })
  })

  static readonly layer = (options: ChatOptions): Layer.Layer<Chat, never, Guard | Pool> =>
    Layer.scoped(Chat, Chat.make(options))

  static readonly layerFromConfig: Layer.Layer<Chat, never, GatewayConfig | Guard | Pool> = Layer.unwrapEffect(
    Effect.map(GatewayConfig, (config) =>
      Chat.layer({ ...config, aliases: config.modelAliases, fallback: config.modelFallback })
    )
  )
}

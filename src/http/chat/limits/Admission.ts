/**
 * Whether the key of a chat allows it: its model, and its limits. Keys without either cost nothing here.
 */
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Context, Effect, Layer, Option, type Scope } from "effect"
import { Chat, type ChatRun } from "../../../chat/Chat.ts"
import type { GatewayConfig, Settings } from "../../../config/Config.ts"
import { LiveSettings, namesOf } from "../../../config/LiveSettings.ts"
import type { ChatRequest } from "../../../domain/Chat.ts"
import type { ChatError } from "../../../domain/ChatError.ts"
import type * as Model from "../../../domain/Model.ts"
import * as Scoped from "../../../runtime/Scoped.ts"
import * as AllowedModels from "../../../team/keys/AllowedModels.ts"
import { isLimited, type Key } from "../../../team/keys/Key.ts"
import { Limits, type LimitsService, type Refused } from "../../../team/limits/Limits.ts"
import { LimitReached, ModelNotAllowed } from "../../edge/EdgeError.ts"
import type { LimitHeaders } from "./LimitHeaders.ts"

type Open = Effect.Effect<ChatRun, ChatError, Scope.Scope>
type Response = HttpServerResponse.HttpServerResponse

export interface AdmissionOptions<P, R> {
  readonly key: Key | undefined
  /** Those that the request began with. */
  readonly config: Settings
  readonly request: ChatRequest
  /** No upstream is asked, so nothing is counted. */
  readonly isFree: boolean
  readonly headers: LimitHeaders
  readonly serve: Effect.Effect<Response, P, R>
  /** Every failure as a response. */
  readonly answered: (effect: Effect.Effect<Response, P | LimitReached, R>) => Effect.Effect<Response, never, R>
}

/** How long a list of models is good for. */
const LATELY = 10_000
/** Most keys that it is remembered of what was said of their patterns. */
const MOST_TOLD = 1000

export class Admission extends Context.Tag("lingma-gateway/http/Admission")<
  Admission,
  {
    /** Serves a chat, unless the key does not allow it; what is left of its limits is told in headers. */
    readonly admit: <P, R>(
      options: AdmissionOptions<P, R>
    ) => Effect.Effect<Response, P | ChatError | ModelNotAllowed, R | Scope.Scope>
    /** Counts a request that is no chat; its place among those at once is held by the scope. */
    readonly judge: (key: Key) => Effect.Effect<LimitReached | undefined, never, Scope.Scope>
    /** Opens chats whose tokens are charged to the key when they end. */
    readonly openFor: (key: Key | undefined, config: Settings) => (request: ChatRequest) => Open
    /** Which names of models the key may use, of these. */
    readonly allowed: (
      key: Key | undefined,
      models: ReadonlyArray<Model.Model>,
      config?: Settings
    ) => AllowedModels.Allowed
    readonly limits: LimitsService
  }
>() {
  static readonly make = Effect.gen(function* () {
    const chat = yield* Chat
    const live = yield* LiveSettings.get
    const clock = yield* Effect.clock
    const limits = yield* Option.match(yield* Effect.serviceOption(Limits), {
      onNone: () => Limits.makeInMemory(live.current.limitsTimeZone),
      onSome: Effect.succeed
    })
    const allowed = (key: Key | undefined, models: ReadonlyArray<Model.Model>, config = live.current) =>
      key === undefined || key.models.length === 0
        ? AllowedModels.all
        : AllowedModels.make(key.models, models, namesOf(config))

    let lately: { readonly models: ReadonlyArray<Model.Model>; readonly at: number } | undefined
    const steady = () => Number(clock.unsafeCurrentTimeNanos()) / 1e6
    const models = Effect.suspend(() => {
      if (lately !== undefined && steady() - lately.at < LATELY) return Effect.succeed(lately.models)
      return Effect.map(chat.models, (models) => {
        lately = { models, at: steady() }
        return models
      })
    })

    const judged = Effect.fnUntraced(function* (key: Key) {
      let refused: Refused | undefined
      yield* Scoped.own(
        () => {
          const entered = key.maxInFlight === undefined ? undefined : limits.enter(key)
          if (typeof entered !== "object") return entered
          refused = entered
          return undefined
        },
        (leave) => leave()
      )
      refused ??= yield* limits.count(key)
      return refused === undefined
        ? undefined
        : new LimitReached({ limit: refused.limit, most: refused.most, retryAfter: refused.retryAfter })
    })

    /** Said once of each key and its patterns. */
    const told = new Set<string>()
    const tellUnmatched = ({ models: patterns, name, source }: Key, models: ReadonlyArray<Model.Model>) =>
      Effect.suspend(() => {
        const place = `${name} ${patterns.join(",")}`
        // Where nothing is ready nothing matches.
        const unmatched = models.length === 0 ? [] : AllowedModels.unmatched(patterns, models, namesOf(live.current))
        if (unmatched.length === 0 || told.has(place)) return Effect.void
        if (told.size >= MOST_TOLD) told.clear()
        told.add(place)
        const where = source === "file" ? "models in KEYS_FILE" : `lingma-gateway keys set ${name} --models`
        return Effect.logWarning(`no model matches ${unmatched.join(", ")} of the key ${name}: ${where}`)
      })

    const admitted = Effect.fnUntraced(function* <P, R>(
      key: Key,
      { answered, config, headers, isFree, request, serve }: AdmissionOptions<P, R>
    ) {
      if (key.models.length > 0) {
        const known = yield* models
        if (!allowed(key, known, config)(request.model, request.effort)) {
          yield* tellUnmatched(key, known)
          return yield* new ModelNotAllowed({ model: request.model })
        }
      }
      if (isFree || !isLimited(key)) return yield* serve
      const refused = yield* judged(key)
      const response = yield* answered(refused ?? serve)
      return HttpServerResponse.setHeaders(response, headers(limits.left(key), clock.unsafeCurrentTimeMillis()))
    })

    const isBound = (key: Key) => key.models.length > 0 || isLimited(key)

    const openFor =
      (key: Key | undefined, config: Settings) =>
      (request: ChatRequest): Open =>
        key?.tokensPerDay === undefined
          ? chat.open(request, config)
          : Effect.tap(chat.open(request, config), (run) =>
              Scoped.later(() => {
                const { completion, prompt } = run.tokens()
                limits.charge(key, prompt + completion)
              })
            )

    return Admission.of({
      admit: (options) =>
        options.key === undefined || !isBound(options.key) ? options.serve : admitted(options.key, options),
      judge: (key) => (isLimited(key) ? judged(key) : Effect.succeed(undefined)),
      openFor,
      allowed,
      limits
    })
  })

  static readonly layer: Layer.Layer<Admission, never, Chat | GatewayConfig> = Layer.scoped(Admission, Admission.make)
}

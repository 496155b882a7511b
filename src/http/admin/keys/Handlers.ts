/**
 * Handlers of named keys. Changes are in effect when they are answered; other gateways notice within a second.
 */
import * as HttpApi from "@effect/platform/HttpApi"
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import type { SqlError } from "@effect/sql/SqlError"
import { Effect, Either, Layer, Option, Redacted, type Schema } from "effect"
import { Chat } from "../../../chat/Chat.ts"
import { LiveSettings, namesOf } from "../../../config/LiveSettings.ts"
import * as AllowedModels from "../../../team/keys/AllowedModels.ts"
import * as Key from "../../../team/keys/Key.ts"
import * as KeyDesk from "../../../team/keys/KeyDesk.ts"
import { KeyRing } from "../../../team/keys/KeyRing.ts"
import { KeyStore } from "../../../team/keys/KeyStore.ts"
import * as KeyView from "../../../team/keys/KeyView.ts"
import * as Body from "../../chat/Body.ts"
import * as Decode from "../../chat/Decode.ts"
import * as SchemaIssue from "../../chat/SchemaIssue.ts"
import * as Errors from "../../dialects/openai/OpenAiErrors.ts"
import { adminKeys } from "../internal/Handlers.ts"
import { answered } from "../internal/LoginHandlers.ts"
import * as Params from "../Params.ts"
import { KeyChanges, KeyCreate, KeyRotation, KeysApi } from "./Api.ts"
import * as Listing from "./Listing.ts"

const BODY_LIMIT = 64 * 1024

const told = (error: Key.KeyProblem | SqlError): Errors.Failure =>
  error._tag === "SqlError" ? Errors.noDatabase : Errors.keyProblem(error.reason, error.field, error.message)

type Sent = typeof KeyChanges.Type
type Changes = { -readonly [K in keyof Key.Grants]?: Key.Grants[K] }

/** Null takes a limit away; what is absent stays. */
const changesOf = (sent: Sent): Either.Either<Changes, Errors.Failure> => {
  const changes: Changes = {}
  if (sent.tokens_per_day !== undefined) changes.tokensPerDay = sent.tokens_per_day ?? undefined
  if (sent.requests_per_minute !== undefined) changes.requestsPerMinute = sent.requests_per_minute ?? undefined
  if (sent.max_in_flight !== undefined) changes.maxInFlight = sent.max_in_flight ?? undefined
  if (sent.weight !== undefined) changes.weight = sent.weight
  if (sent.models !== undefined) changes.models = sent.models
  if (sent.admin !== undefined) changes.isAdmin = sent.admin
  if (sent.expires !== undefined) {
    const millis = sent.expires === null ? undefined : Key.parseDate(sent.expires)
    if (sent.expires !== null && millis === undefined)
      return Either.left(Errors.invalid("expires", `expires ${Key.WRONG_DATE}`))
    changes.expiresAt = millis
  }
  return Either.right(changes)
}

const reader = <A, I>(schema: Schema.Schema<A, I>) => {
  const decode = Decode.reader(schema)
  return Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) =>
    Body.json(request, BODY_LIMIT).pipe(
      Effect.mapError(Errors.fromRefusal),
      Effect.flatMap((body) =>
        Either.mapLeft(decode(body), ({ issue }) => Errors.fromIssue(SchemaIssue.explain(issue)))
      )
    )
  )
}

const handlers = HttpApiBuilder.group(
  HttpApi.make("lingma-gateway").add(KeysApi),
  "keys",
  Effect.fnUntraced(function* (handlers) {
    const chat = yield* Chat
    const live = yield* LiveSettings.get
    const ring = Option.getOrUndefined(yield* Effect.serviceOption(KeyRing))
    const store = Option.getOrUndefined(yield* Effect.serviceOption(KeyStore))
    const desk =
      ring === undefined || store === undefined
        ? undefined
        : KeyDesk.make({
            store,
            others: Effect.sync(() => ring.all().filter(({ source }) => source !== "database")),
            file: Option.getOrUndefined(live.current.keysFile),
            changed: ring.refresh
          })
    const at = <A>(use: (desk: KeyDesk.KeyDesk<never>) => Effect.Effect<A, Key.KeyProblem | SqlError>) =>
      desk === undefined ? Errors.noDatabase : Effect.mapError(use(desk), told)

    /** Patterns that match nothing now may match a model that comes later. */
    const warnings = (key: Key.Key) =>
      key.models.length === 0
        ? Effect.succeed<ReadonlyArray<string>>([])
        : Effect.match(Effect.timeout(chat.models, "2 seconds"), {
            onFailure: (): ReadonlyArray<string> => [],
            onSuccess: (models) =>
              AllowedModels.unmatched(key.models, models, namesOf(live.current)).map(
                (pattern) => `no model matches ${pattern}`
              )
          })
    const made = ({ key, secret }: KeyDesk.Made) =>
      Effect.map(warnings(key), (warnings) => ({
        ...KeyView.toView(key),
        key: Redacted.value(secret),
        warnings
      }))

    const list = Effect.fnUntraced(function* () {
      const asked = yield* Listing.read(yield* Params.current)
      // A page of many is chosen among those in memory: to read ten thousand for fifty takes a tenth of a second.
      const isPage = asked.limit !== undefined && ring !== undefined
      const { data, ...page } = Listing.page(isPage ? ring.all() : yield* at((desk) => desk.list), asked)
      const keys = isPage ? yield* at((desk) => desk.fresh(data)) : data
      return { object: "list" as const, data: keys.map(KeyView.toView), ...page }
    })

    const readCreate = reader(KeyCreate)
    const create = Effect.fnUntraced(function* () {
      const { name, ...sent } = yield* readCreate
      const changes = yield* changesOf(sent)
      return yield* made(yield* at((desk) => desk.add(name, { ...Key.noLimits, ...changes })))
    })
    const readChanges = reader(KeyChanges)
    const change = Effect.fnUntraced(function* (name: string) {
      const changes = yield* changesOf(yield* readChanges)
      return KeyView.toView(yield* at((desk) => desk.set(name, changes)))
    })
    const readRotation = reader(KeyRotation)
    const rotate = Effect.fnUntraced(function* (name: string) {
      const { grace_seconds: grace = 0 } = yield* readRotation
      return yield* made(yield* at((desk) => desk.rotate(name, grace * 1000)))
    })

    return handlers
      .handle("keys", list)
      .handleRaw("createKey", () => answered(create()))
      .handle("key", ({ path }) =>
        Effect.map(
          at((desk) => desk.get(path.name)),
          KeyView.toView
        )
      )
      .handleRaw("changeKey", ({ path }) => answered(change(path.name)))
      .handleRaw("rotateKey", ({ path }) => answered(rotate(path.name)))
      .handle("revokeKey", ({ path }) =>
        Effect.map(
          at((desk) => desk.revoke(path.name)),
          KeyView.toView
        )
      )
  })
)

export const KeysHandlers = Layer.provide(handlers, adminKeys)

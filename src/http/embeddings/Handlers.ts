/**
 * Passes requests for embeddings on to the operator's API, and its answers back unchanged; 501 where none is set.
 */
import * as HttpApi from "@effect/platform/HttpApi"
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Effect, Either, Layer, Option, Redacted, Schema } from "effect"
import { derive, LiveSettings } from "../../config/LiveSettings.ts"
import { Overloaded } from "../../domain/ChatError.ts"
import * as Scoped from "../../runtime/Scoped.ts"
import { Bodies } from "../chat/Bodies.ts"
import * as Decode from "../chat/Decode.ts"
import { Admission } from "../chat/limits/Admission.ts"
import * as SchemaIssue from "../chat/SchemaIssue.ts"
import * as OpenAiChat from "../dialects/openai/OpenAiChat.ts"
import * as Errors from "../dialects/openai/OpenAiErrors.ts"
import * as OpenAiKeyCheck from "../dialects/openai/OpenAiKeyCheck.ts"
import { Auth } from "../edge/Auth.ts"
import { KeyRefused } from "../edge/EdgeError.ts"
import * as RequestId from "../edge/RequestId.ts"
import * as BodyBuffer from "../server/BodyBuffer.ts"
import { EmbeddingsApi } from "./Api.ts"
import * as Outcome from "./Outcome.ts"
import * as Upstream from "./Upstream.ts"

/** What the upstream cannot do without; the rest is for it to judge, which knows its models. */
const decode = Decode.reader(
  Schema.Struct({ model: Schema.String, input: Schema.Union(Schema.String, Schema.Array(Schema.Unknown)) })
)
/** The API of the operator, if there is one. */
const upstreamOf = derive(({ embeddingsApiKey, embeddingsTimeout: timeout, embeddingsUrl }) => {
  const apiKey = Option.getOrUndefined(embeddingsApiKey)
  const secret = apiKey === undefined ? undefined : Redacted.value(apiKey)
  return Option.map(embeddingsUrl, (url) => ({ ask: Upstream.make({ url, apiKey, timeout }), secret }))
})
const full = new Overloaded({ reason: "queue_full", retryAfter: 1 })

const handlers = HttpApiBuilder.group(
  HttpApi.make("lingma-gateway").add(EmbeddingsApi),
  "embeddings",
  Effect.fnUntraced(function* (handlers) {
    const live = yield* LiveSettings.get
    const auth = yield* Auth
    const admission = yield* Admission
    const bodies = yield* Bodies
    let inFlight = 0

    const embeddings = Effect.fnUntraced(function* () {
      const settings = live.current
      const upstream = upstreamOf(settings)
      if (Option.isNone(upstream)) return yield* Outcome.notSupported
      const { ask, secret } = upstream.value
      const request = yield* HttpServerRequest.HttpServerRequest
      const body = yield* bodies.json(request)
      yield* Either.mapLeft(decode(body), ({ issue }) => Errors.fromIssue(SchemaIssue.explain(issue)))
      const key = auth.key(request)
      // Revoked while its body arrived.
      if (key === undefined && !auth.isOpen()) return yield* new KeyRefused({ reason: "revoked" })
      const over = key === undefined ? undefined : yield* admission.judge(key)
      if (over !== undefined) return yield* over
      const memory = yield* bodies.memory(request)
      // Only what is there to be sent takes a place: a body that comes slowly keeps nobody out.
      const slot = yield* Scoped.own(
        () => (inFlight < settings.maxInFlight ? ++inFlight : undefined),
        () => inFlight--
      )
      if (slot === undefined) return yield* full
      const text = JSON.stringify(body)
      if (!memory.reserve(Math.max(0, text.length - BodyBuffer.FREE))) return yield* memory.refuse
      const asked = ask(text, yield* RequestId.current, memory.reserve)
      const answer = yield* Effect.catchAll(asked, (broken) => {
        const told: Effect.Effect<never, Errors.Failure | Overloaded> = Outcome.fromBroken(broken) ?? memory.refuse
        return Effect.zipRight(
          Effect.annotateLogs(Effect.logWarning("embeddings API failed"), { reason: broken.reason }),
          told
        )
      })
      if (answer.status !== 200) {
        yield* Effect.annotateLogs(Effect.logWarning("embeddings API failed"), { status: answer.status })
      }
      const bytes = yield* Outcome.fromAnswer(answer, secret)
      return HttpServerResponse.uint8Array(bytes, { contentType: "application/json" })
    })

    return handlers.handleRaw("embeddings", () =>
      Effect.catchAll(Effect.suspend(embeddings), (problem) => Effect.succeed(OpenAiChat.errors.respond(problem, "")))
    )
  })
)

export const EmbeddingsHandlers = Layer.provide(handlers, OpenAiKeyCheck.layer)

/**
 * Decode, open, encode. Anything longer belongs in `Codec`, `Events` or `Chat`.
 */
import { randomBytes } from "node:crypto"
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Effect, Either, Layer } from "effect"
import { Chat } from "../../Chat.ts"
import { GatewayConfig } from "../../Config.ts"
import type { ChatError } from "../../domain/ChatError.ts"
import * as Answer from "../Answer.ts"
import { Api } from "../Api.ts"
import { Bodies } from "../Bodies.ts"
import { Drain } from "../Drain.ts"
import { Images } from "../Images.ts"
import * as OpenAiBody from "../OpenAiBody.ts"
import { OpenAiKey } from "../OpenAiKey.ts"
import { Shortcuts } from "../Shortcuts.ts"
import * as Codec from "./Codec.ts"
import * as Errors from "./Errors.ts"
import * as Events from "./Events.ts"
import { dialect } from "./Fields.ts"
import * as Items from "./Items.ts"
import { ResponsesRequest } from "./Payload.ts"
import * as Resource from "./Resource.ts"
import * as Store from "./Store.ts"

const read = OpenAiBody.reader(ResponsesRequest, dialect)

const newId = (prefix: string) => `${prefix}_${randomBytes(24).toString("hex")}`

const answered = <R>(effect: Effect.Effect<HttpServerResponse.HttpServerResponse, Errors.Failure | ChatError, R>) =>
  Effect.catchAll(effect, (error) => Effect.succeed(Errors.respond(error)))

const noteSkipped = (skipped: ReadonlySet<string>) =>
  skipped.size === 0
    ? Effect.void
    : Effect.annotateLogs(Effect.logDebug("parts of a request skipped"), { skipped: [...skipped].join(", ") })

const handlers = HttpApiBuilder.group(
  Api,
  "responses",
  Effect.fnUntraced(function* (handlers) {
    const chat = yield* Chat
    const bodies = yield* Bodies
    const shortcuts = yield* Shortcuts
    const drain = yield* Drain
    const images = yield* Images
    const clock = yield* Effect.clock
    const { keepAlive, responsesStore, strictParams } = yield* GatewayConfig
    const answer = Answer.make({ drain, keepAlive })
    const store = Store.make({ capacity: responsesStore })
    const past: Codec.Past = { items: (id) => store.get(id)?.items, item: store.item }
    const now = () => Math.floor(clock.unsafeCurrentTimeMillis() / 1000)

    const create = Effect.fnUntraced(function* () {
      const { headers, ignored, payload } = yield* read(bodies, strictParams)
      const turn = yield* Codec.toTurn(payload, past)
      const pictures = yield* Effect.catchTag(images.load(Items.links(turn)), "ImageRefused", Errors.fromImage)
      const sessionId = headers["x-session-id"] ?? headers["session-id"]
      const { request, skipped, tools } = yield* Codec.toRequest({ payload, turn, pictures, past, sessionId })
      yield* noteSkipped(skipped)
      const kept = store.isOn && payload.store !== false
      const options: Events.EventsOptions = {
        fixed: Resource.toFixed({ id: newId("resp"), created: now(), payload, tools, kept }),
        named: tools.named,
        model: payload.model,
        newId,
        now,
        ...(kept ? { ended: (response) => store.put(response, [...turn.before, ...turn.now]) } : {})
      }
      const open = chat.open(request)
      if (payload.stream === true) {
        const events = Events.make(options)
        const stream = yield* answer.stream({
          open,
          headers: Answer.headersOf,
          encode: events.encode,
          failure: (error) => events.fail(Errors.inResponse(error))
        })
        return HttpServerResponse.setHeaders(stream, ignored)
      }
      const { fold, millis, run } = yield* answer.whole(open, (run) => Events.whole(options, run))
      return HttpServerResponse.unsafeJson(fold.result(), {
        headers: { ...Answer.headersOf(run), ...ignored, "openai-processing-ms": String(Math.round(millis)) }
      })
    })

    const held = (id: string) =>
      Either.map(
        Either.fromNullable(store.get(id), () => Errors.notHeld),
        ({ response }) => HttpServerResponse.unsafeJson(response)
      )

    const forgotten = (id: string) =>
      store.remove(id)
        ? Either.right(HttpServerResponse.unsafeJson({ id, object: "response", deleted: true }))
        : Either.left(Errors.notHeld)

    shortcuts.add("POST", dialect.path, answered(Effect.suspend(create)))
    return handlers
      .handleRaw("createResponse", () => answered(create()))
      .handle("response", ({ path }) => answered(Effect.suspend(() => held(path.id))))
      .handle("deleteResponse", ({ path }) => answered(Effect.suspend(() => forgotten(path.id))))
  })
)

export const ResponsesHandlers = Layer.provide(handlers, OpenAiKey.layer)

/**
 * Parts of the gateway without its HTTP: a bounded queue, a sticky choice, and chats over instances of one's own.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, Effect, Option, Stream } from "effect"
import { Backend, Chat, ChatModel, Gateway, GatewayConfig, Guard, Pool, Routing } from "lingma-gateway"

/** Routing is pure: the same key goes to the same one, and a lost one moves only its own keys. */
const candidate = (id: string): Routing.Candidate => ({ id, ready: true, inFlight: 0 })
const chosen = Routing.pick([candidate("a"), candidate("b")], { key: Option.some("conversation 1"), picks: 0 })

/** Guard bounds whatever it is put around; the second taker is refused, since nobody may wait. */
const guarded = Effect.gen(function* () {
  const guard = yield* Guard
  yield* guard.slot()
  return yield* Effect.flip(Effect.scoped(guard.slot()))
}).pipe(Effect.scoped, Effect.provide(Guard.layer({ maxInFlight: 1, queueMax: 0, queueTimeout: "1 second" })))

const instance = (id: string) =>
  Backend.fromStream({
    id,
    models: ["echo"],
    chat: ({ prompt }) => Stream.make(ChatModel.textDelta(`${id} heard ${prompt}`), ChatModel.finish("stop"))
  })

/** Chat takes the slot, the instance and the deadlines; all is given back with the scope. */
const chatted = Effect.gen(function* () {
  const chat = yield* Chat
  const run = yield* chat.open(ChatModel.request({ messages: "hello", session: "conversation 1" }))
  const text = yield* Stream.runFold(run.events, "", (all, event) =>
    event._tag === "TextDelta" ? all + event.text : all
  )
  return { text, tokens: run.tokens().completion }
}).pipe(
  Effect.scoped,
  Effect.provide(Gateway.chat),
  Effect.provide(Pool.layer([instance("a"), instance("b")])),
  Effect.provide(GatewayConfig.layer({ maxInFlight: 4 }))
)

const program = Effect.gen(function* () {
  const refused = yield* guarded
  const { text, tokens } = yield* chatted
  yield* Console.log(`${chosen.id} is chosen; ${refused.reason}; ${text} (${tokens} tokens)`)
})

program.pipe(NodeRuntime.runMain)

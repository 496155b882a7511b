/**
 * A test of code that calls a gateway: the real one over a scripted backend, on a free port, with its parts at hand.
 */
import { deepStrictEqual } from "node:assert"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, Effect, Layer, Stream } from "effect"
import { Backend, ChatError, ChatModel, Client, Gateway, Guard } from "lingma-gateway"

const scripted = Backend.fromStream({
  id: "scripted",
  models: ["auto"],
  chat: ({ prompt }) =>
    prompt === "fail"
      ? Stream.fail(new ChatError.QuotaExhausted({ instance: "scripted" }))
      : Stream.make(ChatModel.textDelta("fine"), ChatModel.finish("stop"))
})

const Test = Gateway.layerTest([scripted], { maxInFlight: 1 }).pipe(Layer.provideMerge(NodeHttpServer.layerTest))

const program = Effect.gen(function* () {
  const { openai } = yield* Client.make()
  const ask = (content: string) =>
    openai.chatCompletions({ payload: { model: "auto", messages: [{ role: "user", content }] } })
  const answer = yield* ask("work")
  deepStrictEqual(answer.choices[0]?.message.content, "fine")
  const failure = yield* Effect.flip(ask("fail"))
  deepStrictEqual(failure._tag, "OpenAiFailure")
  const { accepted, completed, failed } = yield* (yield* Guard).stats
  deepStrictEqual({ accepted, completed, failed }, { accepted: 2, completed: 1, failed: 1 })
  yield* Console.log("the test passed")
})

program.pipe(Effect.provide(Test), NodeRuntime.runMain)

/**
 * A provider of one's own behind the gateway's API: its queue, its deadlines, its dialects.
 */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpServer from "@effect/platform/HttpServer"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, Effect, Layer, Stream } from "effect"
import { Backend, ChatModel, Client, Gateway, GatewayConfig, NodeServer, Pool } from "lingma-gateway"

const Parrot = Backend.fromStream({
  id: "parrot",
  models: ["parrot-1"],
  chat: ({ prompt }) =>
    Stream.fromIterable(prompt.split(/(?<= )/)).pipe(
      Stream.map(ChatModel.textDelta),
      Stream.concat(Stream.make(ChatModel.finish("stop")))
    )
})

const App = Gateway.layerWithoutPool.pipe(
  Layer.provide(Pool.layer([Parrot])),
  Layer.provideMerge(NodeServer.layerFromConfig),
  Layer.provide(GatewayConfig.layer({ port: 0 }))
)

const program = Effect.gen(function* () {
  const baseUrl = HttpServer.formatAddress((yield* HttpServer.HttpServer).address)
  const { openai } = yield* Client.make({ baseUrl })
  const messages = [{ role: "user", content: "Polly wants a cracker" }] as const
  const answer = yield* openai.chatCompletions({ payload: { model: "parrot-1", messages } })
  yield* Console.log(`${answer.served_by} says: ${answer.choices[0]?.message.content}`)
})

program.pipe(Effect.provide([App, FetchHttpClient.layer]), NodeRuntime.runMain)

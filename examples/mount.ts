/**
 * The whole gateway inside of an app: its own routes and the gateway's on one port.
 *
 * Settings come from the environment, as for `lingma-gateway start`; without `LINGMA_BIN` the built-in emulator answers.
 */
import { createServer } from "node:http"
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpLayerRouter from "@effect/platform/HttpLayerRouter"
import * as HttpServer from "@effect/platform/HttpServer"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, Effect, Layer } from "effect"
import { Client, Gateway, GatewayConfig } from "lingma-gateway"

const Orders = HttpLayerRouter.add("GET", "/orders", HttpServerResponse.text("two orders"))

const App = HttpLayerRouter.serve(Layer.merge(Orders, Gateway.routes("/ai")), { disableLogger: true }).pipe(
  Layer.provideMerge(NodeHttpServer.layer(createServer, { host: "127.0.0.1", port: 0 })),
  Layer.provide(GatewayConfig.layerFromEnv)
)

const program = Effect.gen(function* () {
  const base = HttpServer.formatAddress((yield* HttpServer.HttpServer).address)
  const orders = yield* Effect.flatMap(HttpClient.get(`${base}/orders`), (response) => response.text)
  const { openai } = yield* Client.make({ baseUrl: `${base}/ai` })
  const messages = [{ role: "user", content: "Hello" }] as const
  const { choices } = yield* openai.chatCompletions({ payload: { model: "auto", messages } })
  const answer = choices[0]?.message.content ?? ""
  yield* Console.log(`on one port: ${orders}, and an answer of ${answer.length > 0 ? "some" : "no"} text`)
})

program.pipe(Effect.provide([App, FetchHttpClient.layer]), NodeRuntime.runMain)

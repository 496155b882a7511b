/**
 * The typed client of a gateway that runs elsewhere (`GATEWAY_URL`, `API_KEY`): lists, whole answers and streams.
 */
import * as FetchHttpClient from "@effect/platform/FetchHttpClient"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Config, Console, Effect, Option, Stream } from "effect"
import { Client } from "lingma-gateway"

const program = Effect.gen(function* () {
  const baseUrl = yield* Config.withDefault(Config.string("GATEWAY_URL"), "http://127.0.0.1:8370")
  const apiKey = yield* Config.option(Config.redacted("API_KEY"))
  const client = yield* Client.make({
    baseUrl,
    ...Option.match(apiKey, { onNone: () => ({}), onSome: (apiKey) => ({ apiKey }) })
  })

  const { data } = yield* client.openai.models()
  const messages = [{ role: "user", content: "Hello" }] as const
  const pieces = yield* client.chatStream({ model: "auto", messages }).pipe(
    Stream.map(({ choices }) => choices[0]?.delta.content ?? ""),
    Stream.filter((text) => text !== ""),
    Stream.runCollect
  )
  const unknown = yield* Effect.flip(Stream.runDrain(client.chatStream({ model: "no-such-model", messages })))
  yield* Console.log(
    `${data.length > 0 ? "models" : "no models"}; an answer in ${pieces.length > 1 ? "pieces" : "one piece"}; ${unknown.code}`
  )
})

program.pipe(Effect.provide(FetchHttpClient.layer), NodeRuntime.runMain)

/**
 * Lingma as the `LanguageModel` of `@effect/ai`, in this process: text, a stream, an object of a schema, and a toolkit.
 *
 * `[[emu …]]` tells the built-in emulator what to say; with the real Lingma (`LINGMA_BIN`) leave it out.
 */
import * as LanguageModel from "@effect/ai/LanguageModel"
import * as Tool from "@effect/ai/Tool"
import * as Toolkit from "@effect/ai/Toolkit"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Console, Effect, Layer, Schema, Stream } from "effect"
import { Gateway, GatewayConfig } from "lingma-gateway"
import * as LingmaLanguageModel from "lingma-gateway/LanguageModel"

const Lingma = LingmaLanguageModel.layer({ model: "auto" }).pipe(
  Layer.provide(Gateway.chat),
  Layer.provide(Gateway.lingmas),
  Layer.provide(GatewayConfig.layerFromEnv)
)

const Weather = Toolkit.make(
  Tool.make("weather", {
    description: "The weather of a city",
    parameters: { city: Schema.String },
    success: Schema.Struct({ degrees: Schema.Int })
  })
)
const WeatherLive = Weather.toLayer({ weather: ({ city }) => Effect.succeed({ degrees: city.length }) })

const says = (text: string) => `[[emu interval=0 text=${JSON.stringify(text).replaceAll("<", "\\u003c")}]]`

const City = Schema.Struct({ name: Schema.String, people: Schema.Int })

const program = Effect.gen(function* () {
  const text = yield* LanguageModel.generateText({ prompt: `Where is Bern? ${says("In Switzerland.")}` })
  const parts = yield* Stream.runCollect(LanguageModel.streamText({ prompt: `And Basel? ${says("There too.")}` }))
  const deltas = [...parts].filter((part) => part.type === "text-delta")
  const object = yield* LanguageModel.generateObject({
    prompt: `Bern, as an object. ${says(`{"name":"Bern","people":134000}`)}`,
    schema: City
  })
  const called = yield* LanguageModel.generateText({
    prompt: `How warm is Bern? ${says(`<tool_call>\n{"name":"weather","arguments":{"city":"Bern"}}\n</tool_call>`)}`,
    toolkit: Weather
  })
  yield* Console.log(`${text.text} (${text.finishReason}, ${text.usage.outputTokens} tokens)`)
  yield* Console.log(deltas.map(({ delta }) => delta).join(""))
  yield* Console.log(`${object.value.name} has ${object.value.people} people`)
  yield* Console.log(`${called.finishReason}: ${called.toolResults.map(({ result }) => JSON.stringify(result)).join()}`)
})

program.pipe(Effect.provide([Lingma, WeatherLive]), NodeRuntime.runMain)

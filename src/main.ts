/**
 * A running gateway: settings, log, layers and a port, until a signal comes.
 */
import * as HttpServer from "@effect/platform/HttpServer"
import { Effect, Layer, Option, Redacted } from "effect"
import { GatewayConfig, type Settings } from "./Config.ts"
import * as Gateway from "./Gateway.ts"
import * as NodeServer from "./http/NodeServer.ts"
import * as Logging from "./Logging.ts"

/** For people, so it goes to stderr; stdout is the log. */
const greeting = (base: string, settings: Settings): string => {
  const key = settings.apiKeys.length === 0 ? "any-key" : "$API_KEY"
  const lingma = Option.match(settings.lingmaBin, {
    onNone: () => "the built-in emulator answers; set LINGMA_BIN to the Lingma binary for the real one",
    onSome: (bin) => bin
  })
  const keys =
    settings.apiKeys.length === 0
      ? "none set: open to this machine; set API_KEYS to close it"
      : `${settings.apiKeys.length} set in API_KEYS`
  return `
  Lingma gateway
    base URL  ${base}/v1
    API keys  ${keys}
    Lingma    ${lingma}
    API docs  ${base}/docs

  curl -N ${base}/v1/chat/completions -H 'Content-Type: application/json' -H "Authorization: Bearer ${key}" \\
    -d '{"model":"auto","stream":true,"messages":[{"role":"user","content":"Hello"}]}'
  export OPENAI_BASE_URL=${base}/v1 OPENAI_API_KEY=${key}
`
}

const urlOf = (address: HttpServer.Address): string =>
  address._tag === "TcpAddress"
    ? `http://${address.hostname.includes(":") ? `[${address.hostname}]` : address.hostname}:${address.port}`
    : address.path

const Greeting = Layer.effectDiscard(
  Effect.gen(function* () {
    const settings = yield* GatewayConfig
    const base = urlOf((yield* HttpServer.HttpServer).address)
    yield* Effect.logInfo("gateway listening").pipe(
      Effect.annotateLogs({ baseUrl: `${base}/v1`, keys: settings.apiKeys.length, maxInFlight: settings.maxInFlight })
    )
    yield* Effect.sync(() => process.stderr.write(greeting(base, settings)))
    if (settings.apiKeys.some((key) => Redacted.value(key).length < 16)) {
      yield* Effect.logWarning("API_KEYS holds a key of less than 16 characters")
    }
  })
)

/** Serves until interrupted; fails when the settings are wrong or the port is taken. */
export const serve = Layer.launch(
  Layer.merge(Gateway.layer, Greeting).pipe(
    Layer.provide(NodeServer.layerFromConfig),
    Layer.provide(Logging.layer),
    Layer.provide(GatewayConfig.layerFromEnv)
  )
)

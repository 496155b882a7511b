/**
 * Runs the gateway: settings, logging, layers and the listening port, until interrupted.
 */
import * as HttpServer from "@effect/platform/HttpServer"
import { Effect, Layer, Option, Redacted } from "effect"
import { GatewayConfig, type Settings, settings } from "../config/Config.ts"
import { ConfigSources } from "../config/ConfigSources.ts"
import * as UnknownSettings from "../config/UnknownSettings.ts"
import * as Gateway from "../Gateway.ts"
import * as NodeServer from "../http/NodeServer.ts"
import { KeyRing, type Ring } from "../team/keys/KeyRing.ts"
import * as Logging from "./Logging.ts"
import * as Reload from "./Reload.ts"
import * as Telemetry from "./Telemetry.ts"
import * as V8Memory from "./V8Memory.ts"

/** For humans, so it goes to stderr; stdout is for the log. */
const greeting = (base: string, config: Settings, ring: Ring): string => {
  const key = ring.isOpen() ? "any-key" : "$API_KEY"
  const lingma = Option.match(config.lingmaBin, {
    onNone: () =>
      config.attach === "no"
        ? "the built-in emulator answers; set LINGMA_BIN to the Lingma binary for the real one"
        : "one that already runs (LINGMA_ATTACH)",
    onSome: (bin) => bin
  })
  const count = ring.all().length
  const keys = ring.isOpen()
    ? "none: no authentication; `lingma-gateway keys add NAME` makes one, and requires one"
    : count === 0
      ? "none any more, so nobody is let in; `lingma-gateway keys add NAME` makes one"
      : count === config.apiKeys.length
        ? `${count} set in API_KEYS`
        : `${count}: lingma-gateway keys list`
  return `
  Lingma gateway
    base URL  ${base}/v1
    API keys  ${keys}
    Lingma    ${lingma}
    API docs  ${base}/docs

  curl -N ${base}/v1/chat/completions -H 'Content-Type: application/json' -H "Authorization: Bearer ${key}" \\
    -d '{"model":"auto","stream":true,"messages":[{"role":"user","content":"Hello"}]}'
  export OPENAI_BASE_URL=${base}/v1 OPENAI_API_KEY=${key}
  export ANTHROPIC_BASE_URL=${base} ANTHROPIC_AUTH_TOKEN=${key}
`
}

const urlOf = (address: HttpServer.Address): string => {
  if (address._tag !== "TcpAddress") return address.path
  const host = address.hostname === "0.0.0.0" || address.hostname === "::" ? "127.0.0.1" : address.hostname
  return `http://${host.includes(":") ? `[${host}]` : host}:${address.port}`
}

const Greeting = Layer.effectDiscard(
  Effect.gen(function* () {
    const config = yield* GatewayConfig
    const ring = yield* KeyRing
    const base = urlOf((yield* HttpServer.HttpServer).address)
    yield* Effect.logInfo("gateway listening").pipe(
      Effect.annotateLogs({ baseUrl: `${base}/v1`, keys: ring.all().length, maxInFlight: config.maxInFlight })
    )
    const { unknown } = yield* ConfigSources
    const warnings = unknown.map((one) => `  ! ${UnknownSettings.message(one)}\n`).join("")
    yield* Effect.sync(() => process.stderr.write(`${greeting(base, config, ring)}${warnings}`))
    for (const { name, near } of unknown) {
      const hint = near === undefined ? {} : { did_you_mean: near }
      yield* Effect.annotateLogs(Effect.logWarning("unknown setting"), { setting: name, ...hint })
    }
    if (config.apiKeys.some((key) => Redacted.value(key).length < 16)) {
      yield* Effect.logWarning("API_KEYS contains a key shorter than 16 characters")
    }
  })
)

/** Removes secrets from `process.env` once they are read, so that child processes do not inherit them. */
const Forget = Layer.effectDiscard(
  Effect.zipRight(
    GatewayConfig,
    Effect.sync(() => {
      for (const { name, secret } of settings) if (secret) delete process.env[name]
    })
  )
)

/** Serves until interrupted; fails if the settings are invalid or the port is in use. */
export const serve = Layer.launch(
  // The greeting comes last, after everything that may fail at startup.
  Layer.mergeAll(Layer.provideMerge(Greeting, Gateway.layer), Forget, Reload.layer, V8Memory.layer).pipe(
    Layer.provide(NodeServer.layerFromConfig),
    Layer.provide(Telemetry.layerFromConfig),
    Layer.provide(Logging.layer),
    Layer.provide(Reload.settings)
  )
)

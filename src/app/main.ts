/**
 * Runs the gateway: settings, logging, layers and the listening port, until interrupted.
 */
import * as HttpServer from "@effect/platform/HttpServer"
import { Effect, Layer, Redacted } from "effect"
import { Pool } from "../chat/Pool.ts"
import { GatewayConfig, settings } from "../config/Config.ts"
import { ConfigSources } from "../config/ConfigSources.ts"
import * as Gateway from "../Gateway.ts"
import * as NodeServer from "../http/NodeServer.ts"
import { KeyRing } from "../team/keys/KeyRing.ts"
import * as Logging from "./Logging.ts"
import * as PortTaken from "./PortTaken.ts"
import * as Reload from "./Reload.ts"
import * as Greeting from "./screen/Greeting.ts"
import * as Telemetry from "./Telemetry.ts"
import * as V8Memory from "./V8Memory.ts"

const urlOf = (address: HttpServer.Address): string => {
  if (address._tag !== "TcpAddress") return address.path
  const host = address.hostname === "0.0.0.0" || address.hostname === "::" ? "127.0.0.1" : address.hostname
  return `http://${host.includes(":") ? `[${host}]` : host}:${address.port}`
}

/** Told once it listens, with its address. */
type Told = (base: string, greeting: Effect.Effect<string>) => Effect.Effect<unknown>

/** For people, so it goes to stderr; stdout is for the log. */
const greeted: Told = (_, greeting) => Effect.map(greeting, (text) => process.stderr.write(text))

const Listening = (told: Told) =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const config = yield* GatewayConfig
      const ring = yield* KeyRing
      const base = urlOf((yield* HttpServer.HttpServer).address)
      yield* Effect.logInfo("gateway listening").pipe(
        Effect.annotateLogs({ baseUrl: `${base}/v1`, keys: ring.all().length, maxInFlight: config.maxInFlight })
      )
      const { unknown } = yield* ConfigSources
      yield* told(base, Greeting.text({ base, config, ring, pool: yield* Pool, unknown }))
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
const serving = (told: Told) =>
  Layer.launch(
    // What is told comes last, after everything that may fail at startup.
    Layer.mergeAll(Layer.provideMerge(Listening(told), Gateway.layer), Forget, Reload.layer, V8Memory.layer).pipe(
      Layer.provide(PortTaken.explained(NodeServer.layerFromConfig)),
      Layer.provide(Telemetry.layerFromConfig),
      Layer.provide(Logging.layer),
      Layer.provide(Reload.settings)
    )
  )

export const serve = serving(greeted)

/** The same, and nothing is written: `told` is given its address. */
export const serveAnd = (told: (base: string) => Effect.Effect<unknown>) => serving(told)

/**
 * The gateway over scripted backends, on a port of its own.
 */
import * as HttpServer from "@effect/platform/HttpServer"
import { Context, Effect, Layer } from "effect"
import { Chat } from "../../src/Chat.ts"
import { GatewayConfig, type Settings } from "../../src/Config.ts"
import { Guard } from "../../src/Guard.ts"
import * as NodeServer from "../../src/http/NodeServer.ts"
import * as Server from "../../src/http/Server.ts"
import { Pool } from "../../src/Pool.ts"
import type { Scripted } from "./TestBackend.ts"

const GuardLive = Layer.unwrapEffect(Effect.map(GatewayConfig, (config) => Guard.layer(config)))

export const core = (scripted: Scripted, settings: Partial<Settings> = {}) =>
  Chat.layerFromConfig.pipe(
    Layer.provideMerge(GuardLive),
    Layer.provideMerge(Pool.layer([scripted.backend])),
    Layer.provideMerge(GatewayConfig.layer({ host: "127.0.0.1", port: 0, ...settings }))
  )

export const layer = (scripted: Scripted, settings: Partial<Settings> = {}) =>
  Server.layer.pipe(Layer.provideMerge(NodeServer.layerFromConfig), Layer.provideMerge(core(scripted, settings)))

/** Serves until the scope closes. */
export const serve = Effect.fnUntraced(function* (scripted: Scripted, settings: Partial<Settings> = {}) {
  const context = yield* Layer.build(layer(scripted, settings))
  const { address } = Context.get(context, HttpServer.HttpServer)
  const guard = Context.get(context, Guard)
  const pool = Context.get(context, Pool)
  const port = address._tag === "TcpAddress" ? address.port : 0

  /** Ends when every slot and every lease is back. */
  const drained = Effect.all([guard.stats, pool.snapshot]).pipe(
    Effect.zipLeft(Effect.sleep("1 millis")),
    Effect.repeat({
      until: ([stats, instances]) =>
        stats.inFlight === 0 && stats.queued === 0 && instances.every(({ inFlight }) => inFlight === 0)
    }),
    Effect.timeout("3 seconds")
  )

  return { port, base: `http://127.0.0.1:${port}`, guard, pool, drained }
})

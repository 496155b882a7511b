/**
 * The gateway over scripted backends, on a port of its own.
 */
import * as HttpServer from "@effect/platform/HttpServer"
import { Context, Effect, Exit, Layer, Scope } from "effect"
import { Chat } from "../../src/chat/Chat.ts"
import * as Gauges from "../../src/chat/Gauges.ts"
import { Guard } from "../../src/chat/Guard.ts"
import { Pool } from "../../src/chat/Pool.ts"
import { GatewayConfig, type Settings } from "../../src/config/Config.ts"
import * as NodeServer from "../../src/http/NodeServer.ts"
import * as Server from "../../src/http/Server.ts"
import { Metrics } from "../../src/observe/Metrics.ts"
import * as Endless from "./Endless.ts"
import * as LogLines from "./LogLines.ts"
import type { Scripted } from "./TestBackend.ts"

type Served = Pick<Scripted, "backend">

const GuardFromConfig = Layer.unwrapEffect(Effect.map(GatewayConfig, (config) => Guard.layer(config)))

/** Those of `core`, for what goes beside it. */
export const settingsOf = (settings: Partial<Settings> = {}) =>
  GatewayConfig.layer({ host: "127.0.0.1", port: 0, ...settings })

export const core = (scripted: Served, given: Partial<Settings> = {}) =>
  Layer.merge(Chat.layerFromConfig, Gauges.layer).pipe(
    Layer.provideMerge(Layer.merge(GuardFromConfig, Metrics.layer)),
    Layer.provideMerge(Pool.layer([scripted.backend])),
    Layer.provideMerge(settingsOf(given))
  )

/** Serves until the scope closes, or until `close`. */
export const serve = Effect.fnUntraced(function* (
  scripted: Served,
  settings: Partial<Settings> = {},
  server: typeof Server.layer = Server.layer
) {
  const { layer: logging, lines } = LogLines.listening()
  const scope = yield* Scope.make()
  yield* Effect.addFinalizer(() => Scope.close(scope, Exit.void))
  const context = yield* server.pipe(
    Layer.provideMerge(NodeServer.layerFromConfig),
    Layer.provideMerge(core(scripted, settings)),
    Layer.provide(logging),
    Layer.buildWithScope(scope)
  )
  const { address } = Context.get(context, HttpServer.HttpServer)
  const guard = Context.get(context, Guard)
  const pool = Context.get(context, Pool)
  const port = address._tag === "TcpAddress" ? address.port : 0
  const base = `http://127.0.0.1:${port}`

  /** Ends when every slot and every lease is back. */
  const drained = Effect.all([guard.stats, pool.snapshot]).pipe(
    Effect.zipLeft(Effect.sleep("1 millis")),
    Effect.repeat({
      until: ([stats, instances]) =>
        stats.inFlight === 0 && stats.queued === 0 && instances.every(({ inFlight }) => inFlight === 0)
    }),
    Effect.timeout("3 seconds")
  )

  const request = (path: string, init: RequestInit = {}) =>
    Effect.promise(async () => {
      const response = await fetch(base + path, init)
      const text = await Endless.textOf(path, response)
      const isJson = (response.headers.get("content-type") ?? "").startsWith("application/json")
      return {
        status: response.status,
        headers: response.headers,
        text,
        json: isJson && text !== "" ? (JSON.parse(text) as Json) : {}
      }
    })

  const chat = (body: unknown, headers: Record<string, string> = {}) =>
    request("/v1/chat/completions", {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: typeof body === "string" ? body : JSON.stringify(body)
    })

  return { port, base, guard, pool, lines, drained, request, chat, close: Scope.close(scope, Exit.void) }
})

/** A JSON object of the shapes that answers have, loose enough to be asked about. */
export interface Json {
  readonly [field: string]: unknown
  readonly error?: {
    readonly message: string
    readonly type: string
    readonly param: string | null
    readonly code: string | null
  }
  readonly choices?: ReadonlyArray<{
    readonly message: Readonly<Record<string, unknown>>
    readonly finish_reason: string
    readonly logprobs: null
  }>
}

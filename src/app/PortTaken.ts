/**
 * Says who has the port that the gateway was to listen on, and which one is free.
 */
import type * as HttpServerError from "@effect/platform/HttpServerError"
import { Data, Effect, Layer } from "effect"
import { GatewayConfig } from "../config/Config.ts"
import * as PortHolder from "./running/PortHolder.ts"

/** The message says who has the port, and what to do. */
export class PortTaken extends Data.TaggedError("PortTaken")<{ readonly message: string }> {}

/** Whether a gateway answers there; nothing of the answer is shown. */
const isGateway = (base: string) =>
  Effect.tryPromise(async (signal) => {
    const response = await fetch(`${base}/`, { signal })
    const body: unknown = await response.json()
    return typeof body === "object" && body !== null && "name" in body && body.name === "lingma-gateway"
  }).pipe(
    Effect.timeout("1 second"),
    Effect.orElseSucceed(() => false)
  )

const message = Effect.fnUntraced(function* (host: string, port: number) {
  const name = host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host
  const holder = PortHolder.of(port)
  const ours = yield* isGateway(`http://${name.includes(":") ? `[${name}]` : name}:${port}`)
  const pid = holder === undefined ? "" : ours ? ` (pid ${holder.pid})` : ` (${holder.name}, pid ${holder.pid})`
  const who = ours ? `a Lingma gateway that already runs${pid}` : `another program${pid}`
  const free = yield* PortHolder.free(host, port)
  const cure = ours ? "use that one, stop it" : "stop that"
  return `GATEWAY_PORT ${port} is taken by ${who}: ${cure}, or choose another port${free > 0 ? `, such as ${free}` : ""}`
})

/** The layer of a server, with its failure to listen explained where the port is the reason. */
export const explained = <A, R>(
  server: Layer.Layer<A, HttpServerError.ServeError, R>
): Layer.Layer<A, HttpServerError.ServeError | PortTaken, R | GatewayConfig> =>
  Layer.catchAll(server, (error) =>
    Layer.unwrapEffect(
      Effect.gen(function* () {
        const { host, port } = yield* GatewayConfig
        const isTaken = String(error.cause).includes("EADDRINUSE")
        return Layer.fail(isTaken ? new PortTaken({ message: yield* message(host, port) }) : error)
      })
    )
  )

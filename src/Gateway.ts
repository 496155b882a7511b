/**
 * The composition root: the only file that knows every layer.
 */
import { Effect, Layer } from "effect"
import { Chat } from "./Chat.ts"
import { GatewayConfig } from "./Config.ts"
import { Guard } from "./Guard.ts"
import * as Server from "./http/Server.ts"
import * as Fleet from "./lingma/Fleet.ts"
import { Pool } from "./Pool.ts"

const GuardLive = Layer.unwrapEffect(Effect.map(GatewayConfig, (config) => Guard.layer(config)))

const PoolLive = Layer.unwrapScoped(
  Effect.flatMap(GatewayConfig, (config) => Effect.map(Fleet.make(config), Pool.layer))
)

/**
 * The Node server under the gateway, for whoever drains it; none when the embedding app has its own.
 */
import type { Server } from "node:http"
import { Context } from "effect"

export class CurrentServer extends Context.Reference<CurrentServer>()("lingma-gateway/http/CurrentServer", {
  defaultValue: (): Server | undefined => undefined
}) {}

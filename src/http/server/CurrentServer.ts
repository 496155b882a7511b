/**
 * The underlying Node server, needed for draining; undefined if an embedding app provides its own.
 */
import type { Server } from "node:http"
import { Context } from "effect"

export class CurrentServer extends Context.Reference<CurrentServer>()("lingma-gateway/http/CurrentServer", {
  defaultValue: (): Server | undefined => undefined
}) {}

/**
 * Chats by a way of their own, past the router: what it does for any route costs as much as a chat's own work.
 *
 * The router knows these routes too, and answers the same.
 */
import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import type * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Context, Effect, Layer, type Scope } from "effect"
import * as AccessLog from "./AccessLog.ts"

type Request = HttpServerRequest.HttpServerRequest
type App = Effect.Effect<HttpServerResponse.HttpServerResponse, never, Request | Scope.Scope>

export class DirectRoutes extends Context.Tag("lingma-gateway/http/DirectRoutes")<
  DirectRoutes,
  {
    readonly add: (method: "POST", path: string, app: App) => void
    /** For a request whose path is written as the route is, whatever its query. Its key is still to be checked. */
    readonly find: (request: Request) => App | undefined
  }
>() {
  static readonly make = (): typeof DirectRoutes.Service => {
    const apps = new Map<string, App>()
    return {
      add: (method, path, app) => void apps.set(`${method} ${path}`, Effect.interruptible(app)),
      find: ({ method, url }) => apps.get(`${method} ${AccessLog.pathOf(url)}`)
    }
  }

  /** All by the router: what the direct way is held to. */
  static readonly none: Layer.Layer<DirectRoutes> = Layer.succeed(DirectRoutes, {
    add: () => {},
    find: () => undefined
  })

  static readonly layer: Layer.Layer<DirectRoutes> = Layer.sync(DirectRoutes, DirectRoutes.make)
}

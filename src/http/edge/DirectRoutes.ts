/**
 * Fast path for chats, bypassing the router, whose per-request overhead is as large as the chat's own work.
 *
 * The routes are registered with the router as well, and give the same answers there.
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
    /** By exact path, ignoring the query. The caller must still check the request's key. */
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

  /** No fast path, for tests that compare the two. */
  static readonly none: Layer.Layer<DirectRoutes> = Layer.succeed(DirectRoutes, {
    add: () => {},
    find: () => undefined
  })

  static readonly layer: Layer.Layer<DirectRoutes> = Layer.sync(DirectRoutes, DirectRoutes.make)
}

/**
 * Lets requests for a socket in, and has the messages of each served by the app that serves every request.
 */
import * as Headers from "@effect/platform/Headers"
import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import { Context, Duration, Effect, type Fiber, Layer } from "effect"
import type { Settings } from "../../config/Config.ts"
import type { Bodies } from "../chat/Bodies.ts"
import type { Drain } from "../server/Drain.ts"
import * as NodeRequest from "../server/NodeRequest.ts"
import { Takeover } from "../server/Send.ts"
import type * as Unread from "../server/Unread.ts"
import * as Connection from "./Connection.ts"
import { SLACK } from "./Intake.ts"
import type { Protocol } from "./Protocol.ts"
import * as Upgrade from "./Upgrade.ts"

type Serve = (request: HttpServerRequest.HttpServerRequest) => Fiber.RuntimeFiber<void>

const makeApp = () => {
  let bound: Serve | undefined
  return {
    bind: (serve: Serve) => {
      bound = serve
    },
    serve: () => bound
  }
}

/**
 * The app as a whole, for requests that come over sockets: it is made of what lets sockets in, so it is told later.
 * Never where an embedding app serves: its server has no sockets of ours.
 */
export class MessageApp extends Context.Reference<MessageApp>()("lingma-gateway/http/MessageApp", {
  defaultValue: makeApp
}) {
  static readonly layer: Layer.Layer<MessageApp> = Layer.sync(MessageApp, makeApp)
}

export const times: Omit<Connection.Times, "arriving"> = {
  // OpenAI's own limit, and named as such by clients.
  age: 60 * 60_000,
  idle: 30 * 60_000,
  look: 30_000,
  patience: 30_000
}

/** Said of one request, not of the messages that follow. */
const ofHandshake = /^(?:connection|upgrade|sec-websocket-.*|content-.*|transfer-encoding|expect|x-request-id)$/

const headersOf = ({ headers }: HttpServerRequest.HttpServerRequest): Headers.Headers =>
  Headers.fromInput([
    ...Object.entries(headers).filter(([name]) => !ofHandshake.test(name)),
    ["content-type", "application/json"]
  ])

export interface SocketsOptions {
  readonly protocol: Protocol
  readonly app: typeof MessageApp.Service
  readonly backlog: Unread.Backlog
  readonly bodies: typeof Bodies.Service
  readonly drain: typeof Drain.Service
  readonly config: Pick<Settings, "requestTimeout">
  readonly times?: Partial<Connection.Times>
}

export interface Sockets {
  /** What takes the connection over, where one is asked for that there is. */
  readonly of: (request: HttpServerRequest.HttpServerRequest) => Takeover | undefined
}

export const make = ({ app, backlog, bodies, config, drain, protocol, times: own }: SocketsOptions): Sockets => {
  const shake = Upgrade.handshakes({ maxPayload: 2 * bodies.limit() + 2 * SLACK })
  const arriving = Duration.toMillis(config.requestTimeout)

  const takeover = (request: HttpServerRequest.HttpServerRequest, offer: Upgrade.Offer, serve: Serve) =>
    new Takeover((node, answer) => {
      const id = answer["x-request-id"] ?? ""
      return Effect.flatMap(shake(node, offer, { "x-request-id": id }), (ws) =>
        ws === undefined
          ? Effect.void
          : Connection.run({
              ...offer,
              ws,
              serve,
              protocol,
              backlog,
              drain,
              headers: headersOf(request),
              nameOf: (count) => `${id}.${count}`,
              limit: bodies.limit(),
              reservation: () => bodies.reservation(request),
              times: { ...times, arriving, ...own }
            })
      )
    })

  return {
    of: (request) => {
      const node = NodeRequest.fromRequest(request)
      const offer = node === undefined ? undefined : Upgrade.offerOf(node)
      const serve = app.serve()
      return offer === undefined || serve === undefined ? undefined : takeover(request, offer, serve)
    }
  }
}

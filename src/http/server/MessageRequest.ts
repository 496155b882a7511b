/**
 * A message of a socket as the request that it stands for: it passes edge and endpoint as a POST does, and its answer
 * goes back over the socket.
 */
import type * as Headers from "@effect/platform/Headers"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import type * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import type { Effect } from "effect"
import type { Source } from "./Sse.ts"

/** What messages come over, for whoever keeps something by it. */
export interface Connection {
  /** Calls at once where it is closed already. */
  readonly onClose: (forget: () => void) => void
}

/** Why the message's bytes are not there. */
export type Unread = "too_large" | "malformed" | "not_reserved"

export interface Message {
  readonly connection: Connection
  readonly bytes: Uint8Array
  readonly unread: Unread | undefined
  /** The name that its answer bears, once it was read. */
  label: string | undefined
  /** Sends its answer, once: what comes after the first is dropped. */
  readonly deliver: (response: HttpServerResponse.HttpServerResponse, source: Source | undefined) => Effect.Effect<void>
}

const message: unique symbol = Symbol("lingma-gateway/http/server/MessageRequest")

/** The message that a request stands for, if it does. */
export const of = ({ source }: HttpServerRequest.HttpServerRequest): Message | undefined =>
  (source as { readonly [message]?: Message })[message]

/** The first one loads what `Request` is made of: no class of ours extends it, since that takes 50 ms of each start. */
export const make = (path: string, headers: Headers.Headers, of: Message): HttpServerRequest.HttpServerRequest => {
  const source = Object.assign(new Request(`http://localhost${path}`, { method: "POST" }), { [message]: of })
  return HttpServerRequest.fromWeb(source).modify({ url: path, headers })
}

/**
 * Access to Node's request and response behind a platform request.
 */
import { IncomingMessage, type ServerResponse } from "node:http"
import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as NodeHttpServerRequest from "@effect/platform-node/NodeHttpServerRequest"
import { Effect } from "effect"

export interface NodeRequest {
  readonly incoming: IncomingMessage
  readonly outgoing: ServerResponse
}

/** Undefined on other servers, such as a Fetch handler. */
export const fromRequest = (request: HttpServerRequest.HttpServerRequest): NodeRequest | undefined =>
  request.source instanceof IncomingMessage
    ? { incoming: request.source, outgoing: NodeHttpServerRequest.toServerResponse(request) }
    : undefined

/**
 * The "error" listener that every stream needs. One shared function: Node retains a stream for a while after its
 * request, and a closure would retain its whole scope.
 */
export const ignore = (): void => {}

const waiting = new WeakSet<IncomingMessage>()

/** Marks a client that waits for `100 Continue` before it sends the body. */
export const holdBack = (incoming: IncomingMessage): void => {
  waiting.add(incoming)
}

/** Sends `100 Continue` if the client waits for it. */
export const proceed = ({ incoming, outgoing }: NodeRequest): void => {
  if (waiting.delete(incoming)) outgoing.writeContinue()
}

/** Max size of an unread body that is drained to keep the connection alive. */
const SMALL = 64 * 1024

/** Whether the request body is unread and large, of unknown size, or waiting for `100 Continue`. */
export const isUnread = ({ incoming }: NodeRequest): boolean => {
  if (incoming.complete) return false
  if (waiting.has(incoming)) return true
  const { "content-length": length, "transfer-encoding": coding } = incoming.headers
  return coding !== undefined || Number(length ?? 0) > SMALL
}

/** How long a rejected body is drained: closing the socket while the client sends would lose the response. */
const LINGER = 2_000

/** Discards the rest of a body; completes when the connection may be closed. */
export const discarded = ({ incoming }: NodeRequest): Effect.Effect<void> =>
  Effect.async<void>((resume) => {
    if (incoming.complete || incoming.destroyed || waiting.has(incoming)) return resume(Effect.void)
    const over = () => {
      stop()
      resume(Effect.void)
    }
    // Node's timer: it races events of the socket.
    const timer = setTimeout(over, LINGER)
    const stop = () => {
      clearTimeout(timer)
      incoming.off("end", over).off("close", over)
    }
    incoming.on("error", ignore).on("end", over).on("close", over).resume()
    return Effect.sync(stop)
  })

/**
 * Node's own request and response behind a platform request, where there are any.
 */
import { IncomingMessage, type ServerResponse } from "node:http"
import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as NodeHttpServerRequest from "@effect/platform-node/NodeHttpServerRequest"
import { Effect } from "effect"

export interface NodeRequest {
  readonly incoming: IncomingMessage
  readonly outgoing: ServerResponse
}

/** Undefined on any other server, as in a Fetch handler. */
export const fromRequest = (request: HttpServerRequest.HttpServerRequest): NodeRequest | undefined =>
  request.source instanceof IncomingMessage
    ? { incoming: request.source, outgoing: NodeHttpServerRequest.toServerResponse(request) }
    : undefined

/**
 * For the "error" listener that a stream must have. Made once: Node keeps a stream for a while after its request, and
 * a listener made where it is added would keep all that is in sight there.
 */
export const ignore = (): void => {}

const waiting = new WeakSet<IncomingMessage>()

/** The client holds its body back until it is asked for. */
export const holdBack = (incoming: IncomingMessage): void => {
  waiting.add(incoming)
}

/** Asks for a body that is held back. */
export const proceed = ({ incoming, outgoing }: NodeRequest): void => {
  if (waiting.delete(incoming)) outgoing.writeContinue()
}

/** Bodies up to this size are read on after an answer that did not want them, and the connection is kept. */
const SMALL = 64 * 1024

/** Whether an answer given now comes before a body that is large, of unknown size, or held back. */
export const isUnread = ({ incoming }: NodeRequest): boolean => {
  if (incoming.complete) return false
  if (waiting.has(incoming)) return true
  const { "content-length": length, "transfer-encoding": coding } = incoming.headers
  return coding !== undefined || Number(length ?? 0) > SMALL
}

/** How long a refused body is read on. A socket that is closed under the sender loses the answer. */
const LINGER = 2_000

/** Drops what still comes of a body; once it is over, the connection may close. */
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

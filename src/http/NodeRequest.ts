/**
 * Node's own request and response behind a platform request, where there are any.
 */
import { IncomingMessage, type ServerResponse } from "node:http"
import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as NodeHttpServerRequest from "@effect/platform-node/NodeHttpServerRequest"

export interface NodeRequest {
  readonly incoming: IncomingMessage
  readonly outgoing: ServerResponse
}

/** Undefined on any other server, as in a Fetch handler. */
export const fromRequest = (request: HttpServerRequest.HttpServerRequest): NodeRequest | undefined =>
  request.source instanceof IncomingMessage
    ? { incoming: request.source, outgoing: NodeHttpServerRequest.toServerResponse(request) }
    : undefined

/**
 * Sends responses on Node: written whole or pushed, without waiting for the client to read them.
 *
 * The platform keeps the request's scope open until the last byte has left the process: a slow reader could block it,
 * and the shutdown, indefinitely.
 */
import type { ServerResponse } from "node:http"
import type { PreResponseHandler } from "@effect/platform/HttpApp"
import * as HttpBody from "@effect/platform/HttpBody"
import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { type Cause, Effect } from "effect"
import * as MessageRequest from "./MessageRequest.ts"
import * as NodeRequest from "./NodeRequest.ts"
import * as Sse from "./Sse.ts"
import * as SseWriter from "./SseWriter.ts"
import type * as Unread from "./Unread.ts"

/** A body that takes the connection over, in place of an answer; ends when it is done with it. */
export class Takeover {
  readonly run: (node: NodeRequest.NodeRequest, headers: Readonly<Record<string, string>>) => Effect.Effect<void>
  constructor(run: Takeover["run"]) {
    this.run = run
  }
}

const sourceOf = ({ body }: HttpServerResponse.HttpServerResponse): Sse.Source | undefined =>
  body._tag === "Raw" && body.body instanceof Sse.SseBody ? body.body.source : undefined

const portable = (response: HttpServerResponse.HttpServerResponse, source: Sse.Source) =>
  HttpServerResponse.setBody(
    response,
    HttpBody.stream(Sse.toStream(source), response.headers["content-type"] ?? "text/event-stream")
  )

const ended = (
  outgoing: ServerResponse,
  response: HttpServerResponse.HttpServerResponse,
  last?: Uint8Array | string
): HttpServerResponse.HttpServerResponse => {
  outgoing.end(last)
  SseWriter.linger(outgoing)
  return response
}

const send = (
  backlog: Unread.Backlog,
  request: HttpServerRequest.HttpServerRequest,
  response: HttpServerResponse.HttpServerResponse
) =>
  Effect.suspend(() => {
    const source = sourceOf(response)
    const message = MessageRequest.of(request)
    if (message !== undefined) return Effect.as(message.deliver(response, source), response)
    const node = NodeRequest.fromRequest(request)
    if (node === undefined) return Effect.succeed(source === undefined ? response : portable(response, source))
    const { outgoing } = node
    // Second call after a defect in the first: the response can no longer be changed.
    if (outgoing.headersSent || outgoing.writableEnded || outgoing.destroyed) return Effect.succeed(response)
    if (response.body._tag === "Raw" && response.body.body instanceof Takeover) {
      return Effect.as(response.body.body.run(node, response.headers), response)
    }
    if (source !== undefined) {
      outgoing.writeHead(response.status, response.headers)
      if (request.method === "HEAD") return Effect.succeed(ended(outgoing, response))
      return Effect.as(SseWriter.write(outgoing, source, backlog), response)
    }
    const { body } = response
    if (body._tag !== "Uint8Array" && body._tag !== "Empty") return Effect.succeed(response)
    const closes = response.headers["connection"] === "close" || NodeRequest.isUnread(node)
    outgoing.writeHead(response.status, closes ? { ...response.headers, connection: "close" } : response.headers)
    const bytes = body._tag === "Empty" || request.method === "HEAD" ? "" : body.body
    if (!closes) return Effect.succeed(ended(outgoing, response, bytes))
    outgoing.write(bytes)
    return Effect.map(NodeRequest.discarded(node), () => ended(outgoing, response))
  })

/**
 * The last pre-response handler: the response it receives is final. `broken` makes the replacement for one that cannot
 * be sent, such as with an invalid header; not possible once headers were sent.
 */
export const handler =
  (
    backlog: Unread.Backlog,
    broken: <E>(cause: Cause.Cause<E>) => Effect.Effect<HttpServerResponse.HttpServerResponse>
  ): PreResponseHandler =>
  (request, response) =>
    Effect.catchAllCause(send(backlog, request, response), (cause) =>
      NodeRequest.fromRequest(request)?.outgoing.headersSent === false
        ? Effect.flatMap(broken(cause), (response) => send(backlog, request, response))
        : Effect.failCause(cause)
    )

/**
 * Responses, for the registry, with what is spoken over its sockets. Its errors at the edge are those of every path of
 * OpenAI's.
 */
import { ResponseStreamEvent, ResponsesApi } from "./Api.ts"
import { support } from "./Fields.ts"
import { protocol } from "./socket/Socket.ts"

export const dialect = {
  api: ResponsesApi,
  support,
  events: ResponseStreamEvent,
  socket: { ...protocol, path: support.path }
}

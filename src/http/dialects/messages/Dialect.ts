/**
 * The registry's record of Messages: its routes, the requests it claims at the edge, and its errors there.
 */
import type { Dialect } from "../../edge/Dialect.ts"
import * as PathSegment from "../../edge/PathSegment.ts"
import { MessageStreamEvent, MessagesApi, MODELS } from "./Api.ts"
import * as Errors from "./Errors.ts"
import { support } from "./Fields.ts"

const under = (path: string, root: string) => path === root || path.startsWith(`${root}/`)

const LISTED = "/v1/models"

/** The last two are paths of clients with a wrong base URL. */
const claimed = ["/v1/messages", MODELS, "/v1/v1/messages", "/messages"]

const idRoots = [`${MODELS}/`]

/** OpenAI lists models at the same path; the `anthropic-version` header tells the two apart. */
const edge: Dialect = {
  claims: (path, headers) =>
    claimed.some((root) => under(path, root)) || (under(path, LISTED) && headers["anthropic-version"] !== undefined),
  idRoots,
  route: (url) => PathSegment.under(idRoots, url.startsWith(LISTED) ? MODELS + url.slice(LISTED.length) : url),
  respond: Errors.respond,
  headers: (requestId) => ({ "request-id": requestId })
}

export const dialect = { api: MessagesApi, support, events: MessageStreamEvent, edge }

/**
 * Which requests are Anthropic's, where they go, and how the edge answers them.
 */
import type { Dialect } from "../Dialect.ts"
import * as Segment from "../Segment.ts"
import { MODELS } from "./Api.ts"
import * as Errors from "./Errors.ts"

const under = (path: string, root: string) => path === root || path.startsWith(`${root}/`)

const LISTED = "/v1/models"

/** Both list models at the same path: the header tells who asks. */
export const dialect: Dialect = {
  claims: (path, headers) =>
    under(path, "/v1/messages") ||
    under(path, MODELS) ||
    (under(path, LISTED) && headers["anthropic-version"] !== undefined),
  route: (url) => Segment.last(url.startsWith(LISTED) ? MODELS + url.slice(LISTED.length) : url, `${MODELS}/`),
  respond: Errors.respond,
  headers: (requestId) => ({ "request-id": requestId })
}

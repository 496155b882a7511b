/**
 * The dialects that are served, each told once: the API, the edge, the capabilities and the docs go by this list.
 *
 * Nothing here answers a request, so clients can import it; `Handlers.ts` is the list of what does.
 */
import type * as HttpApi from "@effect/platform/HttpApi"
import type * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import { Array as Arr, type Schema } from "effect"
import type * as FieldSupport from "../chat/FieldSupport.ts"
import type * as Edge from "../edge/Dialect.ts"
import type { Protocol } from "../socket/Protocol.ts"
import { dialect as chatCompletions, fallback } from "./chat-completions/Dialect.ts"
import { dialect as completions } from "./completions/Dialect.ts"
import { dialect as messages } from "./messages/Dialect.ts"
import { dialect as responses } from "./responses/Dialect.ts"

interface Dialect {
  /** Its routes. */
  readonly api: HttpApiGroup.HttpApiGroup.Any
  /** The path of its chats, and what becomes of each field. */
  readonly support: FieldSupport.Dialect
  /** What the frames of a stream hold. */
  readonly events: Schema.Schema.All
  /** Which requests it words the failures of; without it they are worded as OpenAI's. */
  readonly edge?: Edge.Dialect
  /** For a dialect that is also served over WebSockets. */
  readonly socket?: Protocol
}

export const all = [chatCompletions, responses, messages, completions] as const satisfies ReadonlyArray<Dialect>

const list: ReadonlyArray<Dialect> = all

export const support = list.map(({ support }) => support)

export const events = list.map(({ events }) => events)

/** The first that claims a request words its failures; the last claims all. */
export const edge: Edge.Dialects = Arr.append(
  list.flatMap(({ edge }) => edge ?? []),
  fallback
)

/** The one dialect that is also served over WebSockets. */
export const socket: Protocol = responses.socket

/** Where ids are that may hold slashes. */
export const idRoots = edge.flatMap(({ idRoots }) => idRoots)

const [first, ...rest] = all
type Group = (typeof all)[number]["api"]

/** The API with the routes of all dialects. */
export const addTo = <Id extends string, Groups extends HttpApiGroup.HttpApiGroup.Any, E, R>(
  api: HttpApi.HttpApi<Id, Groups, E, R>
): HttpApi.HttpApi<Id, Groups | Group, E, R> =>
  rest.reduce<HttpApi.HttpApi<Id, Groups | Group, E, R>>((added, { api }) => added.add(api), api.add(first.api))

/**
 * The routes of OpenAI's conversations, over those in the caller's store. Without other effects than changes to the
 * store.
 */
import { Either } from "effect"
import * as EitherFn from "../../../runtime/EitherFn.ts"
import * as Errors from "./Errors.ts"
import * as Items from "./Items.ts"
import * as HostedItems from "./request/HostedItems.ts"
import type * as Kinds from "./request/Kinds.ts"
import type { Loose } from "./request/Loose.ts"
import * as Tools from "./request/Tools.ts"
import type { Conversation, Own } from "./Store.ts"

type Checked<A> = Kinds.Checked<A>

/** Ids and times for new items and conversations. */
export interface Making {
  readonly newId: (prefix: string) => string
  /** Seconds since 1970. */
  readonly now: () => number
}

const prefixes: Readonly<Record<string, string>> = { message: "msg", function_call: "fc", reasoning: "rs" }

/** The content of a message as parts; a single text becomes one part. */
const parts = ({ content, role }: Loose) => {
  const type = role === "assistant" ? "output_text" : "input_text"
  const more = role === "assistant" ? { annotations: [], logprobs: [] } : {}
  return typeof content === "string" ? [{ type, text: content, ...more }] : (content ?? [])
}

/** The id of a local shell's output may be that of its call, and is kept. */
const namesByItsId = (type: string): boolean => type === "local_shell_call_output"

/** Items as stored: with a type, an id that differs from those in `before`, and complete messages. */
const held = (items: ReadonlyArray<Loose>, before: ReadonlyArray<Loose>, { newId }: Making): ReadonlyArray<Loose> => {
  const taken = new Set(before.map(({ id }) => id))
  return items.map((item) => {
    const type = Items.kindOf(item)
    const own = item["id"]
    const isOwn = typeof own === "string" && (namesByItsId(type) || !taken.has(own))
    const id = isOwn ? own : newId(prefixes[type] ?? "item")
    taken.add(id)
    return type === "message" ? { status: "completed", ...item, id, type, content: parts(item) } : { ...item, id, type }
  })
}

const nobody: Kinds.Skip = () => {}
const anyPicture = { mediaType: "image/png", data: "" }

/** Validates items as a later response would, without loading pictures: an invalid one would fail all of those. */
const read = EitherFn.fn(function* (turn: Items.Turn): EitherFn.Return<void, Errors.Failure> {
  const { named } = yield* Tools.read({ model: "auto" }, nobody, Items.tools(turn))
  const pictures = new Map(Items.links(turn).map(({ param }) => [param, anyPicture]))
  const { configuration } = yield* Items.read(turn, { pictures, named, skip: nobody })
  yield* Tools.toFormat(configuration.format)
})

/** Validated items of known kinds; references are replaced by the items they name. */
const checked = EitherFn.fn(function* (
  items: ReadonlyArray<Loose>,
  before: ReadonlyArray<Loose>,
  own: Own,
  making: Making
): EitherFn.Return<ReadonlyArray<Loose>, Errors.Failure> {
  const all: Array<Loose> = []
  for (const [i, given] of items.entries()) {
    const path = ["items", i]
    const item = yield* Items.resolved(given, path, own.item)
    const kind = Items.kindOf(item)
    let isKnown = true
    if (!HostedItems.isHosted(kind)) {
      yield* Items.readItem(item, kind, path, () => {
        isKnown = false
      })
    }
    if (!isKnown) return yield* Either.left(Errors.unknownItem(path))
    all.push(item)
  }
  yield* read({ before: [], now: all, field: "items" })
  return held(all, before, making)
})

const shown = ({ created_at, id, metadata }: Conversation) => ({ id, object: "conversation", created_at, metadata })

const kept = (own: Own, conversation: Conversation): Checked<Conversation> =>
  own.conversations.put(conversation) ? Either.right(conversation) : Either.left(Errors.notKept)

const found = (own: Own, id: string): Checked<Conversation> =>
  Either.fromNullable(own.conversations.get(id), () => Errors.conversationNotHeld("conversation_id"))

interface Written {
  readonly items?: ReadonlyArray<Loose> | null | undefined
  readonly metadata?: Readonly<Record<string, string>> | null | undefined
}

export const create = EitherFn.fn(function* (own: Own, { items, metadata }: Written, making: Making) {
  const conversation: Conversation = {
    id: making.newId("conv"),
    created_at: making.now(),
    metadata: metadata ?? {},
    items: yield* checked(items ?? [], [], own, making)
  }
  return shown(yield* kept(own, conversation))
})

export const retrieve = (own: Own, id: string) => Either.map(found(own, id), shown)

export const update = EitherFn.fn(function* (own: Own, id: string, { metadata }: Written) {
  const conversation = yield* found(own, id)
  return shown(yield* kept(own, { ...conversation, metadata: metadata ?? {} }))
})

export const remove = (own: Own, id: string) =>
  own.conversations.remove(id)
    ? Either.right({ id, object: "conversation.deleted", deleted: true })
    : Either.left(Errors.conversationNotHeld("conversation_id"))

const list = (data: ReadonlyArray<Loose>, has_more = false) => ({
  object: "list",
  data,
  first_id: data[0]?.["id"] ?? null,
  last_id: data.at(-1)?.["id"] ?? null,
  has_more
})

export const addItems = EitherFn.fn(function* (own: Own, id: string, { items }: Written, making: Making) {
  const conversation = yield* found(own, id)
  const added = yield* checked(items ?? [], conversation.items, own, making)
  yield* kept(own, { ...conversation, items: [...conversation.items, ...added] })
  return list(added)
})

const MOST_LISTED = 100

const limitOf = (written: string | null): Checked<number> => {
  const limit = written === null ? 20 : Number(written)
  return Number.isInteger(limit) && limit >= 1 && limit <= MOST_LISTED
    ? Either.right(limit)
    : Either.left(Errors.wrongLimit(MOST_LISTED))
}

/** Newest first unless `order` is `asc`, starting after the item `after`. */
export const listItems = EitherFn.fn(function* (own: Own, id: string, query: URLSearchParams) {
  const { items } = yield* found(own, id)
  const limit = yield* limitOf(query.get("limit"))
  const ordered = query.get("order") === "asc" ? items : items.toReversed()
  const after = query.get("after")
  const at = after === null ? 0 : ordered.findIndex((item) => item["id"] === after) + 1
  if (after !== null && at === 0) return yield* Either.left(Errors.itemNotHeld("after"))
  return list(ordered.slice(at, at + limit), at + limit < ordered.length)
})

export const item = EitherFn.fn(function* (own: Own, id: string, itemId: string) {
  const { items } = yield* found(own, id)
  const one = items.find((item) => item["id"] === itemId)
  return yield* Either.fromNullable(one, () => Errors.itemNotHeld("item_id"))
})

export const removeItem = EitherFn.fn(function* (own: Own, id: string, itemId: string) {
  yield* item(own, id, itemId)
  const conversation = yield* found(own, id)
  const items = conversation.items.filter((item) => item["id"] !== itemId)
  return shown(yield* kept(own, { ...conversation, items }))
})

/**
 * Appends an answer, unless the conversation was deleted meanwhile. Requests for a summary are not stored.
 *
 * If the answer does not fit, the client cannot be told any more, because it has the answer already. The conversation
 * is deleted then: without that turn, later answers would be wrong unnoticed.
 */
export const append = (own: Own, id: string, items: ReadonlyArray<Loose>, making: Making): void => {
  const conversation = own.conversations.get(id)
  if (conversation === undefined) return
  const said = items.filter((item) => item["type"] !== "compaction_trigger")
  const added = held(said, conversation.items, making)
  if (!own.conversations.put({ ...conversation, items: [...conversation.items, ...added] }))
    own.conversations.remove(id)
}

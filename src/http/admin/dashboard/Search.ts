/**
 * Which chats are asked for, and the page of them: those in memory, which the ledger may not hold yet, and those of the
 * ledger.
 */
import type { SqlError } from "@effect/sql/SqlError"
import { Effect, Either, Option } from "effect"
import * as Days from "../../../domain/usage/Days.ts"
import type { ChatRecord } from "../../../observe/Metrics.ts"
import * as EitherFn from "../../../runtime/EitherFn.ts"
import type { Filter, History, Page, Place } from "../../../team/ledger/ChatHistory.ts"
import * as Rows from "../../../team/ledger/Rows.ts"
import type { Failure } from "../../dialects/openai/OpenAiFailure.ts"
import * as Params from "../Params.ts"
import { type ChatList, outcomes, PAGE } from "./ChatRow.ts"
import { toRow } from "./ToRow.ts"

export interface Asked {
  readonly filter: Filter
  readonly before: Place | undefined
  readonly limit: number
}

const LONGEST = 256
const DATE_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d)$/
const CURSOR = /^(\d{1,15})\.([\w.-]{1,128})$/

const time = (params: URLSearchParams, name: string, days: Days.Days): Either.Either<number | undefined, Failure> => {
  const text = params.get(name) ?? ""
  if (text === "") return Either.right(undefined)
  const millis = Days.isDay(text) ? days.start(text) : DATE_TIME.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(millis)
    ? Either.left(Params.invalid(name, "expected a date such as 2026-11-28 or 2026-11-28T10:00:00Z"))
    : Either.right(millis)
}

const placeOf = (params: URLSearchParams): Either.Either<Place | undefined, Failure> => {
  const text = params.get("before") ?? ""
  if (text === "") return Either.right(undefined)
  const [, endedAt, id] = CURSOR.exec(text) ?? []
  return endedAt === undefined || id === undefined
    ? Either.left(Params.invalid("before", "expected the 'next' of a page"))
    : Either.right({ endedAt: Number(endedAt), id })
}
const cursorOf = ({ endedAt, id }: Place) => `${endedAt}.${id}`

export const read = EitherFn.fn(function* (params: URLSearchParams, days: Days.Days): EitherFn.Return<Asked, Failure> {
  const outcome = params.get("outcome")
  const filter: Filter = {
    key: yield* Params.text(params, "key", LONGEST),
    model: yield* Params.text(params, "model", LONGEST),
    outcome:
      outcome === null || outcome === "" ? undefined : yield* Params.one(params, "outcome", outcomes, "completed"),
    instance: yield* Params.text(params, "instance", LONGEST),
    id: (yield* Params.text(params, "id", LONGEST))?.toLowerCase(),
    since: yield* time(params, "since", days),
    until: yield* time(params, "until", days)
  }
  const limit = Option.getOrElse(yield* Params.integer(params, "limit", 1, PAGE.most), () => PAGE.usual)
  return { filter, limit, before: yield* placeOf(params) }
})

const isMeant =
  ({ id, instance, key, model, outcome, since, until }: Filter) =>
  (row: Rows.ChatRow): boolean =>
    (key === undefined || row.keyName === key) &&
    (model === undefined || row.model === model || row.modelAsked === model) &&
    (outcome === undefined || row.outcome === outcome) &&
    (instance === undefined || row.instance === instance) &&
    (id === undefined || row.requestId.toLowerCase().includes(id) || row.id.toLowerCase().includes(id)) &&
    (since === undefined || row.endedAt >= since) &&
    (until === undefined || row.endedAt < until)

const compare = (a: Place, b: Place) => b.endedAt - a.endedAt || (a.id < b.id ? 1 : a.id > b.id ? -1 : 0)

/** What is in memory, and what the ledger gave; undefined where it could not be read, or there is none. */
export const merged = (
  { before, filter, limit }: Asked,
  ended: ReadonlyArray<Rows.ChatRow>,
  ledger: Page | undefined
): Omit<typeof ChatList.Type, "object" | "ledger"> => {
  const end = ledger?.searched
  const inMemory = ended.filter(
    (row) =>
      (before === undefined || compare(before, row) < 0) &&
      // Beyond it, there may be rows of the ledger in between.
      (end === undefined || compare(row, end) <= 0) &&
      isMeant(filter)(row)
  )
  const rows = new Map([...(ledger?.rows ?? []), ...inMemory].map((row) => [row.id, row]))
  const all = [...rows.values()].sort(compare)
  const data = all.slice(0, limit)
  const last = all.length > limit ? data.at(-1) : end
  return {
    data: data.map(toRow),
    next: last === undefined ? null : cursorOf(last),
    searched_until: last === undefined ? null : new Date(last.endedAt).toISOString()
  }
}

/** `host` as the rows of this gateway bear it. */
export const page = Effect.fnUntraced(function* (
  asked: Asked,
  ended: ReadonlyArray<ChatRecord>,
  history: History | undefined
): Effect.fn.Return<typeof ChatList.Type> {
  const rows = ended.map((chat) => Rows.of(chat, history?.host ?? ""))
  if (history === undefined) return { object: "list", ...merged(asked, rows, undefined), ledger: "none" }
  const read = history.page(asked.filter, asked.before, asked.limit)
  const found = yield* Effect.catchAll(read, (error: SqlError) =>
    Effect.as(Effect.logWarning("chats not read from the ledger", error), undefined)
  )
  return {
    object: "list",
    ...merged(asked, rows, found),
    ledger: found === undefined ? "unavailable" : history.kind
  }
})

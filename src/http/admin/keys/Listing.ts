/**
 * Which of the keys are told, in pages by name: a team may have ten thousand of them.
 */
import { Option } from "effect"
import * as EitherFn from "../../../runtime/EitherFn.ts"
import type { Key } from "../../../team/keys/Key.ts"
import type { Failure } from "../../dialects/openai/OpenAiFailure.ts"
import * as Params from "../Params.ts"
import { MOST_KEYS } from "./Api.ts"

export interface Asked {
  readonly search: string
  /** Undefined: all of them. */
  readonly limit: number | undefined
  /** The last name of the page before. */
  readonly after: string | undefined
}

/** What is searched for, at most. */
const LONGEST = 128

export const read = EitherFn.fn(function* (given: URLSearchParams): EitherFn.Return<Asked, Failure> {
  const limit = Option.getOrUndefined(yield* Params.integer(given, "limit", 1, MOST_KEYS))
  const search = yield* Params.text(given, "search", LONGEST)
  return { search: (search ?? "").toLowerCase(), limit, after: yield* Params.text(given, "after", LONGEST) }
})

const byName = (a: Key, b: Key) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0)

export const page = (keys: ReadonlyArray<Key>, { after, limit, search }: Asked) => {
  const isMeant = ({ id, lastFour, name }: Key) =>
    search === "" || [id, lastFour, name].some((text) => text.toLowerCase().includes(search))
  const found = keys.filter(isMeant)
  if (limit === undefined && after === undefined) return { data: found, total: found.length, next: null }
  const rest = found.toSorted(byName).filter(({ name }) => after === undefined || name > after)
  const data = limit === undefined ? rest : rest.slice(0, limit)
  return { data, total: found.length, next: data.length < rest.length ? (data.at(-1)?.name ?? null) : null }
}

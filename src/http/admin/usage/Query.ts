/**
 * What is asked of the usage API, read from the URL; lists as OpenAI's clients write them: `models[]=a`, `models=a&models=b`.
 */
import { Either, Option } from "effect"
import * as EitherFn from "../../../runtime/EitherFn.ts"
import type { Query, Width } from "../../../team/ledger/UsageBuckets.ts"
import { badRequest, type Failure, unsupported } from "../../dialects/openai/OpenAiFailure.ts"
import * as Params from "../Params.ts"
import { groups, widths } from "./Api.ts"

export interface Asked extends Query {
  /** `batch` was asked for: it is told, and is never so. */
  readonly byBatch: boolean
}

/** Buckets of a page by default, and at most. */
const limits: Readonly<Record<Width, readonly [usual: number, most: number]>> = {
  "1m": [60, 1440],
  "1h": [24, 168],
  "1d": [7, 31]
}
const PAGE = /^page_(\d{1,11})$/
export const pageOf = (millis: number): string => `page_${Math.floor(millis / 1000)}`

/** Nobody is left out by a list that is empty. */
const only = (values: ReadonlyArray<string>) => (values.length === 0 ? undefined : values)

/** In the year 5138. */
const LATEST = 99_999_999_999

const DAY = 86_400_000

/** `hourDays`: hours and minutes are kept for so many days. */
export const read = EitherFn.fn(function* (
  params: URLSearchParams,
  now: number,
  hourDays: number
): EitherFn.Return<Asked, Failure> {
  const width = yield* Params.one(params, "bucket_width", widths, "1d")
  const start = yield* Params.integer(params, "start_time", 0, LATEST)
  if (Option.isNone(start))
    return yield* Either.left(
      badRequest("Missing required parameter: 'start_time'.", "start_time", "missing_required_parameter")
    )
  const end = yield* Params.integer(params, "end_time", 0, LATEST)
  if (Option.isSome(end) && end.value <= start.value)
    return yield* Either.left(Params.invalid("end_time", "expected a time after 'start_time'"))
  const [usual, most] = limits[width]
  const count = yield* Params.integer(params, "limit", 1, most)
  const page = params.get("page")
  const [, from] = page === null ? [] : (PAGE.exec(page) ?? [])
  if (page !== null && from === undefined) return yield* Either.left(Params.invalid("page", "expected a 'next_page'"))
  for (const name of ["project_ids", "user_ids"]) {
    if ((yield* Params.list(params, name)).length > 0)
      return yield* Either.left(unsupported(name, `There are neither projects nor users here: leave '${name}' out.`))
  }
  const begin = (from === undefined ? start.value : Number(from)) * 1000
  if (width !== "1d" && begin < now - hourDays * DAY)
    return yield* Either.left(
      Params.invalid(
        "start_time",
        `hours and minutes are kept for ${hourDays} days (LEDGER_DAYS); for what is older ask for a 'bucket_width' of 1d`
      )
    )
  const groupBy = yield* Params.list(params, "group_by")
  for (const group of groupBy) yield* Params.one(new URLSearchParams({ group_by: group }), "group_by", groups, "model")
  const keyIds = only(yield* Params.list(params, "api_key_ids"))
  const models = only(yield* Params.list(params, "models"))
  return {
    width,
    from: begin,
    until: Option.match(end, { onNone: () => now, onSome: (seconds) => seconds * 1000 }),
    count: params.get("batch") === "true" ? 0 : Option.getOrElse(count, () => usual),
    byKey: groupBy.includes("api_key_id"),
    byModel: groupBy.includes("model"),
    byBatch: groupBy.includes("batch"),
    keyIds,
    models
  }
})

/**
 * Command `lingma-gateway logs`: chats that have ended, told by the running gateway, which reads its ledger.
 */
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import { Clock, Console, Effect, Option, Schema } from "effect"
import * as Config from "../../config/Config.ts"
import * as Running from "../running/Running.ts"
import * as LogScreen from "../screen/LogScreen.ts"
import * as Terminal from "../screen/Terminal.ts"
import * as House from "./House.ts"

const units: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** The first moment of `30m`, `1h`, `7d`, a date, or a date with a time; undefined where it is none of them. */
export const startOf = (text: string, now: number): number | undefined => {
  const [, count, unit] = /^(\d{1,6})([smhd])$/.exec(text) ?? []
  if (count !== undefined && unit !== undefined) return now - Number(count) * (units[unit] ?? 0)
  const at = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN
  return Number.isNaN(at) ? undefined : at
}

/** What a line needs of a row of `/internal/chats`. */
const Row = Schema.Struct({
  id: Schema.String,
  request_id: Schema.String,
  ended_at: Schema.String,
  key: Schema.String,
  dialect: Schema.String,
  model_asked: Schema.String,
  model: Schema.NullOr(Schema.String),
  instance: Schema.NullOr(Schema.String),
  outcome: Schema.String,
  error_code: Schema.NullOr(Schema.String),
  error: Schema.NullOr(Schema.String),
  total_ms: Schema.Number
})
const List = Schema.Struct({ data: Schema.Array(Row), next: Schema.NullOr(Schema.String) })
type Row = typeof Row.Type

/** Most pages that one call reads. */
const MOST_PAGES = 50
const PAGE = 500

interface Wanted {
  readonly isFailed: boolean
  readonly key: string | undefined
  readonly since: number
  readonly limit: number
}

const isWanted = ({ isFailed }: Wanted, { outcome }: Row) => !isFailed || outcome === "failed" || outcome === "rejected"

/** The newest first; `newest` is that of all rows that were looked at, 0 without any. */
const read = Effect.fnUntraced(function* (gateway: Running.Gateway, wanted: Wanted) {
  const rows: Array<Row> = []
  let newest = 0
  let before: string | null = null
  for (let page = 0; page < MOST_PAGES && rows.length < wanted.limit; page++) {
    const query: URLSearchParams = new URLSearchParams({
      limit: String(wanted.isFailed ? PAGE : Math.min(PAGE, wanted.limit)),
      since: new Date(Math.max(0, wanted.since)).toISOString(),
      ...(wanted.key === undefined ? {} : { key: wanted.key }),
      ...(before === null ? {} : { before })
    })
    const list: typeof List.Type = yield* Running.read(gateway, `/internal/chats?${query}`, List)
    newest = Math.max(newest, ...list.data.map(({ ended_at }) => Date.parse(ended_at)))
    rows.push(...list.data.filter((row) => isWanted(wanted, row)))
    before = list.next
    if (before === null) break
  }
  return { rows: rows.slice(0, wanted.limit), newest }
})

/** One object per line, so that a stream of them can be read. */
const print = (json: boolean, rows: ReadonlyArray<Row>) =>
  Effect.forEach(
    rows,
    (row) =>
      json
        ? Console.log(JSON.stringify(row))
        : House.printLines(LogScreen.render(row, process.stdout.isTTY === true ? Terminal.columns() : 1000)),
    { discard: true }
  )

/** What is written a little late lies a little back. */
const LATE = 5_000
/** By how much its clock may differ from the one here. */
const APART = 60_000

/** Whether the gateway may be there again: it restarts, or drains. */
const isPassing = (error: Running.Unreachable | Running.Refused) => error._tag === "Unreachable" || error.status >= 500

/**
 * `shown`: what was printed before, the newest first. Each look begins where the one before ended, also where no row was
 * wanted: else it would read all of the time asked for, every second.
 */
export const follow = (
  gateway: Running.Gateway,
  wanted: Wanted,
  shown: { readonly rows: ReadonlyArray<Row>; readonly newest: number },
  print: (rows: ReadonlyArray<Row>) => Effect.Effect<unknown>
) => {
  const oldest = shown.rows.at(-1)
  // What the limit has cut off stays so.
  const first = oldest === undefined || shown.rows.length < wanted.limit ? wanted.since : Date.parse(oldest.ended_at)
  let seen = new Set(shown.rows.map(({ id }) => id))
  let since = Math.max(first, shown.newest)
  const look = Effect.gen(function* () {
    const now = yield* Clock.currentTimeMillis
    const from = Math.max(first, since - LATE)
    const { newest, rows } = yield* read(gateway, { ...wanted, since: from, limit: PAGE })
    const fresh = rows.filter(({ id }) => !seen.has(id)).reverse()
    seen = new Set(rows.map(({ id }) => id))
    since = Math.max(since, newest, now - APART)
    yield* print(fresh)
  })
  return Effect.forever(
    Effect.delay(
      Effect.catchIf(look, isPassing, () => Effect.void),
      "1 second"
    )
  )
}

const failed = Options.boolean("failed").pipe(Options.withDescription("only those that failed or were rejected"))
const since = Options.text("since").pipe(Options.withDescription("30m, 1h, 7d, or a date"), Options.withDefault("1h"))
const key = Options.text("key").pipe(Options.withDescription("only of this key"), Options.optional)
const limit = Options.integer("limit").pipe(Options.withDescription("most lines"), Options.withDefault(100))
const following = Options.boolean("follow").pipe(Options.withDescription("go on with each that ends"))
const { file, json } = House

export const command = Command.make(
  "logs",
  { failed, since, key, limit, follow: following, file, json },
  ({ failed, file, follow: isFollowing, json, key, limit, since }) =>
    Effect.gen(function* () {
      const from = startOf(since, yield* Clock.currentTimeMillis)
      if (from === undefined) {
        return yield* House.ended(House.MISUSED, "--since must be a time such as 30m, 1h, 7d, or a date")
      }
      if (limit < 1 || limit > 10_000) return yield* House.ended(House.MISUSED, "--limit must be from 1 to 10000")
      const gateway = Running.of(yield* Config.checked)
      const wanted = { isFailed: failed, key: Option.getOrUndefined(key), since: from, limit }
      const found = yield* read(gateway, wanted)
      const { rows } = found
      yield* print(json, rows.toReversed())
      if (rows.length === 0 && !json && !isFollowing) yield* Console.error(`No such chat since ${since}.`)
      if (isFollowing) return yield* follow(gateway, wanted, found, (fresh) => print(json, fresh))
    }).pipe(
      Effect.catchTags({
        Unreachable: ({ message }) =>
          House.ended(House.FAILED, `${message}: it tells what has happened; see also usage`),
        Refused: ({ message }) => House.ended(House.FAILED, message)
      }),
      (effect) => House.withSettings(effect, file)
    )
).pipe(Command.withDescription("chats that have ended, with why they failed"))

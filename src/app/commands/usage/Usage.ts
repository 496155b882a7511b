/**
 * Command `lingma-gateway usage`: who used what, read from the database itself.
 */
import { Clock, Console, Data, Effect, Either } from "effect"
import * as Config from "../../../config/Config.ts"
import * as Database from "../../../team/database/Database.ts"
import * as Rows from "../../../team/ledger/Rows.ts"
import * as Since from "../../../team/ledger/Since.ts"
import * as UsageReport from "../../../team/ledger/UsageReport.ts"
import * as Bar from "../../screen/Bar.ts"
import * as Terminal from "../../screen/Terminal.ts"
import * as UsageLimits from "./UsageLimits.ts"

export const dimensions = UsageReport.dimensions

/** A mistake of whoever asks; what DATABASE_URL names and cannot be read is `DatabaseUnavailable`. */
export class UsageRefused extends Data.TaggedError("UsageRefused")<{ readonly message: string }> {}

export interface UsageOptions {
  readonly by: UsageReport.Dimension
  readonly since: string
  readonly format: "table" | "csv" | "json"
}

/** Figures as a table shows them. */
const whole = (n: number) => n.toLocaleString("en-US")
const tokens = (n: number) =>
  n < 100_000
    ? whole(n)
    : n < 1e9
      ? `${(n / 1e6).toFixed(1)} M`
      : `${(n / 1e9).toLocaleString("en-US", { minimumFractionDigits: 1, maximumFractionDigits: 1 })} G`

const columns: ReadonlyArray<readonly [title: string, of: (line: Rows.Figures) => string]> = [
  ["requests", ({ requests }) => whole(requests)],
  ["failed", ({ failed }) => whole(failed)],
  ["rejected", ({ rejected }) => whole(rejected)],
  ["tokens in", ({ promptTokens }) => tokens(promptTokens)],
  ["out", ({ completionTokens }) => tokens(completionTokens)]
]

/** A line of a key with its limits, where it has some. */
export interface LimitedLine extends UsageReport.Line {
  readonly limits?: UsageLimits.Limits
}

const total = (lines: ReadonlyArray<Rows.Figures>) => lines.reduce(UsageReport.plus, UsageReport.nothing)

/** Names may hold whatever a terminal would obey. */
const shown = (name: string) => name.replace(/\p{C}/gu, "?")

type Columns = ReadonlyArray<readonly [title: string, of: (line: LimitedLine) => string]>

const ofDay: Columns[number] = [
  "of today's limit",
  ({ limits }) =>
    limits?.tokensPerDay ? Bar.of(limits.tokensPerDay) + Bar.percent(limits.tokensPerDay).padStart(8) : ""
]
const ofDayBriefly: Columns[number] = [
  "today",
  ({ limits }) => (limits?.tokensPerDay ? Bar.percent(limits.tokensPerDay) : "")
]
const ofMinute: Columns[number] = [
  "a minute",
  ({ limits }) => {
    const used = limits?.requestsPerMinute
    return used === undefined ? "" : `${whole(used.used)}/${whole(used.limit)}`
  }
]
/** The first of these that fits the terminal. */
const ofLimits: ReadonlyArray<Columns> = [[ofDay, ofMinute], [ofDay], [ofDayBriefly, ofMinute], []]

const table = (by: string, lines: ReadonlyArray<LimitedLine>, room: number): ReadonlyArray<string> => {
  if (lines.length === 0) return ["No chats in this time."]
  const all: ReadonlyArray<LimitedLine> = [...lines, ...(lines.length > 1 ? [{ name: "total", ...total(lines) }] : [])]
  const drawn = ofLimits.map((more) => {
    const shownColumns = [...columns, ...more.filter(([, of]) => lines.some((line) => of(line) !== ""))]
    return Terminal.table(
      [
        [by, ...shownColumns.map(([title]) => title)],
        ...all.map((line) => [shown(line.name), ...shownColumns.map(([, of]) => of(line))])
      ],
      new Set(shownColumns.map((_, i) => i + 1))
    )
  })
  const rows = drawn.find((some) => some.every((row) => Terminal.width(row) <= room)) ?? drawn.at(-1)!
  const { estimated } = total(lines)
  const chats = estimated === 1 ? "chat" : "chats"
  return [...rows, ...(estimated > 0 ? ["", `Tokens of ${whole(estimated)} ${chats} are estimates.`] : [])]
}

/** A spreadsheet would take a cell that begins with one of these for a formula. */
const cell = (text: string): string => {
  const plain = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text
  return /[",\r\n]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain
}
const snake = (figure: string) => figure.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
const csv = (by: string, lines: ReadonlyArray<UsageReport.Line>) => [
  [by, ...Rows.figures.map(snake)].join(","),
  ...lines.map((line) => [cell(line.name), ...Rows.figures.map((figure) => String(line[figure]))].join(","))
]

const json = (lines: ReadonlyArray<LimitedLine>) => [
  JSON.stringify(
    lines.map((line) => ({
      name: line.name,
      ...Object.fromEntries(Rows.figures.map((figure) => [snake(figure), line[figure]])),
      ...(line.limits === undefined
        ? {}
        : {
            limits: {
              tokens_per_day: line.limits.tokensPerDay ?? null,
              requests_per_minute: line.limits.requestsPerMinute ?? null
            }
          })
    })),
    undefined,
    2
  )
]

export const print = (
  { by, format }: Pick<UsageOptions, "by" | "format">,
  lines: ReadonlyArray<LimitedLine>,
  room: number
) => (format === "json" ? json(lines) : format === "csv" ? csv(by, lines) : table(by, lines, room))

export const run = Effect.fnUntraced(function* (options: UsageOptions) {
  const { databaseUrl, keysFile, ledgerDays, limitsTimeZone, lingmaWorkDir } = yield* Config.checked
  if (databaseUrl._tag === "Memory")
    return yield* new Database.DatabaseUnavailable({
      message: "DATABASE_URL=none keeps no figures: see /internal/stats"
    })
  const lines = yield* Effect.gen(function* () {
    const reports = yield* UsageReport.UsageReport.make(limitsTimeZone, ledgerDays)
    const since = yield* Either.mapLeft(
      Since.parse(options.since, yield* Clock.currentTimeMillis, reports),
      (rule) => new UsageRefused({ message: `--since ${rule}` })
    )
    const found: ReadonlyArray<LimitedLine> = yield* reports.by(options.by, since)
    return options.by === "key" ? yield* UsageLimits.onto(found, limitsTimeZone, keysFile) : found
  }).pipe(
    Effect.provide(Database.layer(databaseUrl, { workDir: lingmaWorkDir, isServing: false })),
    Effect.catchTag(
      "SqlError",
      (error) => new Database.DatabaseUnavailable({ message: `DATABASE_URL: ${error.message}` })
    )
  )
  for (const line of print(options, lines, Terminal.columns())) yield* Console.log(line)
})

/**
 * Command `lingma-gateway usage`: who used what, read from the database itself.
 */
import { Clock, Console, Data, Effect, Either } from "effect"
import * as Config from "../../config/Config.ts"
import * as Database from "../../team/database/Database.ts"
import * as Rows from "../../team/ledger/Rows.ts"
import * as Since from "../../team/ledger/Since.ts"
import * as UsageReport from "../../team/ledger/UsageReport.ts"

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

const total = (lines: ReadonlyArray<Rows.Figures>) => lines.reduce(UsageReport.plus, UsageReport.nothing)

/** Names may hold whatever a terminal would obey. */
const shown = (name: string) => name.replace(/\p{C}/gu, "?")

const table = (by: string, lines: ReadonlyArray<UsageReport.Line>): ReadonlyArray<string> => {
  if (lines.length === 0) return ["No chats in this time."]
  const all = [...lines, ...(lines.length > 1 ? [{ name: "total", ...total(lines) }] : [])]
  const cells = [
    [by, ...columns.map(([title]) => title)],
    ...all.map((line) => [shown(line.name), ...columns.map(([, of]) => of(line))])
  ]
  const widths = [by, ...columns].map((_, i) => Math.max(...cells.map((row) => row[i]!.length)))
  const rows = cells.map((row) =>
    row
      .map((cell, i) => (i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
      .join("   ")
      .trimEnd()
  )
  const estimated = total(lines).estimated
  return [...rows, ...(estimated > 0 ? ["", `Tokens of ${whole(estimated)} chats are estimates.`] : [])]
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

const json = (lines: ReadonlyArray<UsageReport.Line>) => [
  JSON.stringify(
    lines.map((line) => ({
      name: line.name,
      ...Object.fromEntries(Rows.figures.map((figure) => [snake(figure), line[figure]]))
    })),
    undefined,
    2
  )
]

export const print = ({ by, format }: Pick<UsageOptions, "by" | "format">, lines: ReadonlyArray<UsageReport.Line>) =>
  format === "json" ? json(lines) : format === "csv" ? csv(by, lines) : table(by, lines)

export const run = Effect.fnUntraced(function* (options: UsageOptions) {
  const { databaseUrl, ledgerDays, limitsTimeZone, lingmaWorkDir } = yield* Config.checked
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
    return yield* reports.by(options.by, since)
  }).pipe(
    Effect.provide(Database.layer(databaseUrl, { workDir: lingmaWorkDir, isServing: false })),
    Effect.catchTag(
      "SqlError",
      (error) => new Database.DatabaseUnavailable({ message: `DATABASE_URL: ${error.message}` })
    )
  )
  for (const line of print(options, lines)) yield* Console.log(line)
})

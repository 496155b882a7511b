/**
 * Figures as a table, and the file that keeps them.
 */
import { execFileSync } from "node:child_process"
import { appendFileSync, existsSync, writeFileSync } from "node:fs"
import { cpus, totalmem } from "node:os"
import { fileURLToPath } from "node:url"
import { median, spread } from "./stats.ts"
import type { Verdict } from "./targets.ts"

/** Per server the figures of each repetition, by measure; the first server is what the others are compared with. */
export type Results = ReadonlyMap<string, ReadonlyArray<Readonly<Record<string, number>>>>

const figure = (value: number): string => {
  if (!Number.isFinite(value)) return "–"
  if (Math.abs(value) < 0.005 || (Number.isInteger(value) && Math.abs(value) < 10_000)) return String(Math.round(value))
  if (value >= 10_000) return `${Math.round(value / 1000)}k`
  return value >= 100 ? String(Math.round(value)) : value >= 10 ? value.toFixed(1) : value.toFixed(2)
}

const ratio = (values: ReadonlyArray<number>): string => {
  const { max, median, min } = spread(values)
  return !Number.isFinite(median) ? "–" : `${median.toFixed(2)} (${min.toFixed(2)}–${max.toFixed(2)})`
}

const lined = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]!.length)))
  const line = (cells: ReadonlyArray<string>) => `| ${cells.map((cell, i) => cell.padEnd(widths[i]!)).join(" | ")} |`
  return [line(head), line(widths.map((width) => "-".repeat(width))), ...rows.map(line)].join("\n")
}

export const table = (results: Results): string => {
  const [[floor, floorRuns] = ["", []], ...others] = results
  const of = (runs: ReadonlyArray<Readonly<Record<string, number>>>, measure: string) =>
    runs.map((run) => run[measure] ?? Number.NaN)
  const head = ["measure", floor, ...others.flatMap(([name]) => [name, `${name} ÷ ${floor} (min–max)`])]
  const rows = Object.keys(floorRuns[0] ?? {}).map((measure) => {
    const base = of(floorRuns, measure)
    const cells = others.flatMap(([, runs]) => {
      const values = of(runs, measure)
      return [figure(median(values)), ratio(values.map((value, i) => value / (base[i] ?? Number.NaN)))]
    })
    return [measure, figure(median(base)), ...cells]
  })
  return lined(head, rows)
}

/** Which targets were reached. */
export const verdicts = (all: ReadonlyArray<Verdict>): string =>
  lined(
    ["target", "measure", "must", "stretch", "seen", "met"],
    all.map(({ id, measure, met, must, seen, stretch }) => [id, measure, must, stretch, figure(seen), met])
  )

const commit = (): string => {
  try {
    const git = (...args: ReadonlyArray<string>) => execFileSync("git", args, { encoding: "utf8" }).trim()
    const changed = git("status", "--porcelain", "--", "src", "package-lock.json") === "" ? "" : " with changes"
    return git("rev-parse", "--short", "HEAD") + changed
  } catch {
    return "unknown"
  }
}

/** Where and when this is. */
export const circumstances = (repetitions: number): string => {
  const [cpu] = cpus()
  const when = new Date().toISOString().slice(0, 16).replace("T", " ")
  return `${when} UTC, commit ${commit()}, Node ${process.version}, ${cpus().length} × ${cpu?.model.trim() ?? "?"}, ${Math.round(totalmem() / 2 ** 30)} GiB, repetitions: ${repetitions}`
}

const file = fileURLToPath(new URL("RESULTS.md", import.meta.url))
const preface = `# Results

Each figure is the median over repetitions with fresh processes; a ratio is taken within one repetition, where both servers met the same machine, and only ratios compare between machines.
Less is better everywhere but in the rates (\`/s\`), and a difference that is smaller than the spread in brackets is none.
`

export const append = (title: string, text: string): void => {
  if (!existsSync(file)) writeFileSync(file, preface)
  appendFileSync(file, `\n## ${title}\n\n${text}\n`)
}

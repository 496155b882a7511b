/**
 * A chat that has ended in one line: when, whose, what, how, where, and why it failed. Pure.
 */
import * as Terminal from "./Terminal.ts"

export interface Row {
  readonly request_id: string
  readonly ended_at: string
  readonly key: string
  readonly dialect: string
  readonly model_asked: string
  readonly model: string | null
  readonly instance: string | null
  readonly outcome: string
  readonly error_code: string | null
  readonly error: string | null
  readonly total_ms: number
}

const colours: Readonly<Record<string, Terminal.Colour>> = { completed: "green", failed: "red", rejected: "yellow" }

const timeOf = (iso: string): string => {
  const at = new Date(iso)
  const two = (n: number) => String(n).padStart(2, "0")
  return `${two(at.getMonth() + 1)}-${two(at.getDate())} ${[at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join(":")}`
}

/** The reason on a line of its own where it does not fit. */
export const render = (row: Row, columns: number): ReadonlyArray<string> => {
  const { error, error_code, instance, key, model, model_asked, outcome, request_id, total_ms } = row
  const word = Terminal.paint(colours[outcome] ?? "dim", Terminal.pad(Terminal.clean(outcome), 9))
  const models = model === null || model === model_asked ? model_asked : `${model_asked} → ${model}`
  const cells = [
    timeOf(row.ended_at),
    word,
    Terminal.pad(Terminal.clean(key), 8),
    Terminal.pad(Terminal.clean(instance ?? "-"), 6),
    Terminal.clean(models),
    `${(total_ms / 1000).toFixed(1)} s`
  ]
  const head = cells.join("  ")
  const why = [error_code, error].filter((part) => part !== null && part !== "").join(": ")
  const whole = [head, ...(why === "" ? [] : [Terminal.clean(why)]), Terminal.clean(request_id)].join("  ")
  if (Terminal.width(whole) <= columns || why === "") return [whole]
  return [
    head,
    ...Terminal.wrap(`${Terminal.clean(why)}  ${Terminal.clean(request_id)}`, columns - 16).map(
      (line) => `${" ".repeat(16)}${line}`
    )
  ]
}

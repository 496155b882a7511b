/**
 * A recorded answer and the new one, one after the other. Pure.
 */
import * as Terminal from "./Terminal.ts"

export interface Told {
  readonly outcome: string
  readonly status: number | null
  readonly model_asked: string | null
  readonly model: string | null
  readonly instance: string | null
  readonly first_token_ms: number | null
  readonly total_ms: number
  readonly prompt_tokens: number | null
  readonly completion_tokens: number | null
  readonly error: string | null
  readonly text: string
}

const seconds = (millis: number) => `${(millis / 1000).toFixed(1)} s`

const head = (title: string, told: Told): string => {
  const { completion_tokens, first_token_ms, instance, model, model_asked, outcome, prompt_tokens, status, total_ms } =
    told
  const asked = model_asked ?? "-"
  const cells = [
    Terminal.paint(outcome === "completed" ? "green" : "red", Terminal.clean(outcome)),
    status === null ? "" : String(status),
    Terminal.clean(model === null || model === model_asked ? asked : `${asked} → ${model}`),
    Terminal.clean(instance ?? ""),
    seconds(total_ms),
    first_token_ms === null ? "" : `first token ${seconds(first_token_ms)}`,
    prompt_tokens === null ? "" : `${prompt_tokens} + ${completion_tokens ?? 0} tokens`
  ]
  return [Terminal.pad(title, 6), ...cells.filter((cell) => cell !== "")].join("  ")
}

/** Lines stay lines; else nothing that a terminal would obey. */
const lines = (text: string): ReadonlyArray<string> =>
  text
    .replaceAll("\t", "  ")
    .split(/\r?\n/)
    .map((line) => `  ${Terminal.clean(line)}`)

const answer = (title: string, told: Told): ReadonlyArray<string> => [
  head(title, told),
  ...(told.error === null ? [] : lines(told.error)),
  ...(told.text === "" ? ["  (no text)"] : lines(told.text))
]

export const render = (what: string, first: Told, again: Told): ReadonlyArray<string> => [
  Terminal.clean(what),
  "",
  ...answer("first", first),
  "",
  ...answer("again", again)
]

/**
 * What a person sees when the gateway has started: where it is, what answers, who may call, what comes next. Pure.
 */
import * as Terminal from "./Terminal.ts"

export interface Started {
  readonly version: string
  readonly seconds: number
  /** Without `/v1`. */
  readonly base: string
  readonly lingma: string
  /** Of several instances, each with whether it is signed in; of the only one `lingma` has it. */
  readonly accounts: string | undefined
  readonly keys: string
  readonly state: string
  readonly next: string
  /** Words for names that are no settings. */
  readonly warnings: ReadonlyArray<string>
}

const LABEL = 11

const row = (label: string, text: string, columns: number): ReadonlyArray<string> => {
  const [first = "", ...more] = Terminal.wrap(Terminal.clean(text), Math.max(20, columns - 2 - LABEL))
  const name = Terminal.paint("dim", Terminal.pad(label, LABEL))
  return [`  ${name}${first}`, ...more.map((line) => `  ${" ".repeat(LABEL)}${line}`)]
}

const warning = (text: string, columns: number): ReadonlyArray<string> => {
  const [first = "", ...more] = Terminal.wrap(Terminal.clean(text), Math.max(20, columns - 4))
  return [`  ${Terminal.paint("yellow", "!")} ${first}`, ...more.map((line) => `    ${line}`)]
}

export const render = (started: Started, columns: number): ReadonlyArray<string> => [
  "",
  `  ${Terminal.paint("bold", `Lingma gateway ${started.version}`)}   ready in ${started.seconds.toFixed(1)} s`,
  ...row("API", `${started.base}/v1   (Claude Code: without /v1)`, columns),
  ...row("Dashboard", `${started.base}/dashboard`, columns),
  ...row("Lingma", started.lingma, columns),
  ...(started.accounts === undefined ? [] : row("Accounts", started.accounts, columns)),
  ...row("Keys", started.keys, columns),
  ...row("State", started.state, columns),
  ...row("Next", started.next, columns),
  ...started.warnings.flatMap((text) => warning(text, columns)),
  ""
]

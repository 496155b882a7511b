/**
 * The help on one screen, commands first; and that of one command, its options in a line each.
 */
import * as Terminal from "../screen/Terminal.ts"

interface Entry {
  readonly usage: string
  readonly what: string
  readonly options?: ReadonlyArray<readonly [name: string, what: string]>
}

const config = ["--config FILE", "settings in .env format; the environment wins over it"] as const
const json = ["--json", "print JSON"] as const
const common = [config, json]

const grants = [
  ["--tokens-per-day N", "most tokens a day, or none"],
  ["--requests-per-minute N", "most chats a minute, or none"],
  ["--max-in-flight N", "most chats at once, or none"],
  ["--weight N", "share beside other keys while not all can be served; default 1"],
  ["--models LIST", "patterns such as 'qwen*,auto', or all"],
  ["--expires DATE", "a date such as 2027-01-31 or 2027-01-31T18:00:00Z, or never"],
  ["--admin, --no-admin", "may call /internal/*, or no longer"]
] as const

/** In the order of the help. */
export const entries: Readonly<Record<string, Entry>> = {
  start: {
    usage: "start",
    what: "serve the API (also without a command)",
    options: [
      ["--host ADDRESS", "overrides GATEWAY_HOST"],
      ["--port PORT", "overrides GATEWAY_PORT"],
      ["--attach", "use a Lingma that already runs: LINGMA_ATTACH=auto"],
      config,
      ["--json", "log as JSON"]
    ]
  },
  launch: {
    usage: "launch CLIENT [-- ARGS]",
    what: "start claude, codex, opencode, qwen or pi on it",
    options: [["--model MODEL", "the model to ask for; default: DEFAULT_MODEL"], config]
  },
  status: { usage: "status", what: "load, instances and accounts of the running gateway", options: common },
  doctor: {
    usage: "doctor",
    what: "what is wrong, and what to do; changes nothing",
    options: [["--url URL", "the address behind a reverse proxy, to look at that as well"], ...common]
  },
  logs: {
    usage: "logs",
    what: "chats that have ended, with why they failed",
    options: [
      ["--failed", "only those that failed or were rejected"],
      ["--since TIME", "30m, 1h, 7d, or a date; default 1h"],
      ["--key NAME", "only of this key"],
      ["--limit N", "most lines; default 100"],
      ["--follow", "go on with each that ends"],
      ...common
    ]
  },
  replay: {
    usage: "replay ID",
    what: "send a recorded request again",
    options: [["--model MODEL", "ask this model instead"], ...common]
  },
  usage: {
    usage: "usage",
    what: "who used what",
    options: [
      ["--by KIND", "key (default), model, account, client or day"],
      ["--since TIME", "7d (default), 24h, or a date such as 2026-11-01"],
      ["--csv", "print CSV"],
      ...common
    ]
  },
  keys: {
    usage: "keys COMMAND",
    what: "named API keys: add, list, show, set, rotate, revoke"
  },
  "keys add": { usage: "keys add NAME", what: "make a key and print it, once", options: [...grants, ...common] },
  "keys list": { usage: "keys list", what: "the keys, without their secrets", options: common },
  "keys show": { usage: "keys show NAME", what: "one key", options: common },
  "keys set": {
    usage: "keys set NAME",
    what: "change what a key may; the rest stays",
    options: [...grants, ...common]
  },
  "keys rotate": {
    usage: "keys rotate NAME",
    what: "replace the secret of a key",
    options: [["--grace TIME", "how long the one before goes on: 7d, 12h; default: not at all"], ...common]
  },
  "keys revoke": { usage: "keys revoke NAME", what: "end a key for good", options: common },
  login: {
    usage: "login [INSTANCE]",
    what: "sign an account in, in any browser",
    options: [["--instance NAME", "the same as INSTANCE; default: the first that needs it"], ...common]
  },
  env: {
    usage: "env",
    what: 'variables for clients: eval "$(lingma-gateway env)"',
    options: [
      ["--client NAME", "openai, anthropic, claude, codex, opencode, qwen or pi"],
      ["--shell SHELL", "sh (default), fish or powershell"],
      ...common
    ]
  },
  config: { usage: "config COMMAND", what: "the settings in force: show, check, reload" },
  "config show": {
    usage: "config show",
    what: "each setting with where it is from, secrets masked; * marks those that differ",
    options: [["--changed", "only those that differ from their default"], ...common]
  },
  "config check": { usage: "config check", what: "whether the settings are valid; 78 if not", options: common },
  "config reload": {
    usage: "config reload",
    what: "the running gateway reads them again: what is in effect, what needs a restart",
    options: common
  },
  report: {
    usage: "report",
    what: "a bundle for a bug report, without secrets",
    options: [["--output FILE", "write it there, instead of printing it"], ...common]
  },
  emulator: { usage: "emulator start …", what: "the built-in stand-in for Lingma, run by itself" }
}

const isMain = (name: string) => !name.includes(" ")

const indented = (rows: ReadonlyArray<readonly [string, string]>, columns: number): ReadonlyArray<string> => {
  const left = Math.max(...rows.map(([name]) => name.length))
  return rows.flatMap(([name, what]) => {
    const [first = "", ...more] = Terminal.wrap(what, Math.max(20, columns - left - 4))
    return [
      `  ${Terminal.paint("bold", name.padEnd(left))}  ${first}`,
      ...more.map((line) => " ".repeat(left + 4) + line)
    ]
  })
}

/** At most 24 lines of 80 columns. */
export const main = (version: string, columns: number): ReadonlyArray<string> => [
  `Lingma gateway ${version}: Alibaba Lingma for clients of OpenAI and Anthropic`,
  "",
  ...indented(
    Object.entries(entries).flatMap(([name, { usage, what }]) => (isMain(name) ? [[usage, what] as const] : [])),
    columns
  ),
  "",
  "lingma-gateway COMMAND --help has the options of one. Most take --json, and",
  "--config FILE; settings are variables or lines of .env, see .env.example.",
  "Exit codes: 0 done, 1 failed, 2 wrong usage, 78 wrong settings."
]

export const of = (name: string, columns: number): ReadonlyArray<string> | undefined => {
  const entry = entries[name]
  if (entry === undefined) return undefined
  const below = Object.entries(entries).filter(([other]) => other.startsWith(`${name} `))
  return [
    `lingma-gateway ${entry.usage}`,
    `  ${entry.what}`,
    ...(below.length === 0
      ? []
      : [
          "",
          ...indented(
            below.map(([, { usage, what }]) => [usage, what] as const),
            columns
          )
        ]),
    ...(entry.options === undefined ? [] : ["", ...indented(entry.options, columns)])
  ]
}

/** What is asked for by arguments (without those of a client), or undefined where it is no question for help. */
export const asked = (
  own: ReadonlyArray<string>,
  version: string,
  columns: number
): ReadonlyArray<string> | undefined => {
  const isAsked = own.includes("--help") || own.includes("-h") || own[0] === "help"
  if (!isAsked) return undefined
  const words = own.filter((word) => !word.startsWith("-") && word !== "help")
  return of(words.slice(0, 2).join(" "), columns) ?? of(words[0] ?? "", columns) ?? main(version, columns)
}

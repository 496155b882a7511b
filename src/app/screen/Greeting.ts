/**
 * What is written when the gateway has started: a screen for a person at a terminal, else a few lines beside the log.
 */
import { stripVTControlCharacters } from "node:util"
import { Effect, Option } from "effect"
import type { Settings } from "../../config/Config.ts"
import * as StateDirectory from "../../config/StateDirectory.ts"
import * as UnknownSettings from "../../config/UnknownSettings.ts"
import * as Discovery from "../../lingma/process/Discovery.ts"
import type { Ring } from "../../team/keys/KeyRing.ts"
import { version } from "../../Version.ts"
import * as StartScreen from "./StartScreen.ts"
import * as Terminal from "./Terminal.ts"

export interface Listening {
  /** Without `/v1`. */
  readonly base: string
  readonly config: Settings
  readonly ring: Ring
  readonly unknown: ReadonlyArray<UnknownSettings.UnknownSetting>
}

const lingmaOf = (config: Settings): string => {
  return Option.match(config.lingmaBin, {
    onNone: () =>
      config.attach === "no"
        ? "the built-in emulator answers; set LINGMA_BIN to the Lingma binary for the real one"
        : "one that already runs (LINGMA_ATTACH)",
    onSome: (bin) => bin
  })
}

const keysOf = (ring: Ring, config: Settings): string => {
  const count = ring.all().length
  return ring.isOpen()
    ? "none: no authentication; `lingma-gateway keys add NAME` makes one, and requires one"
    : count === 0
      ? "none any more, so nobody is let in; `lingma-gateway keys add NAME` makes one"
      : count === config.apiKeys.length
        ? `${count} set in API_KEYS`
        : `${count}: lingma-gateway keys list`
}

/** Where no terminal is: with a first request, for whoever reads the log. */
const plain = ({ base, config, ring, unknown }: Listening): string => {
  const key = ring.isOpen() ? "any-key" : "$API_KEY"
  return `
  Lingma gateway
    base URL  ${base}/v1
    Dashboard ${base}/dashboard
    API keys  ${keysOf(ring, config)}
    Lingma    ${lingmaOf(config)}
    API docs  ${base}/docs

  curl -N ${base}/v1/chat/completions -H 'Content-Type: application/json' -H "Authorization: Bearer ${key}" \\
    -d '{"model":"auto","stream":true,"messages":[{"role":"user","content":"Hello"}]}'
  export OPENAI_BASE_URL=${base}/v1 OPENAI_API_KEY=${key}
  export ANTHROPIC_BASE_URL=${base} ANTHROPIC_AUTH_TOKEN=${key}
${unknown.map((one) => `  ! ${UnknownSettings.message(one)}\n`).join("")}`
}

/** The same in fewer words; a Lingma that runs is found here, so that nobody stays with the emulator unawares. */
const answering = Effect.fnUntraced(function* (config: Settings) {
  if (Option.isSome(config.lingmaBin)) return Terminal.short(config.lingmaBin.value)
  const found = config.attach === "no" || config.attach === "auto" ? yield* Discovery.search : undefined
  if (config.attach === "no") {
    return found === undefined
      ? "built-in emulator; the real one: LINGMA_BIN, or LINGMA_ATTACH"
      : `built-in emulator; a running Lingma was found at ${found.url}: start --attach`
  }
  const url = config.attach === "auto" ? (found?.url ?? "none found so far") : config.attach.join(", ")
  return `attached: ${url}`
})

const screen = Effect.fnUntraced(function* ({ base, config, ring, unknown }: Listening) {
  const lines = StartScreen.render(
    {
      version,
      seconds: process.uptime(),
      base,
      lingma: yield* answering(config),
      keys: ring.isOpen() ? "none: open to this machine only" : keysOf(ring, config),
      state: Terminal.short(StateDirectory.of(config.lingmaWorkDir).dir),
      warnings: unknown.map(UnknownSettings.message)
    },
    Terminal.columns(process.stderr)
  )
  const text = `${lines.join("\n")}\n`
  return (process.env["NO_COLOR"] ?? "") === "" ? text : stripVTControlCharacters(text)
})

export const text = (listening: Listening): Effect.Effect<string> =>
  process.stderr.isTTY === true ? screen(listening) : Effect.sync(() => plain(listening))

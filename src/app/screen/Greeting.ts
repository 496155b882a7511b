/**
 * What is written when the gateway has started: a screen for a person at a terminal, else a few lines beside the log.
 */
import { stripVTControlCharacters } from "node:util"
import { Effect, Option } from "effect"
import type { Pool } from "../../chat/Pool.ts"
import type { Settings } from "../../config/Config.ts"
import * as StateDirectory from "../../config/StateDirectory.ts"
import * as UnknownSettings from "../../config/UnknownSettings.ts"
import * as Discovery from "../../lingma/process/Discovery.ts"
import type { Ring } from "../../team/keys/KeyRing.ts"
import { version } from "../../Version.ts"
import * as SignedIn from "./SignedIn.ts"
import * as StartScreen from "./StartScreen.ts"
import * as Terminal from "./Terminal.ts"

export interface Listening {
  /** Without `/v1`. */
  readonly base: string
  readonly config: Settings
  readonly ring: Ring
  readonly pool: Pool["Type"]
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
const answering = Effect.fnUntraced(function* (config: Settings, signedIn: string) {
  if (Option.isSome(config.lingmaBin)) return Terminal.short(config.lingmaBin.value) + signedIn
  const found = config.attach === "no" || config.attach === "auto" ? yield* Discovery.search : undefined
  if (config.attach === "no") {
    return found === undefined
      ? `built-in emulator${signedIn}; the real one: LINGMA_BIN, or LINGMA_ATTACH`
      : `built-in emulator${signedIn}; a running Lingma was found at ${found.url}: start --attach`
  }
  const url = config.attach === "auto" ? (found?.url ?? "none found so far") : config.attach.join(", ")
  return `attached: ${url}${signedIn}`
})

const screen = Effect.fnUntraced(function* ({ base, config, pool, ring, unknown }: Listening) {
  const seen = yield* SignedIn.look(pool)
  const words = SignedIn.words(seen)
  const lines = StartScreen.render(
    {
      version,
      seconds: process.uptime(),
      base,
      lingma: yield* answering(config, seen.length === 1 ? ` ${words}` : ""),
      accounts: seen.length === 1 ? undefined : words,
      keys: ring.isOpen() ? "none: open to this machine only" : keysOf(ring, config),
      state: Terminal.short(StateDirectory.of(config.lingmaWorkDir).dir),
      next: SignedIn.isOut(seen)
        ? "lingma-gateway login, or lingma-gateway status"
        : "lingma-gateway launch claude, or lingma-gateway status",
      warnings: unknown.map(UnknownSettings.message)
    },
    Terminal.columns(process.stderr)
  )
  const text = `${lines.join("\n")}\n`
  return (process.env["NO_COLOR"] ?? "") === "" ? text : stripVTControlCharacters(text)
})

export const text = (listening: Listening): Effect.Effect<string> =>
  process.stderr.isTTY === true ? screen(listening) : Effect.sync(() => plain(listening))

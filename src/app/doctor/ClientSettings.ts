/**
 * Checks of what clients are told elsewhere: their own settings, and variables that win over the gateway's address.
 */
import { readFileSync } from "node:fs"
import { hostname, networkInterfaces } from "node:os"
import { join } from "node:path"
import { Effect } from "effect"
import { isLoopback, type Settings } from "../../config/Config.ts"
import * as Running from "../running/Running.ts"
import * as Terminal from "../screen/Terminal.ts"
import type { Facts } from "./Facts.ts"
import { type Finding, ok, warn } from "./Finding.ts"

const read = (path: string): string | undefined => {
  try {
    return readFileSync(path, "utf8")
  } catch {
    return undefined
  }
}

type Values = Readonly<Record<string, unknown>>
const isRecord = (value: unknown): value is Values =>
  typeof value === "object" && value !== null && !Array.isArray(value)

const addresses = (): ReadonlyArray<string> => {
  try {
    return Object.values(networkInterfaces()).flatMap((some = []) =>
      some.map(({ address, family }) => (family === "IPv6" ? `[${address}]` : address))
    )
  } catch {
    return []
  }
}

/** Names by which this machine is called: by others, too, where the gateway listens for them. */
const isNear = (name: string, host: string) =>
  ["127.0.0.1", "localhost", "[::1]", "0.0.0.0"].includes(name) ||
  (!isLoopback(host) && [hostname().toLowerCase(), ...addresses()].includes(name))

/** Whether an address leads to this gateway, by its port on this machine or as the public URL. */
export const leadsHere = (
  url: string,
  { publicUrl, settings }: Pick<Facts, "publicUrl"> & { readonly settings: Pick<Settings, "host" | "port"> }
): boolean => {
  if (!URL.canParse(url)) return false
  const { host, hostname: name, port, protocol } = new URL(url)
  if (publicUrl !== undefined && URL.canParse(publicUrl) && new URL(publicUrl).host === host) return true
  const number = port === "" ? (protocol === "https:" ? 443 : 80) : Number(port)
  const own = new URL(Running.baseOf(settings)).hostname
  return number === settings.port && (isNear(name, settings.host) || name === own)
}

interface Place {
  /** A file or the environment, for people. */
  readonly name: string
  readonly id: string
  readonly unset: (variable: string) => string
}

const without = (url: string) => url.replace(/\/+$/, "").replace(/\/v1$/, "")

/** Variables of Anthropic's clients, in the environment or in `env` of their settings. */
const anthropic = (facts: Facts, values: Values, { id, name, unset }: Place): ReadonlyArray<Finding> => {
  const text = (variable: string) => (typeof values[variable] === "string" ? values[variable] : "")
  const findings: Array<Finding> = []
  const tell = (kind: string, variable: string, what: string, cure = unset(variable)) =>
    findings.push(warn(`${id}.${kind}`, variable, `${what} (${name})`, cure))
  const url = text("ANTHROPIC_BASE_URL")
  if (url !== "" && !leadsHere(url, facts))
    tell("base_url", "ANTHROPIC_BASE_URL", "leads elsewhere, and wins over yours")
  if (url !== "" && leadsHere(url, facts) && without(url) !== url.replace(/\/+$/, "")) {
    tell(
      "base_url_v1",
      "ANTHROPIC_BASE_URL",
      "ends in /v1, which Claude Code adds itself",
      `ANTHROPIC_BASE_URL=${without(url)}`
    )
  }
  for (const flag of ["CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_VERTEX", "CLAUDE_CODE_USE_FOUNDRY"]) {
    const value = text(flag).toLowerCase()
    if (value !== "" && value !== "0" && value !== "false") tell("provider", flag, "sends Claude Code to another cloud")
  }
  if (text("ANTHROPIC_API_KEY") !== "" && text("ANTHROPIC_AUTH_TOKEN") !== "") {
    tell("two_keys", "ANTHROPIC_API_KEY", "is set beside ANTHROPIC_AUTH_TOKEN")
  }
  return findings
}

const openai = (facts: Facts, values: Values, { id, name, unset }: Place): ReadonlyArray<Finding> =>
  ["OPENAI_BASE_URL", "OPENAI_API_BASE"].flatMap((variable) => {
    const url = values[variable]
    if (typeof url !== "string" || url === "") return []
    if (!leadsHere(url, facts)) {
      return [warn(`${id}.openai_url`, variable, `leads elsewhere, and wins over yours (${name})`, unset(variable))]
    }
    return /\/v1\/*$/.test(url)
      ? []
      : [
          warn(
            `${id}.openai_url_v1`,
            variable,
            `has no /v1, which OpenAI's clients do not add (${name})`,
            `${variable}=${without(url)}/v1`
          )
        ]
  })

/** Settings of Claude Code, the strongest first. */
const claude = (facts: Facts): ReadonlyArray<Finding> => {
  const { cwd, env, home } = facts
  const own = env["CLAUDE_CONFIG_DIR"] ?? join(home, ".claude")
  const files = [
    "/etc/claude-code/managed-settings.json",
    join(cwd, ".claude", "settings.local.json"),
    join(cwd, ".claude", "settings.json"),
    join(own, "settings.json")
  ]
  return [...new Set(files)].flatMap((path) => {
    const text = read(path)
    if (text === undefined) return []
    const shown = Terminal.short(path, home)
    const place: Place = { name: shown, id: "claude", unset: (variable) => `remove ${variable} from its env` }
    try {
      const parsed: unknown = JSON.parse(text)
      if (!isRecord(parsed))
        return [warn("claude.json", shown, "is no JSON object: Claude Code ignores it", "correct it")]
      const helper = parsed["apiKeyHelper"]
      const key =
        typeof helper === "string"
          ? [
              warn(
                "claude.key_helper",
                "apiKeyHelper",
                `asks for another key (${shown})`,
                "remove it, or lingma-gateway launch claude"
              )
            ]
          : []
      const values = isRecord(parsed["env"]) ? parsed["env"] : {}
      const token =
        typeof values["ANTHROPIC_AUTH_TOKEN"] === "string" || typeof values["ANTHROPIC_API_KEY"] === "string"
      const keys =
        token && !("ANTHROPIC_BASE_URL" in values)
          ? [warn("claude.key", "ANTHROPIC_AUTH_TOKEN", `of ${shown} wins over yours`, "remove it from its env")]
          : []
      return [...anthropic(facts, values, place), ...key, ...keys]
    } catch {
      return [warn("claude.json", shown, "is no JSON: Claude Code ignores it", "correct it")]
    }
  })
}

/** A value of a TOML table's first level, or of `[model_providers.NAME]`. */
const tomlValue = (text: string, table: string | undefined, key: string): string | undefined => {
  const parts = text.split(/^\s*\[([^\]\n]+)\]\s*$/m)
  const at =
    table === undefined ? -1 : parts.findIndex((part, i) => i % 2 === 1 && part.replaceAll('"', "").trim() === table)
  const body = table === undefined ? (parts[0] ?? "") : at < 0 ? "" : (parts[at + 1] ?? "")
  return new RegExp(`^\\s*${key}\\s*=\\s*["']([^"'\\n]*)["']`, "m").exec(body)?.[1]
}

const codex = (facts: Facts): ReadonlyArray<Finding> => {
  const path = join(facts.env["CODEX_HOME"] ?? join(facts.home, ".codex"), "config.toml")
  const text = read(path)
  if (text === undefined) return []
  const shown = Terminal.short(path, facts.home)
  const provider = tomlValue(text, undefined, "model_provider")
  const url = tomlValue(text, undefined, "openai_base_url")
  const base = provider === undefined ? undefined : tomlValue(text, `model_providers.${provider}`, "base_url")
  if (provider !== undefined && base === undefined && provider !== "openai") return []
  if (base !== undefined && !leadsHere(base, facts)) {
    return [
      warn(
        "codex.provider",
        `model_provider "${provider}"`,
        `leads elsewhere (${shown})`,
        'lingma-gateway launch codex, or model_provider = "lingma"'
      )
    ]
  }
  if (base !== undefined && !/\/v1\/*$/.test(base)) {
    return [warn("codex.base_url_v1", "base_url", `has no /v1 (${shown})`, `base_url = "${without(base)}/v1"`)]
  }
  return url !== undefined && base === undefined && !leadsHere(url, facts)
    ? [
        warn(
          "codex.openai_url",
          "openai_base_url",
          `leads elsewhere (${shown})`,
          "lingma-gateway launch codex, or remove it"
        )
      ]
    : []
}

const qwen = (facts: Facts): ReadonlyArray<Finding> => {
  const path = join(facts.home, ".qwen", ".env")
  const lines = [...(read(path) ?? "").matchAll(/^\s*(?:export\s+)?(OPENAI_\w+)\s*=\s*["']?([^"'\n#]*)/gm)]
  const values = Object.fromEntries(lines.map(([, name = "", value = ""]) => [name, value.trim()]))
  const place: Place = {
    name: Terminal.short(path, facts.home),
    id: "qwen",
    unset: (variable) => `remove ${variable} there`
  }
  return openai(facts, values, place)
}

export const check = (facts: Facts): Effect.Effect<ReadonlyArray<Finding>> =>
  Effect.sync(() => {
    const place: Place = { name: "environment", id: "env", unset: (variable) => `unset ${variable}` }
    const found = [
      ...anthropic(facts, facts.env, place),
      ...openai(facts, facts.env, place),
      ...claude(facts),
      ...codex(facts),
      ...qwen(facts)
    ]
    return found.length > 0 ? found : [ok("clients", "clients", "nothing of theirs in the way")]
  })

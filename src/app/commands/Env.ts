/**
 * Command `lingma-gateway env`: variables that lead clients to the gateway, to be evaluated by a shell.
 */
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import { Console, Effect, Option, Redacted } from "effect"
import * as Config from "../../config/Config.ts"
import * as Running from "../running/Running.ts"
import * as House from "./House.ts"

const clients = ["openai", "anthropic", "claude", "codex", "opencode", "qwen", "pi"] as const
type Client = (typeof clients)[number]

const client = Options.choice("client", clients).pipe(
  Options.withDescription("for one client only; default: for OpenAI's and Anthropic's"),
  Options.optional
)
const shell = Options.choice("shell", ["sh", "fish", "powershell"] as const).pipe(
  Options.withDescription("whose syntax"),
  Options.withDefault("sh" as const)
)

type Variables = Readonly<Record<string, string>>

/** As docs/clients.md has them. */
export const variablesOf = (client: Client | undefined, base: string, key: string, model: string): Variables => {
  const openai = { OPENAI_BASE_URL: `${base}/v1`, OPENAI_API_KEY: key }
  const anthropic = { ANTHROPIC_BASE_URL: base, ANTHROPIC_AUTH_TOKEN: key }
  switch (client) {
    case undefined:
      return { ...openai, ...anthropic }
    case "openai":
      return openai
    case "anthropic":
      return anthropic
    case "claude":
      return { ...anthropic, CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1" }
    case "codex":
    case "pi":
      return { LINGMA_API_KEY: key }
    case "opencode":
      return { OPENCODE_DISABLE_MODELS_FETCH: "1", OPENCODE_DISABLE_LSP_DOWNLOAD: "1" }
    case "qwen":
      return { ...openai, OPENAI_MODEL: model }
  }
}

/** A value as one word, whatever it holds. */
const quoted = (shell: "sh" | "fish" | "powershell", text: string): string => {
  if (/^[\w.:/@%+=-]+$/.test(text)) return shell === "powershell" ? `'${text}'` : text
  if (shell === "powershell") return `'${text.replaceAll("'", "''")}'`
  return shell === "fish"
    ? `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`
    : `'${text.replaceAll("'", `'\\''`)}'`
}

export const line = (shell: "sh" | "fish" | "powershell", name: string, value: string): string => {
  const text = quoted(shell, value)
  if (shell === "fish") return `set -gx ${name} ${text};`
  return shell === "powershell" ? `$Env:${name} = ${text}` : `export ${name}=${text}`
}

export const command = Command.make(
  "env",
  { client, shell, file: House.file, json: House.json },
  ({ client, file, json, shell }) =>
    Effect.gen(function* () {
      const settings = yield* Config.checked
      const key = Option.fromNullable(settings.apiKeys[0])
      const variables = variablesOf(
        Option.getOrUndefined(client),
        Running.baseOf(settings),
        Option.match(key, { onNone: () => "any-key", onSome: Redacted.value }),
        settings.defaultModel
      )
      yield* json
        ? House.printJson(variables)
        : House.printLines(Object.entries(variables).map(([name, value]) => line(shell, name, value)))
      const isHere = process.stdout.isTTY === true && !json
      if (isHere) yield* Console.error(`# eval "$(lingma-gateway env)" sets them in this shell`)
    }).pipe((effect) => House.withSettings(effect, file))
).pipe(Command.withDescription('variables for clients: eval "$(lingma-gateway env)"'))

/**
 * How each client is told of the gateway: by variables, options and files of a profile directory, and none of the user's.
 */
import { join } from "node:path"
import { settings } from "../../config/Config.ts"

export const clients = ["claude", "codex", "opencode", "qwen", "pi"] as const
export type Client = (typeof clients)[number]

export interface Given {
  /** Without `/v1`. */
  readonly base: string
  readonly key: string
  /** Id of the model to ask for. */
  readonly model: string
  /** Its tokens, where the gateway knows them. */
  readonly context: number | undefined
  /** The profile directory. */
  readonly dir: string
}

export interface Profile {
  readonly command: string
  /** Before those of the user. */
  readonly args: ReadonlyArray<string>
  readonly env: Readonly<Record<string, string>>
  /** Variables of the user's that would lead it elsewhere: patterns of names. */
  readonly without: RegExp
  /** By their path in the profile directory. */
  readonly files: Readonly<Record<string, string>>
  /** Files that are the client's own once they are there. */
  readonly seeds: Readonly<Record<string, string>>
  readonly install: string
}

const json = (value: unknown) => `${JSON.stringify(value, undefined, 2)}\n`

/** Asked by Claude Code for the line below its input: which model answers the one that was chosen. */
const statusLine = `// The status line: the model that answers the one that is chosen.
let text = ""
for await (const part of process.stdin) text += part
const asked = JSON.parse(text)?.model?.id ?? ""
const headers = { authorization: \`Bearer \${process.env.ANTHROPIC_AUTH_TOKEN}\` }
const url = \`\${process.env.ANTHROPIC_BASE_URL}/v1/models/\${encodeURIComponent(asked)}\`
const found = await fetch(url, { headers, signal: AbortSignal.timeout(1000) }).then((it) => it.json()).catch(() => ({}))
const name = String(found.name ?? asked).replace(/\\p{C}/gu, "?")
process.stdout.write(name + " by Lingma gateway")
`

/** Where the gateway does not know the window of a model. */
const UNKNOWN_CONTEXT = 128_000

const claude = ({ base, context, dir, key, model }: Given): Profile => {
  // Without it a million tokens are assumed.
  const window = { CLAUDE_CODE_MAX_CONTEXT_TOKENS: String(context ?? UNKNOWN_CONTEXT) }
  const env = {
    ANTHROPIC_BASE_URL: base,
    ANTHROPIC_AUTH_TOKEN: key,
    ANTHROPIC_MODEL: model,
    ANTHROPIC_SMALL_FAST_MODEL: model,
    ANTHROPIC_DEFAULT_OPUS_MODEL: model,
    ANTHROPIC_DEFAULT_SONNET_MODEL: model,
    ANTHROPIC_DEFAULT_HAIKU_MODEL: model,
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: "1",
    DISABLE_AUTOUPDATER: "1",
    ...window
  }
  // Those of a project's settings would win over the environment; these win over them.
  const none = ["ANTHROPIC_API_KEY", "CLAUDE_CODE_USE_BEDROCK", "CLAUDE_CODE_USE_VERTEX", "CLAUDE_CODE_USE_FOUNDRY"]
  const inline = {
    env: { ...env, ...Object.fromEntries(none.map((name) => [name, ""])) },
    model,
    apiKeyHelper: "",
    statusLine: { type: "command", command: `"${process.execPath}" "${join(dir, "status-line.mjs")}"` }
  }
  return {
    command: "claude",
    args: ["--settings", join(dir, "gateway.json")],
    env: { ...env, CLAUDE_CONFIG_DIR: dir },
    without: /^(?:ANTHROPIC_|CLAUDE_CODE_USE_|CLAUDE_CONFIG_DIR$|AWS_BEARER_TOKEN_BEDROCK$|CLAUDE_CODE_OAUTH_TOKEN$)/,
    files: { "gateway.json": json(inline), "status-line.mjs": statusLine },
    seeds: { ".claude.json": json({ hasCompletedOnboarding: true }) },
    install: "npm install -g @anthropic-ai/claude-code"
  }
}

const codex = ({ base, context, dir, key, model }: Given): Profile => {
  const provider = `{name="Lingma gateway",base_url="${base}/v1",env_key="LINGMA_API_KEY",wire_api="responses"}`
  // Before a project's own file.
  const set = [
    `model=${JSON.stringify(model)}`,
    'model_provider="lingma"',
    `model_providers.lingma=${provider}`,
    'web_search="disabled"',
    "check_for_update_on_startup=false",
    "analytics.enabled=false",
    ...(context === undefined ? [] : [`model_context_window=${context}`])
  ]
  return {
    command: "codex",
    args: set.flatMap((one) => ["-c", one]),
    env: { CODEX_HOME: dir, LINGMA_API_KEY: key },
    without: /^(?:OPENAI_|CODEX_)/,
    files: {},
    seeds: { "config.toml": "# Settings of Codex when it is started by `lingma-gateway launch codex`.\n" },
    install: "npm install -g @openai/codex"
  }
}

const opencode = ({ base, context, dir, key, model }: Given): Profile => {
  const limit = context === undefined ? {} : { limit: { context, output: 8192 } }
  const content = {
    $schema: "https://opencode.ai/config.json",
    autoupdate: false,
    share: "disabled",
    model: `lingma/${model}`,
    small_model: `lingma/${model}`,
    enabled_providers: ["lingma"],
    provider: {
      lingma: {
        npm: "@ai-sdk/openai-compatible",
        name: "Lingma gateway",
        options: { baseURL: `${base}/v1`, apiKey: key },
        models: { [model]: { name: model, ...limit } }
      }
    }
  }
  return {
    command: "opencode",
    args: [],
    env: {
      OPENCODE_CONFIG_CONTENT: JSON.stringify(content),
      OPENCODE_DISABLE_MODELS_FETCH: "1",
      OPENCODE_DISABLE_LSP_DOWNLOAD: "1",
      XDG_CONFIG_HOME: join(dir, "config"),
      XDG_DATA_HOME: join(dir, "data"),
      XDG_STATE_HOME: join(dir, "state"),
      XDG_CACHE_HOME: join(dir, "cache")
    },
    without: /^(?:OPENCODE_|OPENAI_|ANTHROPIC_|XDG_(?:CONFIG|DATA|STATE|CACHE)_HOME$)/,
    files: {},
    seeds: {},
    install: "npm install -g opencode-ai"
  }
}

const qwen = ({ base, dir, key, model }: Given): Profile => ({
  command: "qwen",
  args: ["--auth-type", "openai", "--model", model],
  env: {
    QWEN_HOME: dir,
    OPENAI_BASE_URL: `${base}/v1`,
    OPENAI_API_KEY: key,
    OPENAI_MODEL: model
  },
  without: /^(?:OPENAI_|QWEN_|DASHSCOPE_|ANTHROPIC_|GEMINI_)/,
  files: {},
  seeds: {
    "settings.json": json({
      security: { auth: { selectedType: "openai" } },
      privacy: { usageStatisticsEnabled: false },
      telemetry: { enabled: false },
      general: { enableAutoUpdate: false },
      memory: { enableManagedAutoMemory: false, enableManagedAutoDream: false }
    })
  },
  install: "npm install -g @qwen-code/qwen-code"
})

const pi = ({ base, context, dir, key, model }: Given): Profile => ({
  command: "pi",
  args: ["--provider", "lingma", "--model", model],
  env: { PI_CODING_AGENT_DIR: dir, LINGMA_API_KEY: key, PI_TELEMETRY: "0" },
  without: /^(?:OPENAI_|ANTHROPIC_|PI_)/,
  files: {
    "models.json": json({
      providers: {
        lingma: {
          baseUrl: `${base}/v1`,
          api: "openai-completions",
          apiKey: "LINGMA_API_KEY",
          models: [{ id: model, ...(context === undefined ? {} : { contextWindow: context }) }]
        }
      }
    })
  },
  seeds: {},
  install: "npm install -g @mariozechner/pi-coding-agent"
})

const all: Readonly<Record<Client, (given: Given) => Profile>> = { claude, codex, opencode, qwen, pi }

export const of = (client: Client, given: Given): Profile => all[client](given)

const secrets = new Set(settings.filter(({ secret }) => secret).map(({ name }) => name))

/**
 * The client's environment: the user's, without what would lead it elsewhere or is the gateway's secret, and not by way
 * of a proxy. `base` is the gateway's, which may listen at another address than loopback.
 */
export const environment = (profile: Profile, own: NodeJS.ProcessEnv, base: string): NodeJS.ProcessEnv => {
  const kept = Object.entries(own).filter(([name]) => !profile.without.test(name) && !secrets.has(name))
  const hosts = new Set(["127.0.0.1", "localhost", new URL(base).hostname.replace(/^\[|\]$/g, "")])
  const spared = [own["NO_PROXY"] ?? own["no_proxy"] ?? "", ...hosts].filter((one) => one !== "").join(",")
  return { ...Object.fromEntries(kept), NO_PROXY: spared, no_proxy: spared, ...profile.env }
}

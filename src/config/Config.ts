/**
 * Every setting, its default and its environment variable, in one table.
 *
 * An error names the variable and the rule, never the value, which may be a secret.
 */
import { Config, ConfigError, ConfigProvider, Context, Effect, Either, Layer } from "effect"
import * as Model from "../domain/Model.ts"
import { loginSettings } from "./LoginSettings.ts"
import { serviceSettings } from "./ServiceSettings.ts"
import { all, live, type Setting, setting } from "./Setting.ts"
import * as SettingConflicts from "./SettingConflicts.ts"
import * as Rule from "./SettingRules.ts"
import { telemetrySettings } from "./TelemetrySettings.ts"

const key = { secret: true, emptyIs: "wrong" } as const

const table = {
  host: setting("GATEWAY_HOST", "127.0.0.1", "listen address; a non-loopback address requires API_KEYS", Rule.text),
  port: setting("GATEWAY_PORT", "8370", "listen port; 0 picks a free one", Rule.integer(0, 65535)),
  allowOpen: setting(
    "GATEWAY_ALLOW_OPEN",
    "false",
    "let everybody in without keys, also on a non-loopback address",
    Rule.flag
  ),
  apiKeys: live("API_KEYS", "", "comma-separated keys; empty = no authentication, loopback only", Rule.keys, key),
  adminKeys: live("ADMIN_KEYS", "", "keys for /internal/*, comma-separated; empty = API_KEYS apply", Rule.keys, key),
  metricsToken: live("METRICS_TOKEN", "", "token for /metrics; empty = admin or API keys apply", Rule.secret, key),
  maxInFlight: live("GATEWAY_MAX_IN_FLIGHT", "64", "max concurrent chats", Rule.integer(1, 100_000)),
  queueTimeout: live("GATEWAY_QUEUE_TIMEOUT_SEC", "30", "max wait for a slot, in seconds", Rule.seconds(0, 3600)),
  queueMax: live("GATEWAY_QUEUE_MAX", "256", "max queued chats; more are rejected", Rule.integer(0, 1_000_000)),
  maxConnections: setting(
    "GATEWAY_MAX_CONNECTIONS",
    "4096",
    "max open connections; above it an idle one is closed",
    Rule.integer(1, 1_000_000)
  ),
  headersTimeout: setting(
    "GATEWAY_HEADERS_TIMEOUT_SEC",
    "15",
    "time limit for receiving a request's headers, in seconds",
    Rule.seconds(0.1, 3600)
  ),
  requestTimeout: setting(
    "GATEWAY_REQUEST_TIMEOUT_SEC",
    "30",
    "time limit for receiving a whole request with its body, in seconds",
    Rule.seconds(0.1, 3600)
  ),
  shedLag: live(
    "GATEWAY_SHED_LAG_MS",
    "1000",
    "reject new chats while the event loop lags by this many milliseconds; 0 = never",
    Rule.integer(0, 600_000)
  ),
  shedMemoryPercent: live(
    "GATEWAY_SHED_MEMORY_PERCENT",
    "92",
    "reject new chats while this percentage of the heap, or of the container's memory, is in use; 0 = never",
    Rule.integer(0, 100)
  ),
  bodyLimitMb: live("GATEWAY_BODY_LIMIT_MB", "32", "max request body, in MiB", Rule.number(0.001, 1024, "a number")),
  bodiesLimitMb: live(
    "GATEWAY_BODIES_LIMIT_MB",
    "256",
    "max memory for all request bodies together, in MiB; further requests are rejected",
    Rule.number(0.001, 65_536, "a number")
  ),
  bodiesPerKeyMb: live(
    "GATEWAY_BODIES_PER_KEY_MB",
    "128",
    "max part of GATEWAY_BODIES_LIMIT_MB for one API key, in MiB; without API_KEYS all clients count as one",
    Rule.number(0.001, 65_536, "a number")
  ),
  imageLimitMb: live("GATEWAY_IMAGE_LIMIT_MB", "10", "max image size, in MiB", Rule.number(0.001, 1024, "a number")),
  imageUrls: live("GATEWAY_IMAGE_URLS", "false", "fetch images from public http(s) URLs", Rule.flag),
  firstTokenTimeout: live(
    "GATEWAY_FIRST_TOKEN_TIMEOUT_SEC",
    "120",
    "max wait for the first event, including the wait for an instance, in seconds",
    Rule.seconds(0.01, 86_400)
  ),
  idleTimeout: live(
    "GATEWAY_IDLE_TIMEOUT_SEC",
    "60",
    "max gap between two events of an answer, in seconds",
    Rule.seconds(0.01, 86_400)
  ),
  totalTimeout: live("GATEWAY_TOTAL_TIMEOUT_SEC", "1800", "longest answer, in seconds", Rule.seconds(0.01, 604_800)),
  keepAlive: live(
    "GATEWAY_KEEPALIVE_SEC",
    "15",
    "interval of keep-alive comments in a silent stream, in seconds",
    Rule.seconds(0.01, 3600)
  ),
  messagesKeepAlive: live(
    "MESSAGES_KEEPALIVE",
    "comment",
    "what /v1/messages sends as keep-alive: comment or ping",
    Rule.oneOf("comment", "ping")
  ),
  hostId: setting(
    "GATEWAY_HOST_ID",
    "",
    "name of this gateway among several behind a balancer, in the ids of responses: a-z, 0-9 and -, at most 16; empty = none",
    Rule.hostId
  ),
  drainDelay: live(
    "GATEWAY_DRAIN_DELAY_SEC",
    "0",
    "at shutdown: time for a balancer to notice that /readyz says 503, while chats are still taken, in seconds",
    Rule.seconds(0, 600)
  ),
  drainTimeout: live(
    "GATEWAY_DRAIN_TIMEOUT_SEC",
    "30",
    "max time for running chats to finish at shutdown, in seconds",
    Rule.seconds(0, 3600)
  ),
  allowedHosts: live("GATEWAY_ALLOWED_HOSTS", "", "comma-separated Host names to accept on loopback", Rule.list),
  corsOrigins: live(
    "GATEWAY_CORS_ORIGINS",
    "",
    "comma-separated web origins, or schemes of extensions such as vscode-webview://*; empty = no CORS",
    Rule.origins
  ),
  ollamaDiscovery: live(
    "OLLAMA_DISCOVERY",
    "false",
    "answer /api/version, /api/tags and /api/show for clients that look for an Ollama server",
    Rule.flag
  ),
  lingmaBin: setting("LINGMA_BIN", "", "path of the Lingma binary; empty = the built-in emulator", Rule.optionalPath),
  lingmaWorkDir: setting(
    "LINGMA_WORK_DIR",
    "",
    "directory of Lingma's login and state; empty = lingma in $STATE_DIRECTORY, in data of a checkout, or in ~/.local/state/lingma-gateway",
    Rule.workDir
  ),
  lingmaSocketPort: setting(
    "LINGMA_SOCKET_PORT",
    "37010",
    "WebSocket port of a single instance; several instances use free ports",
    Rule.integer(1, 65535)
  ),
  attach: setting(
    "LINGMA_ATTACH",
    "",
    "auto, or comma-separated ws://… URLs: use Lingmas that already run; they are never started or stopped",
    Rule.attach
  ),
  accounts: live("LINGMA_ACCOUNTS", "", "u1:p1,u2:p2 or JSON; one instance per account", Rule.accounts, key),
  username: live("LINGMA_USERNAME", "", "user name of a single account, with LINGMA_PASSWORD", Rule.optional, key),
  password: live("LINGMA_PASSWORD", "", "password of LINGMA_USERNAME", Rule.secret, key),
  instanceCount: live("LINGMA_INSTANCE_COUNT", "", "instances; empty = one per account, else 1", Rule.count),
  maxInFlightPerInstance: live(
    "LINGMA_MAX_IN_FLIGHT_PER_INSTANCE",
    "0",
    "max concurrent chats per instance; 0 = no separate limit",
    Rule.integer(0, 100_000)
  ),
  agentPermissions: setting(
    "LINGMA_AGENT_PERMISSIONS",
    "refuse",
    "reply to Lingma's permission requests in agent mode; only refuse is supported",
    Rule.oneOf("refuse")
  ),
  startupTimeout: setting(
    "LINGMA_STARTUP_TIMEOUT",
    "30",
    "max time for Lingma to start, or to reconnect after a loss, in seconds",
    Rule.seconds(0.1, 600)
  ),
  rpcTimeout: setting("LINGMA_RPC_TIMEOUT", "30", "timeout of one call to Lingma, in seconds", Rule.seconds(0.1, 600)),
  childEnv: setting(
    "LINGMA_CHILD_ENV",
    "",
    "comma-separated names of additional environment variables passed to Lingma",
    Rule.environmentNames
  ),
  defaultModel: live("DEFAULT_MODEL", "auto", "model used for the names auto, lingma and agent", Rule.text),
  defaultAskMode: live("DEFAULT_ASK_MODE", "chat", "default mode: chat or agent", Rule.oneOf("chat", "agent")),
  modelAliases: live(
    "MODEL_ALIASES",
    "claude-*=lingma",
    "pattern=model, first match wins: claude-*=qwen3-coder; auto@high|xhigh=qwen3-thinking for these efforts only; lingma = DEFAULT_MODEL",
    Model.parseAliases
  ),
  modelFallback: live(
    "MODEL_FALLBACK",
    "none",
    "for unknown models: none = an error, default = use DEFAULT_MODEL",
    Rule.oneOf("none", "default")
  ),
  strictParams: live(
    "GATEWAY_STRICT_PARAMS",
    "false",
    "reject request fields that would be ignored, instead of listing them in a response header",
    Rule.flag
  ),
  reasoningField: live(
    "REASONING_FIELD",
    "reasoning_content",
    "where chat completions put reasoning: reasoning_content, reasoning, both, none, or think-tags inside content",
    Rule.oneOf("reasoning_content", "reasoning", "both", "think-tags", "none")
  ),
  responsesStore: setting(
    "RESPONSES_STORE",
    "100",
    "max responses of /v1/responses kept in memory for previous_response_id; 0 = none",
    Rule.integer(0, 10_000)
  ),
  responsesWebsocket: setting(
    "RESPONSES_WEBSOCKET",
    "true",
    "serve /v1/responses over WebSocket, too; false = answer 426, at which Codex goes on over HTTP",
    Rule.flag
  ),
  ...serviceSettings,
  toolFormat: live("TOOL_FORMAT", "xml", "tool-call syntax in prompts: xml or hermes", Rule.oneOf("xml", "hermes")),
  toolRetries: live(
    "TOOL_RETRIES",
    "1",
    "max retries per chat after an invalid tool call, invalid JSON output or an empty answer, while nothing has been sent",
    Rule.integer(0, 3)
  ),
  tokenCounter: setting(
    "TOKEN_COUNTER",
    "estimate",
    "estimate, o200k (needs gpt-tokenizer) or qwen (needs @huggingface/tokenizers and TOKEN_COUNTER_FILE)",
    Rule.oneOf("estimate", "o200k", "qwen")
  ),
  tokenCounterFile: setting("TOKEN_COUNTER_FILE", "", "path of a tokenizer.json; required for qwen", Rule.optionalPath),
  ...loginSettings,
  dedicatedDomainUrl: setting("DEDICATED_DOMAIN_URL", "", "enterprise endpoint of Lingma; empty = none", Rule.endpoint),
  ...telemetrySettings,
  logLevel: live(
    "LOG_LEVEL",
    "info",
    "minimum level: trace, debug, info, warn, error or off",
    Rule.oneOf("trace", "debug", "info", "warn", "error", "off")
  ),
  logFormat: setting("LOG_FORMAT", "", "json or pretty; empty = pretty on a TTY", Rule.oneOf("json", "pretty", ""))
}

/** All settings in the order of `.env.example`; `lingma-gateway config` prints them. */
export const settings: ReadonlyArray<Setting> = Object.values(table)

export const config = all(table)

/** The unparsed text of a setting, or its default. */
export const raw = (one: Setting): Config.Config<string> => Config.withDefault(Config.string(one.name), one.default)

/**
 * All settings, parsed: times are `Duration`s, secrets `Redacted`, optional values `Option`s. The table above has the
 * meaning, unit, default and variable of each field.
 */
export type Settings = Config.Config.Success<typeof config>

/** Each setting with its field in `Settings`. */
export const fields = Object.entries(table) as ReadonlyArray<readonly [keyof Settings, Setting]>

export { isLoopback } from "./SettingConflicts.ts"

/** The settings, with the rules between them checked as well. */
export const checked = Config.mapOrFail(config, (all) => {
  const broken = SettingConflicts.find(all)
  return broken === undefined ? Either.right(all) : Either.left(ConfigError.InvalidData([], broken))
})

/** The effective settings. */
export class GatewayConfig extends Context.Tag("lingma-gateway/Config")<GatewayConfig, Settings>() {
  /** Reads the `ConfigProvider`, by default the environment; fails with a `ConfigError` on an invalid value. */
  static readonly layerFromEnv: Layer.Layer<GatewayConfig, ConfigError.ConfigError> = Layer.effect(
    GatewayConfig,
    checked
  )

  /** The defaults, with some settings replaced; for tests and embedding. Ignores the environment. */
  static readonly layer = (settings: Partial<Settings> = {}): Layer.Layer<GatewayConfig> =>
    Layer.effect(
      GatewayConfig,
      config.pipe(
        Effect.withConfigProvider(ConfigProvider.fromMap(new Map())),
        Effect.map((defaults) => ({ ...defaults, ...settings })),
        Effect.orDie // a test ensures that the defaults are valid
      )
    )
}

/** One line per invalid setting: its variable and the rule it breaks. */
export const explain = (error: ConfigError.ConfigError): ReadonlyArray<string> =>
  ConfigError.isConfigError(error) && (error._op === "And" || error._op === "Or")
    ? [...explain(error.left), ...explain(error.right)]
    : ["message" in error ? error.message : String(error)]

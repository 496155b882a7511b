/**
 * Every setting, its default and its environment variable, in one table.
 *
 * A wrong value is reported by variable and rule, never by value.
 */
import { Config, ConfigError, ConfigProvider, Context, Effect, Either, Layer } from "effect"
import * as Model from "../domain/Model.ts"
import { all, type Setting, setting } from "./Setting.ts"
import * as SettingConflicts from "./SettingConflicts.ts"
import * as Rule from "./SettingRules.ts"
import { telemetrySettings } from "./TelemetrySettings.ts"

const key = { secret: true, emptyIs: "wrong" } as const

const table = {
  host: setting("GATEWAY_HOST", "127.0.0.1", "address to listen on; another than loopback needs API_KEYS", Rule.text),
  port: setting("GATEWAY_PORT", "8370", "port to listen on; 0 takes a free one", Rule.integer(0, 65535)),
  allowOpen: setting("GATEWAY_ALLOW_OPEN", "false", "serve other hosts without API_KEYS", Rule.flag),
  apiKeys: setting("API_KEYS", "", "comma separated; none = open on loopback only", Rule.keys, key),
  adminKeys: setting("ADMIN_KEYS", "", "for /internal/*; none = API_KEYS open it", Rule.keys, key),
  metricsToken: setting("METRICS_TOKEN", "", "for /metrics; none = an admin or API key", Rule.secret, key),
  maxInFlight: setting("GATEWAY_MAX_IN_FLIGHT", "64", "chats running at once", Rule.integer(1, 100_000)),
  queueTimeout: setting("GATEWAY_QUEUE_TIMEOUT_SEC", "30", "longest wait for a slot", Rule.seconds(0, 3600)),
  queueMax: setting("GATEWAY_QUEUE_MAX", "256", "chats waiting at once; more are refused", Rule.integer(0, 1_000_000)),
  maxConnections: setting(
    "GATEWAY_MAX_CONNECTIONS",
    "4096",
    "connections at once; over it one is closed that serves nothing",
    Rule.integer(1, 1_000_000)
  ),
  headersTimeout: setting(
    "GATEWAY_HEADERS_TIMEOUT_SEC",
    "15",
    "time for a request's headers to arrive",
    Rule.seconds(0.1, 3600)
  ),
  requestTimeout: setting(
    "GATEWAY_REQUEST_TIMEOUT_SEC",
    "30",
    "time for a whole request to arrive, its body included",
    Rule.seconds(0.1, 3600)
  ),
  shedLag: setting(
    "GATEWAY_SHED_LAG_MS",
    "1000",
    "new chats are refused while the event loop is this late; 0 = never",
    Rule.integer(0, 600_000)
  ),
  shedMemoryPercent: setting(
    "GATEWAY_SHED_MEMORY_PERCENT",
    "92",
    "new chats are refused while so much of the heap, or of the container's memory, is in use; 0 = never",
    Rule.integer(0, 100)
  ),
  bodyLimitMb: setting("GATEWAY_BODY_LIMIT_MB", "32", "largest request body", Rule.number(0.001, 1024, "a number")),
  bodiesLimitMb: setting(
    "GATEWAY_BODIES_LIMIT_MB",
    "256",
    "memory that the bodies of all requests may take together; more are refused",
    Rule.number(0.001, 65_536, "a number")
  ),
  bodiesPerKeyMb: setting(
    "GATEWAY_BODIES_PER_KEY_MB",
    "128",
    "of that, what one API key may take; without API_KEYS all callers count as one",
    Rule.number(0.001, 65_536, "a number")
  ),
  imageLimitMb: setting("GATEWAY_IMAGE_LIMIT_MB", "10", "largest image", Rule.number(0.001, 1024, "a number")),
  imageUrls: setting("GATEWAY_IMAGE_URLS", "false", "fetch images from public http(s) addresses", Rule.flag),
  firstTokenTimeout: setting(
    "GATEWAY_FIRST_TOKEN_TIMEOUT_SEC",
    "120",
    "longest wait for a first event, that for the instance included",
    Rule.seconds(0.01, 86_400)
  ),
  idleTimeout: setting(
    "GATEWAY_IDLE_TIMEOUT_SEC",
    "60",
    "longest silence inside an answer",
    Rule.seconds(0.01, 86_400)
  ),
  totalTimeout: setting("GATEWAY_TOTAL_TIMEOUT_SEC", "1800", "longest answer", Rule.seconds(0.01, 604_800)),
  keepAlive: setting(
    "GATEWAY_KEEPALIVE_SEC",
    "15",
    "a comment in a silent stream this often",
    Rule.seconds(0.01, 3600)
  ),
  messagesKeepAlive: setting(
    "MESSAGES_KEEPALIVE",
    "comment",
    "what /v1/messages sends in a silent stream: comment or ping",
    Rule.oneOf("comment", "ping")
  ),
  drainTimeout: setting("GATEWAY_DRAIN_TIMEOUT_SEC", "30", "time for running chats at shutdown", Rule.seconds(0, 3600)),
  allowedHosts: setting("GATEWAY_ALLOWED_HOSTS", "", "further Host names taken on loopback", Rule.list),
  corsOrigins: setting("GATEWAY_CORS_ORIGINS", "", "web origins that may call; none = no CORS", Rule.origins),
  lingmaBin: setting("LINGMA_BIN", "", "path of the Lingma binary; none = the built-in emulator", Rule.optional),
  lingmaWorkDir: setting("LINGMA_WORK_DIR", "data/lingma", "where Lingma keeps its session", Rule.text),
  lingmaSocketPort: setting("LINGMA_SOCKET_PORT", "37010", "port of Lingma's WebSocket", Rule.integer(1, 65535)),
  attach: setting(
    "LINGMA_ATTACH",
    "",
    "auto, or ws://… addresses: use Lingmas that already run, never start or stop them",
    Rule.attach
  ),
  accounts: setting("LINGMA_ACCOUNTS", "", "u1:p1,u2:p2 or JSON: one instance for each", Rule.accounts, key),
  username: setting("LINGMA_USERNAME", "", "the account, when there is one", Rule.optional, key),
  password: setting("LINGMA_PASSWORD", "", "its password", Rule.secret, key),
  instanceCount: setting(
    "LINGMA_INSTANCE_COUNT",
    "",
    "how many Lingmas; none = one for each account, else 1",
    Rule.count
  ),
  maxInFlightPerInstance: setting(
    "LINGMA_MAX_IN_FLIGHT_PER_INSTANCE",
    "0",
    "chats at once on one instance; 0 = no limit of its own",
    Rule.integer(0, 100_000)
  ),
  agentPermissions: setting(
    "LINGMA_AGENT_PERMISSIONS",
    "refuse",
    "what Lingma may do here in agent mode",
    Rule.oneOf("refuse")
  ),
  startupTimeout: setting(
    "LINGMA_STARTUP_TIMEOUT",
    "30",
    "time for Lingma to come up, and to be back when it is lost",
    Rule.seconds(0.1, 600)
  ),
  rpcTimeout: setting("LINGMA_RPC_TIMEOUT", "30", "time for one call to Lingma", Rule.seconds(0.1, 600)),
  childEnv: setting("LINGMA_CHILD_ENV", "", "names of further variables Lingma may see", Rule.environmentNames),
  defaultModel: setting("DEFAULT_MODEL", "auto", "what auto, lingma and agent mean", Rule.text),
  defaultAskMode: setting("DEFAULT_ASK_MODE", "chat", "chat or agent", Rule.oneOf("chat", "agent")),
  modelAliases: setting(
    "MODEL_ALIASES",
    "claude-*=lingma",
    "patterns, first match wins: claude-*=qwen3-coder; auto@high|xhigh=qwen3-thinking for these efforts only; lingma = DEFAULT_MODEL",
    Model.parseAliases
  ),
  modelFallback: setting(
    "MODEL_FALLBACK",
    "none",
    "default = an unknown model means DEFAULT_MODEL",
    Rule.oneOf("none", "default")
  ),
  strictParams: setting(
    "GATEWAY_STRICT_PARAMS",
    "false",
    "refuse request fields that would be ignored, instead of naming them in a header",
    Rule.flag
  ),
  reasoningField: setting(
    "REASONING_FIELD",
    "reasoning_content",
    "where chat completions put thoughts: reasoning_content, reasoning, both, none, or think-tags inside content",
    Rule.oneOf("reasoning_content", "reasoning", "both", "think-tags", "none")
  ),
  responsesStore: setting(
    "RESPONSES_STORE",
    "0",
    "how many responses of /v1/responses are kept in memory, for previous_response_id; 0 = none",
    Rule.integer(0, 10_000)
  ),
  toolFormat: setting(
    "TOOL_FORMAT",
    "xml",
    "how models are taught to call tools: xml or hermes",
    Rule.oneOf("xml", "hermes")
  ),
  toolRetries: setting(
    "TOOL_RETRIES",
    "1",
    "times a model is asked again that broke a rule of tools or format, or said nothing, before anything was sent",
    Rule.integer(0, 3)
  ),
  tokenCounter: setting(
    "TOKEN_COUNTER",
    "estimate",
    "estimate, o200k (needs gpt-tokenizer) or qwen (needs @huggingface/tokenizers and TOKEN_COUNTER_FILE)",
    Rule.oneOf("estimate", "o200k", "qwen")
  ),
  tokenCounterFile: setting("TOKEN_COUNTER_FILE", "", "path of a tokenizer.json for qwen", Rule.optional),
  autoLoginEnabled: setting(
    "AUTO_LOGIN_ENABLED",
    "",
    "sign accounts in by a browser; true when there are any",
    Rule.maybe(Rule.flag)
  ),
  autoLoginHeadless: setting("AUTO_LOGIN_HEADLESS", "true", "false shows the browser", Rule.flag),
  autoLoginTimeout: setting("AUTO_LOGIN_TIMEOUT", "120", "time for one login", Rule.seconds(1, 3600)),
  autoLoginMaxRetry: setting(
    "AUTO_LOGIN_MAX_RETRY",
    "2",
    "most times a password is handed in before the account rests for 15 minutes",
    Rule.integer(1, 10)
  ),
  autoLoginBrowser: setting("AUTO_LOGIN_BROWSER", "", "path of a Chromium or Chrome; none = looked for", Rule.optional),
  autoLoginHosts: setting(
    "AUTO_LOGIN_HOSTS",
    Rule.LOGIN_HOSTS,
    "host or host:port where a password may be typed",
    Rule.hostList
  ),
  autoLoginOrganization: setting(
    "AUTO_LOGIN_ORGANIZATION",
    "",
    "which one to choose where the login asks",
    Rule.optional
  ),
  autoLoginScreenshots: setting(
    "AUTO_LOGIN_SCREENSHOTS",
    "false",
    "a picture of a failed login in its work dir, fields masked; at most 5",
    Rule.flag
  ),
  dedicatedDomainUrl: setting("DEDICATED_DOMAIN_URL", "", "enterprise endpoint of Lingma", Rule.endpoint),
  ...telemetrySettings,
  logLevel: setting(
    "LOG_LEVEL",
    "info",
    "trace, debug, info, warn, error or off",
    Rule.oneOf("trace", "debug", "info", "warn", "error", "off")
  ),
  logFormat: setting(
    "LOG_FORMAT",
    "",
    "json or pretty; pretty on a terminal, else json",
    Rule.oneOf("json", "pretty", "")
  )
}

/** Read by `.env.example`'s test, by `lingma-gateway config` and by the docs. */
export const settings: ReadonlyArray<Setting> = Object.values(table)

export const config = all(table)

/** A setting as it was written, or its default. */
export const raw = (one: Setting): Config.Config<string> => Config.withDefault(Config.string(one.name), one.default)

/** Every setting, parsed: times are `Duration`s, secrets `Redacted`, what may be unset an `Option`. */
export type Settings = Config.Config.Success<typeof config>

export { isLoopback } from "./SettingConflicts.ts"

/** The settings, checked against each other too. */
export const checked = Config.mapOrFail(config, (all) => {
  const broken = SettingConflicts.find(all)
  return broken === undefined ? Either.right(all) : Either.left(ConfigError.InvalidData([], broken))
})

/** The settings in force. */
export class GatewayConfig extends Context.Tag("lingma-gateway/Config")<GatewayConfig, Settings>() {
  /** From the `ConfigProvider`, which is the environment by default; wrong values are a `ConfigError`. */
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
        Effect.orDie // the defaults parse: a test holds them to it
      )
    )
}

/** One line per wrong setting: the variable and its rule. */
export const explain = (error: ConfigError.ConfigError): ReadonlyArray<string> =>
  ConfigError.isConfigError(error) && (error._op === "And" || error._op === "Or")
    ? [...explain(error.left), ...explain(error.right)]
    : ["message" in error ? error.message : String(error)]

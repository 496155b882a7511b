/**
 * Every setting, its default and its environment variable, in one table.
 *
 * A wrong value is reported by variable and rule, never by value.
 */
import { Config, ConfigError, ConfigProvider, Context, Duration, Effect, Either, Layer, Option, Redacted } from "effect"
import * as Account from "./domain/Account.ts"
import * as Model from "./domain/Model.ts"

export interface Setting {
  readonly name: string
  /** As it would be written in `.env`; empty when there is none. */
  readonly default: string
  readonly note: string
  readonly secret: boolean
}

/** Read by `.env.example`'s test, by `lingma-gateway config` and by the docs. */
export const settings: Array<Setting> = []

type Parse<A> = (text: string) => Either.Either<A, string>

const setting = <A>(
  name: string,
  fallback: string,
  note: string,
  parse: Parse<A>,
  options?: { readonly secret?: boolean; readonly emptyIs?: "unset" | "wrong" }
): Config.Config<A> => {
  settings.push({ name, default: fallback, note, secret: options?.secret ?? false })
  const wrong = (rule: string) => ConfigError.InvalidData([], `${name} ${rule}`)
  return Config.string(name).pipe(
    Config.withDefault(fallback),
    Config.mapOrFail((raw) => {
      const text = raw.trim()
      if (text === "" && raw !== fallback && options?.emptyIs === "wrong")
        return Either.left(wrong("must not be empty"))
      return Either.mapLeft(parse(text === "" ? fallback : text), wrong)
    })
  )
}

const text: Parse<string> = Either.right
const optional: Parse<Option.Option<string>> = (raw) => Either.right(raw === "" ? Option.none() : Option.some(raw))
const secret: Parse<Option.Option<Redacted.Redacted>> = (raw) =>
  Either.right(raw === "" ? Option.none() : Option.some(Redacted.make(raw)))

const number =
  (min: number, max: number, kind: "an integer" | "a number"): Parse<number> =>
  (raw) => {
    const value = /^-?\d+(\.\d+)?$/.test(raw) ? Number(raw) : Number.NaN
    const good = value >= min && value <= max && (kind === "a number" || Number.isInteger(value))
    return good ? Either.right(value) : Either.left(`must be ${kind} from ${min} to ${max}`)
  }
const integer = (min: number, max: number) => number(min, max, "an integer")
const seconds =
  (min: number, max: number): Parse<Duration.Duration> =>
  (raw) =>
    Either.mapBoth(number(min, max, "a number")(raw), {
      onLeft: (rule) => `${rule} (seconds)`,
      onRight: Duration.seconds
    })

const flag: Parse<boolean> = (raw) =>
  /^(true|1|yes|on)$/i.test(raw)
    ? Either.right(true)
    : /^(false|0|no|off)$/i.test(raw)
      ? Either.right(false)
      : Either.left("must be true or false")

const oneOf =
  <const A extends string>(...words: ReadonlyArray<A>): Parse<A> =>
  (raw) => {
    const word = words.find((candidate) => candidate === raw.toLowerCase())
    return word === undefined ? Either.left(`must be one of ${words.join(", ")}`) : Either.right(word)
  }

const list: Parse<ReadonlyArray<string>> = (raw) => {
  if (raw === "") return Either.right([])
  const items = raw.split(",").map((item) => item.trim())
  return items.includes("") ? Either.left("must be a comma separated list without empty items") : Either.right(items)
}
const keys: Parse<ReadonlyArray<Redacted.Redacted>> = (raw) =>
  Either.map(list(raw), (items) => items.map((item) => Redacted.make(item)))

const accounts: Parse<ReadonlyArray<Account.Account>> = (raw) => (raw === "" ? Either.right([]) : Account.parse(raw))

export type Attach = "no" | "auto" | ReadonlyArray<string>
const attach: Parse<Attach> = (raw) => {
  if (raw === "") return Either.right("no")
  if (raw.toLowerCase() === "auto") return Either.right("auto")
  return Either.filterOrLeft(
    list(raw),
    (urls) => urls.every((url) => URL.canParse(url) && /^wss?:$/.test(new URL(url).protocol)),
    () => "must be auto, or a comma separated list of addresses such as ws://127.0.0.1:36510/"
  )
}

const count: Parse<Option.Option<number>> = (raw) =>
  raw === "" ? Either.right(Option.none()) : Either.map(integer(1, 64)(raw), Option.some)

const environmentNames: Parse<ReadonlyArray<string>> = (raw) =>
  Either.filterOrLeft(
    list(raw),
    (names) => names.every((name) => /^[A-Za-z_][A-Za-z0-9_]*$/.test(name)),
    () => "must be a comma separated list of variable names"
  )

const origins: Parse<ReadonlyArray<string>> = (raw) =>
  Either.filterOrLeft(
    list(raw),
    (items) => items.every((item) => URL.canParse(item) && new URL(item).origin === item),
    () => "must be a comma separated list of origins such as https://app.example.com"
  )

const key = { secret: true, emptyIs: "wrong" } as const

export const config = Config.all({
  host: setting("GATEWAY_HOST", "127.0.0.1", "address to listen on; another than loopback needs API_KEYS", text),
  port: setting("GATEWAY_PORT", "8370", "port to listen on; 0 takes a free one", integer(0, 65535)),
  allowOpen: setting("GATEWAY_ALLOW_OPEN", "false", "serve other hosts without API_KEYS", flag),
  apiKeys: setting("API_KEYS", "", "comma separated; none = open on loopback only", keys, key),
  adminKeys: setting("ADMIN_KEYS", "", "for /internal/*; none = API_KEYS open it", keys, key),
  metricsToken: setting("METRICS_TOKEN", "", "for /metrics; none = an admin or API key", secret, key),
  maxInFlight: setting("GATEWAY_MAX_IN_FLIGHT", "64", "chats running at once", integer(1, 100_000)),
  queueTimeout: setting("GATEWAY_QUEUE_TIMEOUT_SEC", "30", "longest wait for a slot", seconds(0, 3600)),
  queueMax: setting("GATEWAY_QUEUE_MAX", "256", "chats waiting at once; more are refused", integer(0, 1_000_000)),
  bodyLimitMb: setting("GATEWAY_BODY_LIMIT_MB", "32", "largest request body", number(0.001, 1024, "a number")),
  firstTokenTimeout: setting(
    "GATEWAY_FIRST_TOKEN_TIMEOUT_SEC",
    "120",
    "longest wait for a first event",
    seconds(0.01, 86_400)
  ),
  idleTimeout: setting("GATEWAY_IDLE_TIMEOUT_SEC", "60", "longest silence inside an answer", seconds(0.01, 86_400)),
  totalTimeout: setting("GATEWAY_TOTAL_TIMEOUT_SEC", "1800", "longest answer", seconds(0.01, 604_800)),
  keepAlive: setting("GATEWAY_KEEPALIVE_SEC", "15", "a comment in a silent stream this often", seconds(0.01, 3600)),
  drainTimeout: setting("GATEWAY_DRAIN_TIMEOUT_SEC", "30", "time for running chats at shutdown", seconds(0, 3600)),
  allowedHosts: setting("GATEWAY_ALLOWED_HOSTS", "", "further Host names taken on loopback", list),
  corsOrigins: setting("GATEWAY_CORS_ORIGINS", "", "web origins that may call; none = no CORS", origins),
  lingmaBin: setting("LINGMA_BIN", "", "path of the Lingma binary; none = the built-in emulator", optional),
  lingmaWorkDir: setting("LINGMA_WORK_DIR", "data/lingma", "where Lingma keeps its session", text),
  lingmaSocketPort: setting("LINGMA_SOCKET_PORT", "37010", "port of Lingma's WebSocket", integer(1, 65535)),
  attach: setting(
    "LINGMA_ATTACH",
    "",
    "auto, or ws://… addresses: use Lingmas that already run, never start or stop them",
    attach
  ),
  accounts: setting("LINGMA_ACCOUNTS", "", "u1:p1,u2:p2 or JSON: one instance for each", accounts, key),
  username: setting("LINGMA_USERNAME", "", "the account, when there is one", optional, key),
  password: setting("LINGMA_PASSWORD", "", "its password", secret, key),
  instanceCount: setting("LINGMA_INSTANCE_COUNT", "", "how many Lingmas; none = one for each account, else 1", count),
  maxInFlightPerInstance: setting(
    "LINGMA_MAX_IN_FLIGHT_PER_INSTANCE",
    "0",
    "chats at once on one instance; 0 = no limit of its own",
    integer(0, 100_000)
  ),
  agentPermissions: setting(
    "LINGMA_AGENT_PERMISSIONS",
    "refuse",
    "what Lingma may do here in agent mode",
    oneOf("refuse")
  ),
  startupTimeout: setting("LINGMA_STARTUP_TIMEOUT", "30", "time for Lingma to come up", seconds(0.1, 600)),
  rpcTimeout: setting("LINGMA_RPC_TIMEOUT", "30", "time for one call to Lingma", seconds(0.1, 600)),
  childEnv: setting("LINGMA_CHILD_ENV", "", "names of further variables Lingma may see", environmentNames),
  defaultModel: setting("DEFAULT_MODEL", "auto", "what auto, lingma and agent mean", text),
  defaultAskMode: setting("DEFAULT_ASK_MODE", "chat", "chat or agent", oneOf("chat", "agent")),
  modelAliases: setting(
    "MODEL_ALIASES",
    "",
    "patterns, first match wins: claude-*=qwen3-coder,gpt-*=auto",
    Model.parseAliases
  ),
  modelFallback: setting(
    "MODEL_FALLBACK",
    "none",
    "default = an unknown model means DEFAULT_MODEL",
    oneOf("none", "default")
  ),
  logLevel: setting(
    "LOG_LEVEL",
    "info",
    "trace, debug, info, warn, error or off",
    oneOf("trace", "debug", "info", "warn", "error", "off")
  ),
  logFormat: setting("LOG_FORMAT", "", "json or pretty; pretty on a terminal, else json", oneOf("json", "pretty", ""))
})

/** A setting as it was written, or its default. */
export const raw = (one: Setting): Config.Config<string> => Config.withDefault(Config.string(one.name), one.default)

export type Settings = Config.Config.Success<typeof config>

const loopback = new Set(["127.0.0.1", "localhost", "::1", "[::1]"])
export const isLoopback = (host: string): boolean =>
  loopback.has(host.toLowerCase()) || /^127\.\d+\.\d+\.\d+$/.test(host)

/** Rules that hold between settings; the first that is broken. */
const conflict = (all: Config.Config.Success<typeof config>): string | undefined => {
  const wanted = Option.getOrElse(all.instanceCount, () => 1)
  const given = all.accounts.length > 0 ? all.accounts.length : Option.isSome(all.username) ? 1 : 0
  if (!isLoopback(all.host) && all.apiKeys.length === 0 && !all.allowOpen)
    return "GATEWAY_HOST must be a loopback address unless API_KEYS is set (or GATEWAY_ALLOW_OPEN=true)"
  if (Option.isSome(all.username) !== Option.isSome(all.password))
    return "LINGMA_USERNAME and LINGMA_PASSWORD must be set together"
  if (all.accounts.length > 0 && Option.isSome(all.username))
    return "LINGMA_ACCOUNTS must not be set beside LINGMA_USERNAME"
  if (given > 0 && wanted > given) return "LINGMA_INSTANCE_COUNT must not be more than there are accounts"
  if (all.attach !== "no" && Option.isSome(all.lingmaBin)) return "LINGMA_ATTACH must not be set beside LINGMA_BIN"
  return undefined
}

/** The settings, checked against each other too. */
export const checked = Config.mapOrFail(config, (all) => {
  const broken = conflict(all)
  return broken === undefined ? Either.right(all) : Either.left(ConfigError.InvalidData([], broken))
})

export class GatewayConfig extends Context.Tag("lingma-gateway/Config")<GatewayConfig, Settings>() {
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

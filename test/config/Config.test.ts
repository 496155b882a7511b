import { readFileSync } from "node:fs"
import { homedir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Duration, Effect, Exit, Layer, Option } from "effect"
import { explain, GatewayConfig, isLoopback, settings } from "../../src/config/Config.ts"

const load = (env: Record<string, string>) =>
  GatewayConfig.pipe(
    Effect.provide(GatewayConfig.layerFromEnv),
    Effect.provide(Layer.setConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(env)))))
  )

const refused = (env: Record<string, string>) =>
  Effect.map(Effect.flip(load(env)), (error) => explain(error).join("\n"))

describe("GatewayConfig", () => {
  it.effect("is valid without any variable", () =>
    Effect.gen(function* () {
      const config = yield* load({})
      assert.strictEqual(config.port, 8370)
      assert.strictEqual(config.maxInFlight, 64)
      assert.deepStrictEqual(config.lingmaBin, Option.none())
      assert.deepStrictEqual(config.apiKeys, [])
    })
  )

  it.effect("reads durations given in seconds, and takes an empty value as none", () =>
    Effect.gen(function* () {
      const config = yield* load({ GATEWAY_QUEUE_TIMEOUT_SEC: "1.5", LINGMA_BIN: "" })
      assert.strictEqual(Duration.toMillis(config.queueTimeout), 1500)
      assert.deepStrictEqual(config.lingmaBin, Option.none())
    })
  )

  it.effect("takes ~ for the home directory wherever it takes a path", () =>
    Effect.gen(function* () {
      const paths = settings.filter(({ note }) => /\bpath\b|^directory\b|\bfile\b.*\bwith\b/i.test(note))
      const names = paths.map(({ name }) => name)
      assert.includeMembers(names, ["LINGMA_BIN", "LINGMA_WORK_DIR", "KEYS_FILE", "AUTO_LOGIN_BROWSER", "DATABASE_URL"])
      const value = (name: string) => (name === "DATABASE_URL" ? "sqlite:~/x" : "~/x")
      const qwen = { TOKEN_COUNTER: "qwen", TOKEN_COUNTER_FILE: "~/x" }
      const config = yield* load({ ...Object.fromEntries(names.map((name) => [name, value(name)])), ...qwen })
      const text = JSON.stringify(config)
      assert.notInclude(text, "~/x")
      assert.strictEqual(text.split(join(homedir(), "x")).length - 1, names.length)
    })
  )

  it.effect("names the variable and the rule, never the value", () =>
    Effect.gen(function* () {
      const wrong = {
        GATEWAY_MAX_IN_FLIGHT: "zebra",
        GATEWAY_PORT: "70000",
        GATEWAY_QUEUE_TIMEOUT_SEC: "-1",
        LOG_LEVEL: "zebra",
        API_KEYS: "zebra,,zebra",
        GATEWAY_CORS_ORIGINS: "https://*",
        EMBEDDINGS_URL: "https://zebra:zebra@api.example.com/v1",
        WEB_SEARCH_URL: "http://zebra:zebra@127.0.0.1:8888/search",
        DEDICATED_DOMAIN_URL: "http://zebra@example.com",
        MODEL_ALIASES: "zebra",
        GATEWAY_ALLOW_OPEN: "zebra"
      }
      for (const [name, value] of Object.entries(wrong)) {
        const text = yield* refused({ [name]: value })
        assert.include(text, name)
        assert.notInclude(text, value)
      }
    })
  )

  it.effect("takes origins of extensions, schemes that end in an asterisk, and a base URL without its last slash", () =>
    Effect.gen(function* () {
      const { corsOrigins, embeddingsUrl } = yield* load({
        GATEWAY_CORS_ORIGINS: "chrome-extension://abc, vscode-webview://*,https://app.example.com",
        EMBEDDINGS_URL: "http://127.0.0.1:11434/v1/"
      })
      assert.deepStrictEqual(corsOrigins, ["chrome-extension://abc", "vscode-webview://*", "https://app.example.com"])
      assert.deepStrictEqual(embeddingsUrl, Option.some("http://127.0.0.1:11434/v1"))
      for (const url of ["api.example.com/v1", "ftp://api.example.com", "https://api.example.com/v1?key=1"]) {
        assert.include(yield* refused({ EMBEDDINGS_URL: url }), "EMBEDDINGS_URL must be a base URL")
      }
    })
  )

  it.effect("refuses a memory limit of a key below that of one body, or above that of all bodies", () =>
    Effect.gen(function* () {
      assert.strictEqual(
        yield* refused({ GATEWAY_BODY_LIMIT_MB: "200" }),
        "GATEWAY_BODIES_PER_KEY_MB must not be less than GATEWAY_BODY_LIMIT_MB"
      )
      assert.strictEqual(
        yield* refused({ GATEWAY_BODIES_LIMIT_MB: "100" }),
        "GATEWAY_BODIES_LIMIT_MB must not be less than GATEWAY_BODIES_PER_KEY_MB"
      )
      assert.strictEqual(
        (yield* load({ GATEWAY_BODY_LIMIT_MB: "200", GATEWAY_BODIES_PER_KEY_MB: "200" })).bodiesLimitMb,
        256
      )
    })
  )

  it.effect("refuses an unknown word by naming the known ones, and a key that is given twice", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* refused({ LOG_FORMAT: "xml" }), "LOG_FORMAT must be one of json, pretty")
      assert.strictEqual(yield* refused({ ADMIN_KEYS: "zebra,a,zebra" }), "ADMIN_KEYS must not hold a key twice")
    })
  )

  it.effect("refuses wrong values of the standard OTEL_* names, too", () =>
    Effect.gen(function* () {
      const wrong = {
        OTEL_EXPORTER_OTLP_ENDPOINT: "zebra",
        OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "ftp://zebra",
        OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: "zebra:4318",
        OTEL_EXPORTER_OTLP_HEADERS: "zebra",
        OTEL_EXPORTER_OTLP_PROTOCOL: "zebra",
        OTEL_EXPORTER_OTLP_TIMEOUT: "zebra",
        OTEL_RESOURCE_ATTRIBUTES: "zebra",
        OTEL_SDK_DISABLED: "zebra",
        OTEL_TRACES_EXPORTER: "zebra",
        OTEL_METRICS_EXPORTER: "zebra",
        OTEL_TRACES_SAMPLER: "zebra",
        OTEL_TRACES_SAMPLER_ARG: "7",
        OTEL_BSP_SCHEDULE_DELAY: "-7",
        OTEL_METRIC_EXPORT_INTERVAL: "0",
        OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT: "zebra"
      }
      for (const [name, value] of Object.entries(wrong)) {
        const text = yield* refused({ [name]: value })
        assert.match(text, new RegExp(`^${name} must `), name)
        assert.notInclude(text, "zebra")
      }
    })
  )

  it.effect("tells all that is wrong at once", () =>
    Effect.gen(function* () {
      const text = yield* refused({ GATEWAY_PORT: "x", GATEWAY_MAX_IN_FLIGHT: "0" })
      assert.include(text, "GATEWAY_PORT")
      assert.include(text, "GATEWAY_MAX_IN_FLIGHT")
    })
  )

  it.effect("refuses an empty key instead of serving without one", () =>
    Effect.gen(function* () {
      for (const name of ["API_KEYS", "ADMIN_KEYS", "METRICS_TOKEN"]) {
        assert.include(yield* refused({ [name]: " " }), `${name} must not be empty`)
      }
    })
  )

  it.effect("refuses to listen beyond loopback without API keys", () =>
    Effect.gen(function* () {
      assert.include(yield* refused({ GATEWAY_HOST: "0.0.0.0" }), "API_KEYS")
      for (const more of [{ API_KEYS: "k" }, { GATEWAY_ALLOW_OPEN: "true" }]) {
        assert.isTrue(Exit.isSuccess(yield* Effect.exit(load({ GATEWAY_HOST: "0.0.0.0", ...more }))))
      }
    })
  )

  it.effect("takes defaults for all settings that are not given", () =>
    Effect.gen(function* () {
      const config = yield* Effect.provide(GatewayConfig, GatewayConfig.layer({ maxInFlight: 2 }))
      assert.strictEqual(config.maxInFlight, 2)
      assert.strictEqual(config.host, "127.0.0.1")
    })
  )

  it("recognizes the names of loopback", () => {
    for (const host of ["127.0.0.1", "127.1.2.3", "localhost", "::1"]) assert.isTrue(isLoopback(host), host)
    for (const host of ["0.0.0.0", "10.0.0.1", "127.0.0.1.example.com", "::"]) assert.isFalse(isLoopback(host), host)
  })
})

describe(".env.example", () => {
  const lines = readFileSync(new URL("../../.env.example", import.meta.url), "utf8").split("\n")

  it("holds every setting with its default, its note and when a change is in effect, and nothing else", () => {
    const written = lines.filter((line) => /^# [A-Z0-9_]+=/.test(line))
    assert.deepStrictEqual(
      written,
      settings.map((setting) => `# ${setting.name}=${setting.default}`)
    )
    for (const setting of settings) assert.include(lines, `# ${setting.note} [${setting.reload}]`)
  })
})

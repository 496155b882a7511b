import { assert, describe, it } from "@effect/vitest"
import { settings } from "../../src/config/Config.ts"
import * as UnknownSettings from "../../src/config/UnknownSettings.ts"

const inEnvironment = (name: string, value = "x"): UnknownSettings.Entry => ({
  name,
  value,
  from: { _tag: "Environment" }
})
const inFile = (name: string, isNamed: boolean): UnknownSettings.Entry => ({
  name,
  value: "x",
  from: { _tag: "File", path: "gateway.env", line: 3, isNamed }
})
const messages = (...entries: ReadonlyArray<UnknownSettings.Entry>) =>
  UnknownSettings.find(entries).map(UnknownSettings.message)
const near = (entry: UnknownSettings.Entry) => UnknownSettings.find([entry]).map((one) => one.near)

describe("UnknownSettings", () => {
  it("names a misspelt variable of the environment, with the setting that was meant", () => {
    assert.deepStrictEqual(messages(inEnvironment("API_KEY")), [
      "API_KEY is no setting and has no effect. Did you mean API_KEYS?"
    ])
    const meant = {
      GATEWAY_PROT: "GATEWAY_PORT",
      GATEWAY_MAX_INFLIGHT: "GATEWAY_MAX_IN_FLIGHT",
      GATEWAY_QUEUE_TIMEOUT: "GATEWAY_QUEUE_TIMEOUT_SEC",
      GATEWAY_API_KEYS: "API_KEYS",
      GATEWAY_LOG_LEVEL: "LOG_LEVEL",
      LINGMA_GATEWAY_PORT: "GATEWAY_PORT",
      LINGMA_WORKDIR: "LINGMA_WORK_DIR",
      LINGMA_BIM: "LINGMA_BIN",
      LINGMA_ACCOUNT: "LINGMA_ACCOUNTS",
      LINGMA_RPC_TIMEOUT_SEC: "LINGMA_RPC_TIMEOUT",
      APIKEYS: "API_KEYS",
      api_keys: "API_KEYS",
      TOKEN_COUNTR: "TOKEN_COUNTER",
      OTEL_EXPORTER_OTLP_ENDPIONT: "OTEL_EXPORTER_OTLP_ENDPOINT"
    }
    for (const [name, setting] of Object.entries(meant)) assert.deepStrictEqual(near(inEnvironment(name)), [setting])
  })

  it("finds each setting again when one letter is wrong, missing, doubled or in the other's place", () => {
    const lost = settings.flatMap(({ name }) => {
      const at = name.length - 2
      const broken = [
        `${name.slice(0, at)}#${name.slice(at + 1)}`,
        name.slice(0, at) + name.slice(at + 1),
        name.slice(0, at) + name[at] + name.slice(at),
        name.slice(0, at) + name[at + 1] + name[at]
      ]
      return broken.filter((one) => one !== name && UnknownSettings.find([inFile(one, true)])[0]?.near !== name)
    })
    assert.deepStrictEqual(lost, [])
  })

  it("gives no hint where none is sure, and says of our own names that they are none", () => {
    assert.deepStrictEqual(messages(inEnvironment("LINGMA_HOME"), inEnvironment("GATEWAY_SOMETHING_ELSE")), [
      "LINGMA_HOME is no setting and has no effect.",
      "GATEWAY_SOMETHING_ELSE is no setting and has no effect."
    ])
  })

  it("says nothing of other programs' variables", () => {
    const others = [
      "PATH HOME PORT HOST PWD SHELL LOGNAME KEYS MODEL EDITOR DEBUG APP_KEYS API_URL DATABASE_HOST",
      "OPENAI_API_KEY ANTHROPIC_API_KEY ANTHROPIC_BASE_URL GOOGLE_API_KEY VOYAGE_API_KEY LANGCHAIN_API_KEY",
      "LINGMA_API_KEY LINGMA_EMULATOR_LOGIN LINGMA_URL GATEWAY_URL GATEWAY_INTERFACE",
      "GATEWAY_SERVICE_HOST GATEWAY_SERVICE_PORT GATEWAY_SERVICE_PORT_HTTP GATEWAY_PORT_8370_TCP_ADDR",
      "OTEL_LOGS_EXPORTER OTEL_BLRP_SCHEDULE_DELAY OTEL_PROPAGATORS OTEL_EXPORTER_OTLP_CERTIFICATE",
      "NODE_ENV NODE_OPTIONS NO_COLOR XDG_STATE_HOME STATE_DIRECTORY INVOCATION_ID"
    ]
    const entries = others.flatMap((line) => line.split(" ")).map((name) => inEnvironment(name))
    assert.deepStrictEqual(messages(...entries, inEnvironment("LINGMA_GATEWAY_PORT", "tcp://10.0.0.1:8370")), [])
  })

  it("says nothing of what LINGMA_CHILD_ENV passes on", () => {
    const entries = [inEnvironment("LINGMA_CHILD_ENV", "LINGMA_PROXY, LINGMA_LANG"), inEnvironment("LINGMA_PROXY")]
    assert.deepStrictEqual(messages(...entries), [])
  })

  it("takes a variable for another program's where the setting that it is like is set", () => {
    assert.deepStrictEqual(messages(inEnvironment("API_KEY"), inEnvironment("API_KEYS")), [])
    assert.strictEqual(messages(inFile("API_KEY", false), inEnvironment("API_KEYS")).length, 1)
  })

  it("names every unknown name of a --config file with its line, and in a .env those that are like a setting", () => {
    assert.deepStrictEqual(messages(inFile("WHATEVER", true), inFile("PORT", true), inFile("HTTPS_PROXY", true)), [
      "WHATEVER (gateway.env, line 3) is no setting and has no effect.",
      "PORT (gateway.env, line 3) is no setting and has no effect. Did you mean GATEWAY_PORT?"
    ])
    assert.deepStrictEqual(messages(inFile("WHATEVER", false), inFile("API_KEY", false)), [
      "API_KEY (gateway.env, line 3) is no setting and has no effect. Did you mean API_KEYS?"
    ])
  })
})

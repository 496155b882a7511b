/**
 * The command line: `lingma-gateway [start|login|keys|usage|emulator|config]`.
 */
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as ValidationError from "@effect/cli/ValidationError"
import { Console, Effect, Logger, LogLevel, Option } from "effect"
import * as Config from "../config/Config.ts"
import * as ConfigSources from "../config/ConfigSources.ts"
import * as UnknownSettings from "../config/UnknownSettings.ts"
import { version } from "../Version.ts"
import * as ConfigReload from "./commands/ConfigReload.ts"
import * as Keys from "./commands/Keys.ts"
import * as Login from "./commands/Login.ts"
import { LoginRefused } from "./commands/LoginDesk.ts"
import * as PlainConsole from "./commands/PlainConsole.ts"
import * as Usage from "./commands/Usage.ts"
import { serve } from "./main.ts"
import { Ended, run } from "./run.ts"

const file = Options.text("config").pipe(
  Options.withDescription("a settings file in .env format; the environment takes precedence"),
  Options.optional
)
const host = Options.text("host").pipe(Options.withDescription("overrides GATEWAY_HOST"), Options.optional)
const port = Options.text("port").pipe(Options.withDescription("overrides GATEWAY_PORT"), Options.optional)
const json = Options.boolean("json").pipe(Options.withDescription("print JSON"))

const where = { file, host, port }
type Where = {
  readonly file: Option.Option<string>
  readonly host: Option.Option<string>
  readonly port: Option.Option<string>
}
const serveWith = ({ file, host, port }: Where) => {
  const given = { GATEWAY_HOST: host, GATEWAY_PORT: port }
  const overrides = Object.entries(given).flatMap(([name, value]) =>
    Option.toArray(Option.map(value, (text) => [name, text] as const))
  )
  return Effect.provide(serve, ConfigSources.layer(file, new Map(overrides)))
}

const start = Command.make("start", where, serveWith).pipe(Command.withDescription("serve the API (default command)"))

/** The effective settings, with secrets masked. */
const shown = Effect.forEach(Config.settings, (setting) =>
  Effect.map(Config.raw(setting), (value) => ({
    name: setting.name,
    value: setting.secret && value !== "" ? "(set)" : value,
    set: value !== setting.default,
    note: setting.note
  }))
)

const config = Command.make("config", { file, json }, ({ file, json }) =>
  Effect.gen(function* () {
    yield* Config.checked
    const rows = yield* shown
    const { unknown } = yield* ConfigSources.ConfigSources
    yield* Effect.forEach(unknown, (one) => Console.error(UnknownSettings.message(one)), { discard: true })
    const width = Math.max(...rows.map((row) => row.name.length))
    yield* json
      ? Console.log(JSON.stringify(rows, undefined, 2))
      : Effect.forEach(rows, (row) => Console.log(`${row.set ? "*" : " "} ${row.name.padEnd(width)}  ${row.value}`), {
          discard: true
        })
  }).pipe(Effect.provide(ConfigSources.layer(file)))
).pipe(
  Command.withDescription(
    "print the effective settings with secrets masked; * marks values that differ from the default"
  ),
  Command.withSubcommands([ConfigReload.command])
)

const instance = Options.text("instance").pipe(
  Options.withDescription("instance to sign in, e.g. inst-1; default: the first one that is not signed in"),
  Options.optional
)
const login = Command.make("login", { file, instance }, ({ file, instance }) =>
  Login.run(instance).pipe(Logger.withMinimumLogLevel(LogLevel.None), Effect.provide(ConfigSources.layer(file)))
).pipe(
  Command.withDescription(
    "sign an instance in manually: prints the login URL, then waits for the login or a pasted callback URL"
  )
)

const by = Options.choice("by", Usage.dimensions).pipe(
  Options.withDescription("what a line is"),
  Options.withDefault("key")
)
const since = Options.text("since").pipe(
  Options.withDescription("days such as 7d (today included), hours such as 24h, or a date such as 2026-11-01"),
  Options.withDefault("7d")
)
const csv = Options.boolean("csv").pipe(Options.withDescription("print CSV"))
const usage = Command.make("usage", { file, by, since, csv, json }, ({ by, csv, file, json, since }) =>
  Effect.provide(Usage.run({ by, since, format: json ? "json" : csv ? "csv" : "table" }), [
    Logger.minimumLogLevel(LogLevel.None),
    ConfigSources.layer(file)
  ])
).pipe(Command.withDescription("print who used what, from the database; the gateway need not run"))

// Listed for the help only: bin/lingma-gateway.js runs the emulator, which has Lingma's own command line.
const emulator = Command.make("emulator", {}, () => Effect.void).pipe(
  Command.withDescription("the built-in stand-in for Lingma: emulator start --workDir=… --socketPort=… --httpPort=…")
)

const cli = Command.make("lingma-gateway", where, serveWith).pipe(
  Command.withDescription("Alibaba Lingma as an OpenAI-compatible HTTP API. Settings: see .env.example"),
  Command.withSubcommands([start, login, Keys.command, usage, config, emulator]),
  Command.run({ name: "Lingma gateway", version, executable: "lingma-gateway" })
)

/** The parser has already printed the error. */
const misused = () => new Ended({ code: 2, lines: [] })
const refused = ({ message }: LoginRefused) => new Ended({ code: 1, lines: [`Login failed: ${message}`] })
const wrong = ({ message }: Usage.UsageRefused) => new Ended({ code: 2, lines: [message] })

run(
  PlainConsole.wrap(cli(process.argv)).pipe(
    Effect.mapError((error) => {
      if (ValidationError.isValidationError(error)) return misused()
      const ofKeys = Keys.codeOf(error)
      if (ofKeys !== undefined) return new Ended({ code: ofKeys.code, lines: [ofKeys.message] })
      if (error instanceof ConfigReload.ReloadFailed) return new Ended(error)
      if (error instanceof Usage.UsageRefused) return wrong(error)
      return error instanceof LoginRefused ? refused(error) : error
    })
  )
)

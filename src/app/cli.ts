/**
 * The command line: its commands, and how their failures end.
 */
import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as ValidationError from "@effect/cli/ValidationError"
import { ConfigError, Effect, Logger, LogLevel, Option } from "effect"
import * as Config from "../config/Config.ts"
import * as ConfigSources from "../config/ConfigSources.ts"
import { DatabaseUnavailable } from "../team/database/Database.ts"
import { version } from "../Version.ts"
import * as ConfigCommand from "./commands/ConfigCommand.ts"
import * as Doctor from "./commands/Doctor.ts"
import * as Env from "./commands/Env.ts"
import * as Help from "./commands/Help.ts"
import * as House from "./commands/House.ts"
import * as Keys from "./commands/keys/Keys.ts"
import * as Launch from "./commands/Launch.ts"
import * as Login from "./commands/Login.ts"
import { LoginRefused } from "./commands/LoginDesk.ts"
import * as Logs from "./commands/Logs.ts"
import * as PlainConsole from "./commands/PlainConsole.ts"
import * as Replay from "./commands/Replay.ts"
import * as Report from "./commands/Report.ts"
import * as Status from "./commands/Status.ts"
import * as Usage from "./commands/usage/Usage.ts"
import { serve, serveAnd } from "./main.ts"
import { run } from "./run.ts"
import { Ended } from "./running/Ended.ts"
import * as Terminal from "./screen/Terminal.ts"

const { file, json } = House
const host = Options.text("host").pipe(Options.withDescription("overrides GATEWAY_HOST"), Options.optional)
const port = Options.text("port").pipe(Options.withDescription("overrides GATEWAY_PORT"), Options.optional)

const attach = Options.boolean("attach").pipe(
  Options.withDescription("use a Lingma that already runs: LINGMA_ATTACH=auto")
)

const where = { attach, file, host, json, port }
type Where = {
  readonly attach: boolean
  readonly json: boolean
  readonly file: Option.Option<string>
  readonly host: Option.Option<string>
  readonly port: Option.Option<string>
}
const serveWith = ({ attach, file, host, json, port }: Where) => {
  const given = {
    GATEWAY_HOST: host,
    GATEWAY_PORT: port,
    LINGMA_ATTACH: attach ? Option.some("auto") : Option.none<string>(),
    LOG_FORMAT: json ? Option.some("json") : Option.none<string>()
  }
  const overrides = Object.entries(given).flatMap(([name, value]) =>
    Option.toArray(Option.map(value, (text) => [name, text] as const))
  )
  return Effect.provide(serve, ConfigSources.layer(file, new Map(overrides)))
}

const start = Command.make("start", where, serveWith).pipe(Command.withDescription("serve the API (default command)"))

const instance = Options.text("instance").pipe(
  Options.withDescription("instance to sign in, e.g. inst-1; default: the first one that is not signed in"),
  Options.optional
)
const named = Args.text({ name: "instance" }).pipe(Args.withDescription("the same as --instance"), Args.optional)
const login = Command.make("login", { file, instance, json, named }, ({ file, instance, json, named }) =>
  Login.run(
    Option.orElse(instance, () => named),
    json
  ).pipe(Logger.withMinimumLogLevel(LogLevel.None), Effect.provide(ConfigSources.layer(file)))
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

const args = process.argv.slice(2)
const { ofClient, parsed } = Launch.split(args)

const cli = Command.make("lingma-gateway", where, serveWith).pipe(
  Command.withDescription("Alibaba Lingma as an OpenAI-compatible HTTP API. Settings: see .env.example"),
  Command.withSubcommands([
    start,
    Launch.make(serveAnd, ofClient),
    Status.command,
    Doctor.command,
    Logs.command,
    Replay.command,
    usage,
    Keys.command,
    login,
    Env.command,
    ConfigCommand.command,
    Report.command,
    emulator
  ]),
  Command.run({ name: "Lingma gateway", version, executable: "lingma-gateway" })
)

/** The parser has already printed the error. */
const misused = () => new Ended({ code: 2, lines: [] })
const refused = ({ message }: LoginRefused) => new Ended({ code: 1, lines: [`Login failed: ${message}`] })
const wrong = ({ message }: Usage.UsageRefused) => new Ended({ code: 2, lines: [message] })

/** Those of a client are none of ours. */
const own = args.includes("--") ? args.slice(0, args.indexOf("--")) : args
const help = Help.asked(own, version, Terminal.columns())
const isJson = own.includes("--json") && own[0] !== "start" && !own[0]?.startsWith("-")

const program = Effect.suspend(() => {
  if (help !== undefined) return House.printLines(help)
  if (own.includes("--wizard") && process.stdin.isTTY !== true)
    return House.ended(House.MISUSED, "--wizard asks questions, for which there is no terminal")
  return cli([...process.argv.slice(0, 2), ...parsed])
})

const linesOf = (error: unknown): ReadonlyArray<string> => {
  if (error instanceof Ended) return error.lines
  if (ConfigError.isConfigError(error)) return Config.explain(error)
  return error instanceof DatabaseUnavailable ? [error.message] : []
}

/** For programs that read nothing but stdout. */
const onStdout = (error: unknown) => {
  const lines = linesOf(error)
  return isJson && lines.length > 0 ? House.printJson({ ok: false, error: lines.join("; ") }) : Effect.void
}

run(
  PlainConsole.wrap(program).pipe(
    Effect.mapError((error) => {
      if (ValidationError.isValidationError(error)) return misused()
      const ofKeys = Keys.codeOf(error)
      if (ofKeys !== undefined) return new Ended({ code: ofKeys.code, lines: [ofKeys.message] })
      if (error instanceof Usage.UsageRefused) return wrong(error)
      return error instanceof LoginRefused ? refused(error) : error
    }),
    Effect.tapError(onStdout)
  )
)

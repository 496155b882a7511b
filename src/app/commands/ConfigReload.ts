/**
 * Command `lingma-gateway config reload`: tells the running gateway to read its settings again.
 */
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import { Console, Data, Effect, Logger, LogLevel, Redacted, Schema } from "effect"
import type { Settings } from "../../config/Config.ts"
import * as ConfigSources from "../../config/ConfigSources.ts"
import { SettingsSource } from "../../config/SettingsSource.ts"

const Reloaded = Schema.Struct({ changed: Schema.Array(Schema.String), restart: Schema.Array(Schema.String) })
const Refusal = Schema.Struct({ error: Schema.Struct({ message: Schema.String }) })

const REFUSED = 422
const FAILED = 1
const WRONG_SETTINGS = 78

/** The settings were not reloaded, with the exit code. */
export class ReloadFailed extends Data.TaggedError("ReloadFailed")<{
  readonly code: number
  readonly lines: ReadonlyArray<string>
}> {}

const ended = (code: number, ...lines: ReadonlyArray<string>) => new ReloadFailed({ code, lines })

const baseOf = ({ host, port }: Settings) => {
  const name = host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host
  return `http://${name.includes(":") ? `[${name}]` : name}:${port}`
}

const ask = (base: string, { adminKeys, apiKeys }: Settings) => {
  const key = [...adminKeys, ...apiKeys][0]
  return Effect.tryPromise(async (signal) => {
    const headers = key === undefined ? {} : { authorization: `Bearer ${Redacted.value(key)}` }
    const response = await fetch(`${base}/internal/config/reload`, { method: "POST", headers, signal })
    return { status: response.status, body: (await response.json()) as unknown }
  }).pipe(
    Effect.timeout("30 seconds"),
    Effect.mapError(() => ended(FAILED, `no gateway responds at ${base}`))
  )
}

const listed = (names: ReadonlyArray<string>, what: string): ReadonlyArray<string> =>
  names.length === 0 ? [] : [`${what}: ${names.join(", ")}`]

const toLines = ({ changed, restart }: typeof Reloaded.Type): ReadonlyArray<string> => [
  ...(changed.length === 0 ? ["Nothing changed that is in effect at once."] : listed(changed, "In effect")),
  ...listed(restart, "In effect at the next start")
]

const run = Effect.fnUntraced(function* (json: boolean) {
  const { read } = yield* SettingsSource
  const settings = yield* Effect.mapError(read, ({ problems }) => ended(WRONG_SETTINGS, ...problems))
  const base = baseOf(settings)
  const { body, status } = yield* ask(base, settings)
  if (status !== 200) {
    const told = yield* Effect.mapError(Schema.decodeUnknown(Refusal)(body), () =>
      ended(FAILED, `${base} is not a Lingma gateway`)
    )
    return yield* ended(status === REFUSED ? WRONG_SETTINGS : FAILED, told.error.message)
  }
  const reloaded = yield* Effect.mapError(Schema.decodeUnknown(Reloaded)(body), () =>
    ended(FAILED, `${base} is not a Lingma gateway`)
  )
  if (json) return yield* Console.log(JSON.stringify(reloaded, undefined, 2))
  yield* Effect.forEach(toLines(reloaded), (line) => Console.log(line), { discard: true })
})

const file = Options.text("config").pipe(
  Options.withDescription("a settings file in .env format; the environment takes precedence"),
  Options.optional
)
const json = Options.boolean("json").pipe(Options.withDescription("print JSON"))

export const command = Command.make("reload", { file, json }, ({ file, json }) =>
  Effect.provide(run(json), [Logger.minimumLogLevel(LogLevel.None), ConfigSources.layer(file)])
).pipe(
  Command.withDescription(
    "the running gateway reads its settings again: prints what is in effect, and what needs a restart"
  )
)

/**
 * Command `lingma-gateway report`: what a bug report needs, with secrets left out: versions, settings, findings, failures.
 */
import { writeFileSync } from "node:fs"
import { arch, platform, release } from "node:os"
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import { Clock, Console, Effect, Logger, LogLevel, Option, Redacted, Schema } from "effect"
import * as Config from "../../config/Config.ts"
import * as ConfigSources from "../../config/ConfigSources.ts"
import * as CurrentUser from "../../config/CurrentUser.ts"
import { redact } from "../../domain/Redact.ts"
import { version } from "../../Version.ts"
import * as Doctor from "../doctor/Doctor.ts"
import * as Running from "../running/Running.ts"
import * as Progress from "../screen/Progress.ts"
import * as ConfigCommand from "./ConfigCommand.ts"
import * as House from "./House.ts"
import * as Status from "./Status.ts"

const Failures = Schema.Struct({ data: Schema.Array(Schema.Unknown) })

type Secrets = Pick<
  Config.Settings,
  "apiKeys" | "adminKeys" | "accounts" | "username" | "password" | "metricsToken" | "embeddingsApiKey"
>

/** What tells who somebody is: names of the user, of the home, of accounts; and every secret of the settings. */
const hiddenIn = (settings: Secrets): ReadonlyArray<readonly [string, string]> => {
  const secrets = [
    ...settings.apiKeys.map(Redacted.value),
    ...settings.adminKeys.map(Redacted.value),
    ...settings.accounts.flatMap(({ password }) => [Redacted.value(password)]),
    ...Option.toArray(Option.map(settings.password, Redacted.value)),
    ...Option.toArray(Option.map(settings.metricsToken, Redacted.value)),
    ...Option.toArray(Option.map(settings.embeddingsApiKey, Redacted.value))
  ]
  const accounts = [...settings.accounts.map(({ username }) => username), ...Option.toArray(settings.username)]
  return [
    ...secrets.map((secret) => [secret, "(secret)"] as const),
    ...accounts.map((account) => [account, "(account)"] as const)
  ]
}

/** Of users that tell nothing, and whose names stand for other things in the report. */
const nobody = new Set(["root", "node", "lingma", "lingma-gateway"])

/** `settings`: undefined where they are wrong, and nothing of theirs is in the report unmasked. */
export const hidden = (
  settings: Secrets | undefined,
  home: string = CurrentUser.home(),
  user: string | undefined = CurrentUser.name()
): ReadonlyArray<readonly [string, string]> =>
  [
    ...(settings === undefined ? [] : hiddenIn(settings)),
    [home, "~"] as const,
    ...(user === undefined || user.length < 4 || nobody.has(user) ? [] : [[user, "(user)"] as const])
  ].filter(([text]) => text.length > 2)

const LONGEST = 2_000

/** In every text of it, however deep. */
export const cleaned = (value: unknown, names: ReadonlyArray<readonly [string, string]>): unknown => {
  if (typeof value === "string") {
    return redact(
      names.reduce((text, [name, sign]) => text.replaceAll(name, sign), value),
      LONGEST
    )
  }
  if (Array.isArray(value)) return value.map((one) => cleaned(one, names))
  if (typeof value !== "object" || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, cleaned(one, names)]))
}

/** A file of settings that is refused is what the report may be about: nothing else of it is missing then. */
const inForce = (file: Option.Option<string>) =>
  Effect.all({
    settings: Effect.option(Config.checked),
    rows: Effect.orElseSucceed(ConfigCommand.rows, () => [])
  }).pipe(
    Effect.provide(ConfigSources.layer(file)),
    Effect.orElseSucceed(() => ({ settings: Option.none<Config.Settings>(), rows: [] }))
  )

export const collect = (file: Option.Option<string>) =>
  Effect.gen(function* () {
    const findings = yield* Doctor.run(file, Option.none())
    const { rows, settings } = yield* inForce(file)
    const known = Option.getOrUndefined(settings)
    const status = known === undefined ? Option.none() : yield* Effect.option(Status.look(known))
    const failures =
      known === undefined
        ? Option.none()
        : yield* Effect.option(Running.read(Running.of(known), "/internal/chats?outcome=failed&limit=20", Failures))
    const bundle = {
      made_at: new Date(yield* Clock.currentTimeMillis).toISOString(),
      gateway: version,
      node: process.versions.node,
      system: { platform: platform(), release: release(), arch: arch() },
      doctor: findings,
      settings: rows.filter(({ set }) => set).map(({ name, source, value }) => ({ name, value, source })),
      status: Option.getOrNull(status),
      failures: Option.match(failures, { onNone: () => null, onSome: ({ data }) => data })
    }
    return cleaned(bundle, hidden(known))
  })

const output = Options.text("output").pipe(
  Options.withDescription("write it there, instead of printing it"),
  Options.optional
)
const { file, json } = House

export const command = Command.make("report", { output, file, json }, ({ file, json, output }) =>
  Effect.gen(function* () {
    const bundle = yield* Progress.during("collecting", collect(file))
    if (Option.isNone(output)) return yield* House.printJson(bundle)
    yield* Effect.try({
      try: () => writeFileSync(output.value, `${JSON.stringify(bundle, undefined, 2)}\n`, { mode: 0o600, flag: "wx" }),
      catch: () => House.ended(House.FAILED, `${output.value} is there already, or cannot be written`)
    })
    yield* json
      ? House.printJson({ ok: true, file: output.value })
      : Console.error(`Written to ${output.value}. Look through it before you send it.`)
  }).pipe(Effect.provide(Logger.minimumLogLevel(LogLevel.None)))
).pipe(Command.withDescription("a bundle for a bug report, without secrets"))

/**
 * Commands `lingma-gateway keys …`: named keys, in the database itself; running gateways notice within a second.
 */
import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import { Console, Data, Effect, Layer, Logger, LogLevel, Option, Redacted } from "effect"
import * as Config from "../../../config/Config.ts"
import * as ConfigSources from "../../../config/ConfigSources.ts"
import * as Database from "../../../team/database/Database.ts"
import * as Key from "../../../team/keys/Key.ts"
import * as KeyDesk from "../../../team/keys/KeyDesk.ts"
import * as KeyFile from "../../../team/keys/KeyFile.ts"
import * as KeyRing from "../../../team/keys/KeyRing.ts"
import { KeyStore } from "../../../team/keys/KeyStore.ts"
import * as KeyView from "../../../team/keys/KeyView.ts"
import * as KeyOptions from "./KeyOptions.ts"

/** The settings name no database. */
export class NoDatabase extends Data.TaggedError("NoDatabase")<{ readonly message: string }> {}

/** The database could not be read or written; the cause is for the log. */
export class KeysFailed extends Data.TaggedError("KeysFailed")<{ readonly message: string }> {}

const configured = Effect.gen(function* () {
  const config = yield* Config.config
  if (config.databaseUrl._tag === "Memory")
    return yield* new NoDatabase({ message: "DATABASE_URL is none: name a database to keep keys in, or use KEYS_FILE" })
  return config
})

const opened = Effect.gen(function* () {
  const { apiKeys, keysFile } = yield* configured
  const path = Option.getOrUndefined(keysFile)
  const store = yield* KeyStore
  const fixed = KeyRing.ofSettings(apiKeys).map(({ key }) => key)
  const others =
    path === undefined
      ? Effect.succeed(fixed)
      : Effect.map(KeyFile.read(path), (known) => [...fixed, ...known.map(({ key }) => key)])
  return KeyDesk.make({ store, others, file: path, changed: Effect.void })
})

const database = Layer.unwrapEffect(
  Effect.map(configured, ({ databaseUrl, lingmaWorkDir }) =>
    Database.layer(databaseUrl, { workDir: lingmaWorkDir, isServing: false })
  )
)

type Desk = Effect.Effect.Success<typeof opened>

const file = Options.text("config").pipe(
  Options.withDescription("a settings file in .env format; the environment takes precedence"),
  Options.optional
)
const json = Options.boolean("json").pipe(Options.withDescription("print JSON"))
const name = Args.text({ name: "name" }).pipe(Args.withDescription("name of the key"))

const run = <A, E>(from: Option.Option<string>, use: (desk: Desk) => Effect.Effect<A, E>) =>
  Effect.flatMap(opened, use).pipe(
    Effect.catchIf(
      (error: unknown): error is { readonly _tag: "SqlError"; readonly message: string } =>
        typeof error === "object" && error !== null && "_tag" in error && error._tag === "SqlError",
      () => new KeysFailed({ message: "the database could not be read or written" })
    ),
    Effect.provide(Layer.provide(KeyStore.layer, database)),
    Effect.provide(Logger.minimumLogLevel(LogLevel.None)),
    Effect.provide(ConfigSources.layer(from))
  )

const print = (value: unknown) => Console.log(JSON.stringify(value, undefined, 2))

/** The secret alone on stdout, for scripts. */
const printMade = ({ key, secret }: KeyDesk.Made, isJson: boolean) =>
  isJson
    ? print({ ...KeyView.toView(key), key: Redacted.value(secret) })
    : Effect.zipRight(
        Console.error(`The key of ${key.name}, which is not shown again:`),
        Console.log(Redacted.value(secret))
      )

const cell = (value: unknown): string =>
  Array.isArray(value) ? value.join(",") || "all" : value === null ? "-" : String(value)

const columns = [
  "name",
  "source",
  "last_four",
  "requests_per_minute",
  "tokens_per_day",
  "max_in_flight",
  "weight",
  "models",
  "expires",
  "admin",
  "last_used"
] as const

const table = (views: ReadonlyArray<KeyView.KeyView>): string => {
  const rows = [
    columns.map((column) => column.toUpperCase()),
    ...views.map((view) => columns.map((at) => cell(view[at])))
  ]
  const widths = columns.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)))
  return rows
    .map((row) =>
      row
        .map((text, i) => text.padEnd(widths[i]!))
        .join("  ")
        .trimEnd()
    )
    .join("\n")
}

const details = (view: KeyView.KeyView): string =>
  Object.entries(view)
    .map(([label, value]) => `${label.padEnd(20)} ${cell(value)}`)
    .join("\n")

const add = Command.make("add", { name, ...KeyOptions.grants, file, json }, ({ file, json, name, ...given }) =>
  run(file, (desk) =>
    Effect.flatMap(KeyOptions.changesOf(given), (changes) =>
      Effect.flatMap(desk.add(name, { ...Key.noLimits, ...changes }), (made) => printMade(made, json))
    )
  )
).pipe(Command.withDescription("make a key and print it, once"))

const list = Command.make("list", { file, json }, ({ file, json }) =>
  run(file, (desk) =>
    Effect.flatMap(desk.list, (keys) => {
      const views = keys.map(KeyView.toView)
      return json ? print(views) : Console.log(table(views))
    })
  )
).pipe(Command.withDescription("the keys, without their secrets"))

const printKey = (key: Key.Key, isJson: boolean) => {
  const view = KeyView.toView(key)
  return isJson ? print(view) : Console.log(details(view))
}

const show = Command.make("show", { name, file, json }, ({ file, json, name }) =>
  run(file, (desk) => Effect.flatMap(desk.get(name), (key) => printKey(key, json)))
).pipe(Command.withDescription("one key"))

const set = Command.make("set", { name, ...KeyOptions.grants, file, json }, ({ file, json, name, ...given }) =>
  run(file, (desk) =>
    Effect.flatMap(KeyOptions.changesOf(given), (changes) =>
      Effect.flatMap(desk.set(name, changes), (key) => printKey(key, json))
    )
  )
).pipe(Command.withDescription("change what a key may; the rest stays"))

const rotate = Command.make("rotate", { name, grace: KeyOptions.grace, file, json }, ({ file, grace, json, name }) =>
  run(file, (desk) =>
    Effect.flatMap(KeyOptions.graceOf(grace), (millis) =>
      Effect.flatMap(desk.rotate(name, millis), (made) => printMade(made, json))
    )
  )
).pipe(Command.withDescription("replace the secret of a key"))

const revoke = Command.make("revoke", { name, file, json }, ({ file, json, name }) =>
  run(file, (desk) =>
    Effect.flatMap(desk.revoke(name), (key) =>
      json ? print(KeyView.toView(key)) : Console.error(`${key.name} is revoked.`)
    )
  )
).pipe(Command.withDescription("end a key for good"))

export const command = Command.make("keys").pipe(
  Command.withDescription("named API keys: add, list, show, set, rotate, revoke"),
  Command.withSubcommands([add, list, show, set, rotate, revoke])
)

/** Exit code of a failure, where it is one of these. */
export const codeOf = (error: unknown): { readonly code: number; readonly message: string } | undefined => {
  if (error instanceof Key.KeyProblem) return { code: error.reason === "invalid" ? 2 : 1, message: error.message }
  if (error instanceof NoDatabase) return { code: 78, message: error.message }
  return error instanceof KeysFailed ? { code: 1, message: error.message } : undefined
}

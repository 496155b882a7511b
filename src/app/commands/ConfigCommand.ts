/**
 * Commands `lingma-gateway config …`: the settings in force, where each is from, and whether they are valid.
 */

import { readFileSync } from "node:fs"
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import { Console, Effect } from "effect"
import * as Config from "../../config/Config.ts"
import * as ConfigSources from "../../config/ConfigSources.ts"
import * as DotEnv from "../../config/DotEnv.ts"
import * as UnknownSettings from "../../config/UnknownSettings.ts"
import * as Terminal from "../screen/Terminal.ts"
import * as ConfigReload from "./ConfigReload.ts"
import * as House from "./House.ts"

export interface Row {
  readonly name: string
  readonly value: string
  readonly set: boolean
  /** `default`, `environment`, or a file with its line. */
  readonly source: string
  /** Whether a change is in effect at once, or at the next start. */
  readonly reload: "live" | "restart"
  readonly note: string
}

const inFile = (path: string | undefined) => {
  if (path === undefined) return new Map<string, number>()
  try {
    return new Map(DotEnv.lines(readFileSync(path, "utf8")).settings.map(({ line, name }) => [name, line]))
  } catch {
    return new Map<string, number>()
  }
}

/** The effective settings, with secrets masked. */
export const rows = Effect.gen(function* () {
  const { file } = yield* ConfigSources.ConfigSources
  const lines = inFile(file)
  return yield* Effect.forEach(Config.settings, (setting) =>
    Effect.map(Config.raw(setting), (value): Row => {
      const line = lines.get(setting.name)
      const isGiven = process.env[setting.name] !== undefined
      const source = isGiven ? "environment" : line === undefined ? "default" : `${file}:${line}`
      const shown = setting.secret && value !== "" ? "(set)" : value
      return {
        name: setting.name,
        value: shown,
        set: value !== setting.default,
        source,
        reload: setting.reload,
        note: setting.note
      }
    })
  )
})

const unknown = Effect.map(ConfigSources.ConfigSources, ({ unknown }) => unknown.map(UnknownSettings.message))

const tell = (lines: ReadonlyArray<string>) =>
  Effect.forEach(lines, (line) => Console.error(`! ${line}`), { discard: true })

const show = (json: boolean, isChanged: boolean) =>
  Effect.gen(function* () {
    yield* Config.checked
    const all = (yield* rows).filter(({ set }) => set || !isChanged)
    yield* tell(yield* unknown)
    if (json) return yield* House.printJson(all)
    const width = Math.max(0, ...all.map(({ name }) => name.length))
    yield* House.printLines(
      all.map(({ name, reload, set, source, value }) => {
        const from = source === "default" ? "" : Terminal.paint("dim", `  (${Terminal.short(source)})`)
        return `${set ? "*" : " "} ${name.padEnd(width)}  ${reload.padEnd(7)}  ${Terminal.clean(value)}${from}`.trimEnd()
      })
    )
  })

const changed = Options.boolean("changed").pipe(Options.withDescription("only those that differ from their default"))
const { file, json } = House

const showing = Command.make("show", { changed, file, json }, ({ changed, file, json }) =>
  House.withSettings(show(json, changed), file)
).pipe(
  Command.withDescription(
    "each setting with where it is from and whether a change is live, secrets masked; * marks those that differ"
  )
)

const check = Command.make("check", { file, json }, ({ file, json }) =>
  House.withSettings(
    Effect.gen(function* () {
      yield* Config.checked
      const names = yield* unknown
      const from = (yield* ConfigSources.ConfigSources).file ?? "environment"
      yield* json
        ? House.printJson({ ok: true, file: from === "environment" ? null : from, unknown: names })
        : Effect.zipRight(tell(names), Console.log(`The settings are valid (${Terminal.short(from)}).`))
    }),
    file
  ).pipe(
    Effect.catchIf(
      (error) => json && "_op" in error,
      (error) =>
        Effect.zipRight(House.printJson({ ok: false, wrong: Config.explain(error) }), House.ended(House.WRONG_SETTINGS))
    )
  )
).pipe(Command.withDescription("whether the settings are valid"))

export const command = Command.make("config", { changed, file, json }, ({ changed, file, json }) =>
  House.withSettings(show(json, changed), file)
).pipe(
  Command.withDescription("the settings in force: show (default), check, reload"),
  Command.withSubcommands([showing, check, ConfigReload.command])
)

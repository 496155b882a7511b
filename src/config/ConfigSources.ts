/**
 * Config sources of the command line: overrides and environment first, then a `.env` or `--config` file.
 */
import { readFileSync } from "node:fs"
import { ConfigError, ConfigProvider, Context, Effect, Layer, Option } from "effect"
import * as DotEnv from "./DotEnv.ts"
import * as SettingRules from "./SettingRules.ts"
import { SettingsSource } from "./SettingsSource.ts"
import * as UnknownSettings from "./UnknownSettings.ts"

/** What is known of the sources beside the values. */
export class ConfigSources extends Context.Tag("lingma-gateway/config/ConfigSources")<
  ConfigSources,
  {
    /** The file that was read, if any. */
    readonly file: string | undefined
    /** Names that look like settings and are none. */
    readonly unknown: ReadonlyArray<UnknownSettings.UnknownSetting>
  }
>() {}

const environment = () =>
  Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined)

/** One provider for both, because two chained providers nearly doubled the startup time. */
const given = (variables: ReadonlyArray<readonly [string, string]>, overrides: ReadonlyMap<string, string>) =>
  ConfigProvider.fromMap(new Map([...variables, ...overrides]), { pathDelim: "_", seqDelim: "," })

/** A `.env` need not be there; one that cannot be read is refused, for it may hold API_KEYS. */
const read = (file: Option.Option<string>) =>
  Effect.suspend(() => {
    const path = Option.match(file, { onNone: () => ".env", onSome: SettingRules.expandHome })
    return Effect.try({
      try: () => readFileSync(path, "utf8"),
      catch: (error) => (error instanceof Error && "code" in error ? String(error.code) : "unknown")
    }).pipe(
      Effect.flatMap((text) =>
        Effect.map(DotEnv.parse(path, text), (content) => Option.some({ ...content, path, text }))
      ),
      Effect.catchAll((error) => {
        if (ConfigError.isConfigError(error)) return Effect.fail(error)
        if (Option.isSome(file))
          return Effect.fail(ConfigError.InvalidData(["--config"], "--config must name a file that can be read"))
        // Some tools make a directory of this name.
        return error === "ENOENT" || error === "EISDIR"
          ? Effect.succeedNone
          : Effect.fail(ConfigError.InvalidData([".env"], ".env must be a file that can be read"))
      })
    )
  })

/** The environment takes precedence over the file. A missing `.env` is no error; a missing `--config` file is. */
export const layer = (file: Option.Option<string>, overrides: ReadonlyMap<string, string> = new Map()) =>
  Layer.unwrapEffect(
    Effect.map(read(file), (content) => {
      const variables = environment()
      const first = given(variables, overrides)
      const ofFile = Option.match(content, {
        onNone: () => [],
        onSome: ({ path, settings }) =>
          settings.map(({ line, name, value }) => ({
            name,
            value,
            from: { _tag: "File" as const, path, line, isNamed: Option.isSome(file) }
          }))
      })
      const all = [
        ...variables.map(([name, value]) => ({ name, value, from: { _tag: "Environment" as const } })),
        ...ofFile
      ]
      return Layer.mergeAll(
        Layer.setConfigProvider(
          Option.match(content, {
            onNone: () => first,
            onSome: ({ provider }) => ConfigProvider.orElse(first, () => provider)
          })
        ),
        Layer.succeed(ConfigSources, {
          file: Option.getOrUndefined(Option.map(content, ({ path }) => path)),
          unknown: UnknownSettings.find(all)
        }),
        SettingsSource.layer({
          file: Option.map(file, SettingRules.expandHome),
          text: Option.getOrUndefined(Option.map(content, ({ text }) => text)),
          given: first,
          names: new Set([...variables.map(([name]) => name), ...overrides.keys()])
        })
      )
    })
  )

/**
 * Reads the settings again while the gateway runs: the environment and the options of its start, and the file as it is now.
 */
import { readFileSync } from "node:fs"
import * as FileSystem from "@effect/platform/FileSystem"
import * as PlatformConfigProvider from "@effect/platform/PlatformConfigProvider"
import { ConfigProvider, Context, Effect, Layer, Option } from "effect"
import { checked, explain, type Settings } from "./Config.ts"
import { SettingsRefused } from "./LiveSettings.ts"

export interface Source {
  /** The file, which need not be there if nobody named it. */
  readonly file: string
  /** All settings, read and checked as at the start. Problems name the file and the line where the setting stands there. */
  readonly read: Effect.Effect<Settings, SettingsRefused>
}

const refuse = (problem: string) => new SettingsRefused({ problems: [problem] })

/** The number of the last line that sets it, which is the one that counts; undefined if there is none. */
const lineOf = (text: string, name: string): number | undefined => {
  const sets = new RegExp(`^\\s*(?:export\\s+)?${name}\\s*[=:]`)
  const line = text.split(/\r\n?|\n/).findLastIndex((row) => sets.test(row))
  return line < 0 ? undefined : line + 1
}

const codeOf = (error: unknown): string =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "unknown"

export interface SourceOptions {
  readonly file: Option.Option<string>
  /** What takes precedence over the file, as it was at the start: secrets are removed from the environment afterwards. */
  readonly given: ConfigProvider.ConfigProvider
  /** Names of settings that are given so. */
  readonly names: ReadonlySet<string>
}

export const make = ({ file, given, names }: SourceOptions): Source => {
  const path = Option.getOrElse(file, () => ".env")
  let wasThere = Option.isSome(file)

  /** Undefined: there is none and has been none. An empty one is taken for one that is about to be written. */
  const text = Effect.suspend((): Effect.Effect<string | undefined, SettingsRefused> => {
    try {
      const found = readFileSync(path, "utf8")
      if (found.trim() === "" && wasThere)
        return refuse(`${path} is empty: taken for one that is about to be written; a comment in it would do`)
      wasThere = true
      return Effect.succeed(found)
    } catch (error) {
      const code = codeOf(error)
      return code === "ENOENT" && !wasThere ? Effect.succeed(undefined) : refuse(`${path} cannot be read (${code})`)
    }
  })

  const parsed = (content: string) =>
    PlatformConfigProvider.fromDotEnv(path).pipe(
      Effect.map((ofFile) => ConfigProvider.orElse(given, () => ofFile)),
      Effect.provide(FileSystem.layerNoop({ readFileString: () => Effect.succeed(content) })),
      Effect.mapError(() => refuse(`${path} cannot be read`))
    )

  /** A message begins with the name of its setting. */
  const placed = (content: string | undefined) => (message: string) => {
    const name = /^[A-Z][A-Z0-9_]*/.exec(message)?.[0]
    const line = content === undefined || name === undefined || names.has(name) ? undefined : lineOf(content, name)
    return line === undefined ? message : `${path}:${line}: ${message}`
  }

  const read = Effect.flatMap(text, (content) =>
    Effect.flatMap(content === undefined ? Effect.succeed(given) : parsed(content), (provider) =>
      checked.pipe(
        Effect.withConfigProvider(provider),
        Effect.mapError((error) => new SettingsRefused({ problems: explain(error).map(placed(content)) }))
      )
    )
  )
  return { file: path, read }
}

export class SettingsSource extends Context.Tag("lingma-gateway/config/SettingsSource")<SettingsSource, Source>() {
  static readonly layer = (options: SourceOptions): Layer.Layer<SettingsSource> =>
    Layer.sync(SettingsSource, () => make(options))
}

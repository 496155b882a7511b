/**
 * Reads the settings again while the gateway runs: the environment and the options of its start, and the file as it is now.
 */
import { readFileSync, statSync } from "node:fs"
import { type ConfigError, ConfigProvider, Context, Effect, Layer, Option } from "effect"
import { checked, explain, type Settings } from "./Config.ts"
import * as DotEnv from "./DotEnv.ts"
import { SettingsRefused } from "./LiveSettings.ts"

export interface Source {
  /** The file, which need not be there if nobody named it. */
  readonly file: string
  /** What was in it at the start; undefined if it was not there. */
  readonly text: string | undefined
  /** All settings, read and checked as at the start. Problems name the file and the line where the setting stands there. */
  readonly read: Effect.Effect<Settings, SettingsRefused>
}

const refuse = (problem: string) => new SettingsRefused({ problems: [problem] })

const codeOf = (error: unknown): string =>
  error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "unknown"

/** Whether there is a file of which each reading gives all. What else is wrong, the reading tells. */
export const isReadAgain = (path: string): boolean => {
  try {
    const found = statSync(path)
    return found.isFile() || found.isDirectory()
  } catch {
    return true
  }
}

const checkedBy = (provider: ConfigProvider.ConfigProvider) => Effect.withConfigProvider(checked, provider)

export interface SourceOptions {
  readonly file: Option.Option<string>
  /** What was in it at the start; where there was one, it must not be missing from then on. */
  readonly text: string | undefined
  /** What takes precedence over the file, as it was at the start: secrets are removed from the environment afterwards. */
  readonly given: ConfigProvider.ConfigProvider
  /** Names of settings that are given so. */
  readonly names: ReadonlySet<string>
}

export const make = ({ file, given, names, text: first }: SourceOptions): Source => {
  const path = Option.getOrElse(file, () => ".env")
  let wasThere = first !== undefined

  /** Undefined: there is none and has been none. An empty one is taken for one that is about to be written. */
  const text = Effect.suspend((): Effect.Effect<string | undefined, SettingsRefused> => {
    try {
      // A pipe is read once: to read it again would wait, with everything else, for somebody who writes.
      if (!isReadAgain(path)) return refuse(`${path} is no regular file: it is read at the start only`)
      const found = readFileSync(path, "utf8")
      if (found.trim() === "" && wasThere)
        return refuse(`${path} is empty: taken for one that is about to be written; a comment in it would do`)
      wasThere = true
      return Effect.succeed(found)
    } catch (error) {
      const code = codeOf(error)
      // Some tools make a directory of this name.
      return (code === "ENOENT" || code === "EISDIR") && !wasThere
        ? Effect.succeed(undefined)
        : refuse(`${path} cannot be read (${code})`)
    }
  })

  const refused =
    (lines: ReadonlyArray<DotEnv.Line>) =>
    (error: ConfigError.ConfigError): SettingsRefused =>
      new SettingsRefused({
        problems: explain(error).map((message) => {
          // A message begins with the name of its setting; of two lines the last counts.
          const name = /^[A-Z][A-Z0-9_]*/.exec(message)?.[0] ?? ""
          const line = names.has(name) ? undefined : lines.findLast((one) => one.name === name)?.line
          return line === undefined ? message : `${path} line ${line}: ${message}`
        })
      })

  const read = Effect.gen(function* () {
    const content = yield* text
    if (content === undefined) return yield* Effect.mapError(checkedBy(given), refused([]))
    const { provider, settings } = yield* Effect.mapError(DotEnv.parse(path, content), refused([]))
    const all = ConfigProvider.orElse(given, () => provider)
    return yield* Effect.mapError(checkedBy(all), refused(settings))
  })
  return { file: path, text: first, read }
}

export class SettingsSource extends Context.Tag("lingma-gateway/config/SettingsSource")<SettingsSource, Source>() {
  static readonly layer = (options: SourceOptions): Layer.Layer<SettingsSource> =>
    Layer.sync(SettingsSource, () => make(options))
}

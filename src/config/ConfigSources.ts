/**
 * Config sources of the command line: overrides and environment first, then a `.env` or `--config` file.
 */
import * as PlatformConfigProvider from "@effect/platform/PlatformConfigProvider"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { ConfigError, ConfigProvider, Effect, Layer, Option } from "effect"
import { SettingsSource } from "./SettingsSource.ts"

/** One provider for both, because two chained providers nearly doubled the startup time. */
const given = (overrides: ReadonlyMap<string, string>) => {
  const environment = Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined)
  return ConfigProvider.fromMap(new Map([...environment, ...overrides]), { pathDelim: "_", seqDelim: "," })
}

/** The environment takes precedence over the file. A missing `.env` is no error; a missing `--config` file is. */
export const layer = (file: Option.Option<string>, overrides: ReadonlyMap<string, string> = new Map()) =>
  Layer.merge(providers(file, overrides), again(file, overrides))

/** The same sources, to be read again. */
const again = (file: Option.Option<string>, overrides: ReadonlyMap<string, string>) =>
  Layer.suspend(() => {
    const names = new Set([...Object.keys(process.env), ...overrides.keys()])
    return SettingsSource.layer({ file, given: given(overrides), names })
  })

const providers = (file: Option.Option<string>, overrides: ReadonlyMap<string, string>) =>
  Layer.unwrapEffect(
    PlatformConfigProvider.fromDotEnv(Option.getOrElse(file, () => ".env")).pipe(
      Effect.map((fromFile) => ConfigProvider.orElse(given(overrides), () => fromFile)),
      Effect.catchAll(() =>
        Option.isNone(file)
          ? Effect.sync(() => given(overrides))
          : Effect.fail(ConfigError.InvalidData(["--config"], "--config must name a file that can be read"))
      ),
      Effect.map(Layer.setConfigProvider)
    )
  ).pipe(Layer.provide(NodeFileSystem.layer))

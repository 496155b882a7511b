/**
 * Where the settings of a started gateway come from: the environment, then a `.env` or `--config` file.
 */

import * as PlatformConfigProvider from "@effect/platform/PlatformConfigProvider"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { ConfigError, ConfigProvider, Effect, Layer, Option } from "effect"

/** The environment wins over the file. A `.env` that is not there is no error; a named file is. */
export const layer = (file: Option.Option<string>, overrides: ReadonlyMap<string, string> = new Map()) =>
  Layer.unwrapEffect(
    PlatformConfigProvider.fromDotEnv(Option.getOrElse(file, () => ".env")).pipe(
      Effect.catchAll(() =>
        Option.isNone(file)
          ? Effect.succeed(ConfigProvider.fromMap(new Map()))
          : Effect.fail(ConfigError.InvalidData(["--config"], "--config must name a file that can be read"))
      ),
      Effect.map((fromFile) =>
        Layer.setConfigProvider(
          ConfigProvider.fromMap(new Map(overrides)).pipe(
            ConfigProvider.orElse(() => ConfigProvider.fromEnv()),
            ConfigProvider.orElse(() => fromFile)
          )
        )
      )
    )
  ).pipe(Layer.provide(NodeFileSystem.layer))

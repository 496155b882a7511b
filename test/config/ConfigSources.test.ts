import * as FileSystem from "@effect/platform/FileSystem"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, describe, it } from "@effect/vitest"
import { Config, Effect, Exit, Option } from "effect"
import * as ConfigSources from "../../src/config/ConfigSources.ts"

const names = ["SETTINGS_TEST_A", "SETTINGS_TEST_B", "SETTINGS_TEST_C", "SETTINGS_TEST_D"]
const read = Effect.forEach(names, (name) => Config.withDefault(Config.string(name), "default"))

const withVariable = (name: string, value: string) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      process.env[name] = value
    }),
    () => Effect.sync(() => delete process.env[name])
  )

describe("Settings", () => {
  it.scoped("come from an option, else the environment, else the file, else the default", () =>
    Effect.gen(function* () {
      const files = yield* FileSystem.FileSystem
      const file = yield* files.makeTempFileScoped()
      yield* files.writeFileString(
        file,
        names
          .slice(0, 3)
          .map((name) => `${name}="file, #1"`)
          .join("\n")
      )
      for (const name of names.slice(0, 2)) yield* withVariable(name, "environment")
      const overrides = new Map([["SETTINGS_TEST_A", "option"]])
      const values = yield* Effect.provide(read, ConfigSources.layer(Option.some(file), overrides))
      assert.deepStrictEqual(values, ["option", "environment", "file, #1", "default"])
    }).pipe(Effect.provide(NodeFileSystem.layer))
  )

  it.scoped("take an empty variable for a value, which hides that of the file", () =>
    Effect.gen(function* () {
      const files = yield* FileSystem.FileSystem
      const file = yield* files.makeTempFileScoped()
      yield* files.writeFileString(file, "SETTINGS_TEST_A=file")
      yield* withVariable("SETTINGS_TEST_A", "")
      const [value] = yield* Effect.provide(read, ConfigSources.layer(Option.some(file)))
      assert.strictEqual(value, "")
    }).pipe(Effect.provide(NodeFileSystem.layer))
  )

  it.effect("do without a .env, and refuse a named file that is not there", () =>
    Effect.gen(function* () {
      const values = yield* Effect.provide(read, ConfigSources.layer(Option.none()))
      assert.deepStrictEqual(values, ["default", "default", "default", "default"])
      const missing = yield* Effect.exit(Effect.provide(read, ConfigSources.layer(Option.some("/nowhere/at/all.env"))))
      assert.isTrue(Exit.isFailure(missing))
    })
  )
})

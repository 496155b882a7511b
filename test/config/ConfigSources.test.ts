import * as FileSystem from "@effect/platform/FileSystem"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { assert, describe, it } from "@effect/vitest"
import { Config, Effect, Exit, Option } from "effect"
import { explain } from "../../src/config/Config.ts"
import * as ConfigSources from "../../src/config/ConfigSources.ts"

const names = ["SETTINGS_TEST_A", "SETTINGS_TEST_B", "SETTINGS_TEST_C", "SETTINGS_TEST_D"]
const read = Effect.forEach(names, (name) => Config.withDefault(Config.string(name), "default"))

const withVariable = (name: string, value: string) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const before = process.env[name]
      process.env[name] = value
      return before
    }),
    (before) =>
      Effect.sync(() => {
        if (before === undefined) delete process.env[name]
        else process.env[name] = before
      })
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

  it.scoped("are refused where a line of the file is no setting", () =>
    Effect.gen(function* () {
      const files = yield* FileSystem.FileSystem
      const file = yield* files.makeTempFileScoped()
      yield* files.writeFileString(file, "SETTINGS_TEST_A=1\nSETTINGS_TEST_B\n")
      const error = yield* Effect.flip(Effect.provide(read, ConfigSources.layer(Option.some(file))))
      assert.deepStrictEqual(explain(error), [`${file} line 2 must be NAME=value, or a comment that begins with #`])
    }).pipe(Effect.provide(NodeFileSystem.layer))
  )

  it.scoped("tell the names in them that are none, and the file that was read", () =>
    Effect.gen(function* () {
      const files = yield* FileSystem.FileSystem
      const file = yield* files.makeTempFileScoped()
      yield* files.writeFileString(file, "\nGATEWAY_PROT=1\n")
      yield* withVariable("LINGMA_WORKDIR", "x")
      const sources = yield* Effect.provide(ConfigSources.ConfigSources, ConfigSources.layer(Option.some(file)))
      assert.strictEqual(sources.file, file)
      assert.deepStrictEqual(
        sources.unknown.map(({ from, near }) => [from._tag, near]),
        [
          ["Environment", "LINGMA_WORK_DIR"],
          ["File", "GATEWAY_PORT"]
        ]
      )
    }).pipe(Effect.provide(NodeFileSystem.layer))
  )

  it.scoped("come from a file below the home directory, too", () =>
    Effect.gen(function* () {
      const files = yield* FileSystem.FileSystem
      const home = yield* files.makeTempDirectoryScoped()
      yield* files.writeFileString(`${home}/gateway.env`, "SETTINGS_TEST_A=file")
      yield* withVariable("HOME", home)
      const [value] = yield* Effect.provide(read, ConfigSources.layer(Option.some("~/gateway.env")))
      assert.strictEqual(value, "file")
    }).pipe(Effect.provide(NodeFileSystem.layer))
  )
})

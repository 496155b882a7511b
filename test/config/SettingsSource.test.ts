import { execFileSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Option } from "effect"
import * as SettingsSource from "../../src/config/SettingsSource.ts"

const temporary = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "lingma-source-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

/** A file with a variable beside it. */
const source = Effect.map(temporary, (dir) => {
  const file = join(dir, "settings.env")
  const { read } = SettingsSource.make({
    file: Option.some(file),
    text: "LOG_LEVEL=info\n",
    given: ConfigProvider.fromMap(new Map([["GATEWAY_QUEUE_MAX", "given"]])),
    names: new Set(["GATEWAY_QUEUE_MAX"])
  })
  const problems = Effect.map(Effect.flip(read), ({ problems }) => problems.map((one) => one.replace(file, "FILE")))
  return { file, problems }
})

describe("A settings file that is read again", () => {
  it.scoped(
    "is refused with its name, the line and the rule of each wrong setting, the environment's without a line",
    () =>
      Effect.gen(function* () {
        const { file, problems } = yield* source
        writeFileSync(
          file,
          "LOG_LEVEL=info\n\n# a comment\nGATEWAY_MAX_IN_FLIGHT=zebra\nexport LOG_LEVEL=zebra\nGATEWAY_QUEUE_MAX=1\n"
        )
        assert.deepStrictEqual(yield* problems, [
          "FILE line 4: GATEWAY_MAX_IN_FLIGHT must be an integer from 1 to 100000",
          "GATEWAY_QUEUE_MAX must be an integer from 0 to 1000000",
          "FILE line 5: LOG_LEVEL must be one of trace, debug, info, warn, error, off"
        ])
      })
  )

  it.scoped("is refused when it has a line that is no setting, is empty, or is gone", () =>
    Effect.gen(function* () {
      const { file, problems } = yield* source
      writeFileSync(file, "LOG_LEVEL=info\nzebra\n")
      assert.deepStrictEqual(yield* problems, ["FILE line 2 must be NAME=value, or a comment that begins with #"])
      writeFileSync(file, "\n")
      assert.match((yield* problems)[0] ?? "", /^FILE is empty/)
      rmSync(file)
      assert.deepStrictEqual(yield* problems, ["FILE cannot be read (ENOENT)"])
    })
  )

  it.scoped("is refused at once when it is a pipe, which nobody may write to again", () =>
    Effect.gen(function* () {
      const { file, problems } = yield* source
      execFileSync("mkfifo", [file])
      assert.deepStrictEqual(yield* problems, ["FILE is no regular file: it is read at the start only"])
    })
  )

  it.scoped("need not be there if it never was, and from then on must not be missing", () =>
    Effect.gen(function* () {
      const file = join(yield* temporary, "settings.env")
      const given = ConfigProvider.fromMap(new Map())
      const { read } = SettingsSource.make({ file: Option.some(file), text: undefined, given, names: new Set() })
      assert.strictEqual((yield* read).queueMax, 256)
      writeFileSync(file, "GATEWAY_QUEUE_MAX=3\n")
      assert.strictEqual((yield* read).queueMax, 3)
      rmSync(file)
      assert.include((yield* Effect.flip(read)).message, "cannot be read")
    })
  )
})

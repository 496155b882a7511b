import { spawn } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Leftovers from "../../../src/lingma/process/Leftovers.ts"

const temporary = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "lingma-left-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

const directory = (...path: ReadonlyArray<string>) => {
  mkdirSync(join(...path), { recursive: true })
  writeFileSync(join(...path, "file"), "a client's picture")
}

const removed = (workDir: string) => Effect.flatten(Leftovers.look(workDir))

describe("Leftovers", () => {
  it.scopedLive("are directories of turns and of browsers, and nothing else in the work directory", () =>
    Effect.gen(function* () {
      const dir = yield* temporary
      const gone = ["turns/turn-aB3dE6", "turns/turn-000000", "browser/login-Zz9Yy8"]
      const kept = ["turns/idle", "turns/turn-long-name", "turns/mine", "browser/login", "cache", "login-screenshots"]
      for (const name of [...gone, ...kept]) directory(dir, name)
      writeFileSync(join(dir, "turns/turn-a1b2c3"), "a file by such a name is not ours")
      assert.strictEqual(yield* removed(dir), 3)
      for (const name of gone) assert.isFalse(existsSync(join(dir, name)), name)
      for (const name of kept) assert.isTrue(existsSync(join(dir, name, "file")), name)
      assert.isTrue(existsSync(join(dir, "turns/turn-a1b2c3")))
    })
  )

  it.scopedLive("are not looked for behind symbolic links", () =>
    Effect.gen(function* () {
      const dir = yield* temporary
      directory(dir, "elsewhere/turn-aB3dE6")
      mkdirSync(join(dir, "one/turns"), { recursive: true })
      symlinkSync(join(dir, "elsewhere/turn-aB3dE6"), join(dir, "one/turns/turn-aB3dE6"))
      mkdirSync(join(dir, "two"))
      symlinkSync(join(dir, "elsewhere"), join(dir, "two/turns"))
      symlinkSync(join(dir, "two"), join(dir, "three"))
      directory(dir, "four/turns/turn-aB3dE6")
      symlinkSync(join(dir, "elsewhere"), join(dir, "four/turns/turn-aB3dE6/link"))
      for (const name of ["one", "two", "three", "four"]) {
        assert.strictEqual(yield* removed(join(dir, name)), name === "four" ? 1 : 0, name)
      }
      assert.isTrue(existsSync(join(dir, "elsewhere/turn-aB3dE6/file")))
      assert.deepStrictEqual(readdirSync(join(dir, "four/turns")), [])
    })
  )

  it.scopedLive("are what was there at the look, not what came after it", () =>
    Effect.gen(function* () {
      const dir = yield* temporary
      directory(dir, "turns/turn-aB3dE6")
      const removal = yield* Leftovers.look(dir)
      directory(dir, "turns/turn-bB3dE6")
      yield* removal
      assert.deepStrictEqual(readdirSync(join(dir, "turns")), ["turn-bB3dE6"])
    })
  )

  it.scopedLive("are none where there is no work directory yet", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* removed(join(yield* temporary, "none")), 0)
    })
  )

  if (process.platform === "linux") {
    it.scopedLive("take a browser along that still hangs on its profile, and no other", () =>
      Effect.gen(function* () {
        const dir = yield* temporary
        directory(dir, "browser/login-aB3dE6/profile")
        const browser = (name: string) =>
          Effect.acquireRelease(
            Effect.sync(() => {
              const profile = `--user-data-dir=${join(dir, "browser", name, "profile")}`
              return spawn(process.execPath, ["-e", "setInterval(() => {}, 1000)", "--", profile], { stdio: "ignore" })
            }),
            (child) => Effect.sync(() => child.kill("SIGKILL"))
          )
        const hung = yield* browser("login-aB3dE6")
        const other = yield* browser("login-aB3dE62")
        yield* Effect.async<void>((resume) => void hung.once("spawn", () => resume(Effect.void)))
        const ended = new Promise<string | null>((resolve) => hung.once("exit", (_, signal) => resolve(signal)))
        yield* removed(dir)
        assert.strictEqual(yield* Effect.promise(() => ended), "SIGKILL")
        assert.isNull(other.signalCode)
      })
    )
  }
})

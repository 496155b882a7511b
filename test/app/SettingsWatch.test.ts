import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Queue } from "effect"
import * as SettingsWatch from "../../src/app/SettingsWatch.ts"

const temporary = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "lingma-watch-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

/** Waits for the next change that is told. */
const watched = Effect.fnUntraced(function* (file: string) {
  const told = yield* Queue.unbounded<void>()
  yield* SettingsWatch.follow(file, Queue.offer(told, undefined))
  return { next: Effect.timeout(Queue.take(told), "20 seconds"), isQuiet: Effect.map(Queue.size(told), (n) => n === 0) }
})

describe("A watched settings file", () => {
  it.scopedLive("is told of when it is written, replaced, taken away and back, but not when it holds the same", () =>
    Effect.gen(function* () {
      const dir = yield* temporary
      const file = join(dir, "settings.env")
      writeFileSync(file, "A=1\n")
      const { isQuiet, next } = yield* watched(file)
      writeFileSync(file, "A=2\n")
      yield* next
      writeFileSync(`${file}.new`, "A=3\n")
      renameSync(`${file}.new`, file)
      yield* next
      rmSync(file)
      yield* next
      writeFileSync(file, "A=3\n")
      yield* next
      writeFileSync(file, "A=3\n")
      writeFileSync(join(dir, "other"), "A=9\n")
      writeFileSync(file, "A=4\n")
      yield* next
      assert.isTrue(yield* isQuiet)
    })
  )

  it.scopedLive("is told of when it was written after it was read and before it was watched", () =>
    Effect.gen(function* () {
      const file = join(yield* temporary, "settings.env")
      writeFileSync(file, "A=2\n")
      const told = yield* Deferred.make<void>()
      yield* SettingsWatch.follow(file, Deferred.succeed(told, undefined), { text: "A=1\n" })
      yield* Effect.timeout(Deferred.await(told), "20 seconds")
    })
  )

  it.scopedLive("is told of when a link on its way is replaced, and when what it leads to is written elsewhere", () =>
    Effect.gen(function* () {
      const dir = yield* temporary
      for (const version of ["one", "two"]) {
        mkdirSync(join(dir, version))
        writeFileSync(join(dir, version, "settings.env"), `A=${version}\n`)
      }
      symlinkSync("one", join(dir, "..data"))
      const file = join(dir, "settings.env")
      symlinkSync("..data/settings.env", file)
      const { next } = yield* watched(file)
      symlinkSync("two", join(dir, "..tmp"))
      renameSync(join(dir, "..tmp"), join(dir, "..data"))
      yield* next
      writeFileSync(join(dir, "two", "settings.env"), "A=three\n")
      yield* next
    })
  )

  it.scopedLive("is told of after its folder was replaced by another one", () =>
    Effect.gen(function* () {
      const dir = join(yield* temporary, "folder")
      const file = join(dir, "settings.env")
      mkdirSync(dir)
      writeFileSync(file, "A=1\n")
      const { next } = yield* watched(file)
      renameSync(dir, `${dir}.old`)
      mkdirSync(dir)
      writeFileSync(file, "A=2\n")
      yield* next
      writeFileSync(file, "A=3\n")
      yield* next
    })
  )
})

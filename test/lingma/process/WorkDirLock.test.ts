import { spawn } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Either, Exit, Schedule, Scope } from "effect"
import * as WorkDirLock from "../../../src/lingma/process/WorkDirLock.ts"

const temporary = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "lingma-lock-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

const module = fileURLToPath(new URL("../../../src/lingma/process/WorkDirLock.ts", import.meta.url))

/** Tells on a line of its own whether it holds the directory or who does, then stays. */
const program = (dir: string) => `
import { Effect } from "effect"
import { hold } from ${JSON.stringify(module)}
Effect.runFork(Effect.scoped(hold(${JSON.stringify(dir)}).pipe(
  Effect.match({ onSuccess: () => "held", onFailure: ({ pid }) => "refused by " + pid }),
  Effect.flatMap((word) => Effect.sync(() => console.log(word))),
  Effect.zipRight(Effect.never)
)))
setInterval(() => {}, 1000)
`

/** Another process that tries for the directory; killed with the scope. */
const contender = (dir: string) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const child = spawn(process.execPath, ["--import", "tsx", "--input-type=module", "-e", program(dir)])
      const gone = new Promise<void>((resolve) => child.on("exit", () => resolve()))
      const word = new Promise<string>((resolve, reject) => {
        let said = ""
        child.stderr.on("data", (text: Buffer) => {
          said += text
        })
        child.stdout.once("data", (text: Buffer) => resolve(text.toString().trim()))
        child.on("exit", () => reject(new Error(`no word: ${said}`)))
      })
      return { pid: child.pid ?? 0, word: Effect.promise(() => word), gone, kill: () => child.kill("SIGKILL") }
    }),
    ({ gone, kill }) =>
      Effect.promise(() => {
        kill()
        return gone
      })
  )

const sockets = (dir: string) => readdirSync(dir).filter((name) => name.endsWith(".sock"))

describe("WorkDirLock", () => {
  it.scopedLive("refuses a second gateway, names the first, and lets it in when that has gone", () =>
    Effect.gen(function* () {
      const dir = join(yield* temporary, "work")
      const first = yield* Scope.make()
      yield* Scope.extend(WorkDirLock.hold(dir), first)
      const refused = yield* Effect.flip(WorkDirLock.hold(dir))
      assert.strictEqual(refused._tag, "WorkDirInUse")
      assert.strictEqual(refused.pid, process.pid)
      assert.match(refused.message, /^LINGMA_WORK_DIR is in use by another gateway \(pid \d+\)/)
      assert.lengthOf(sockets(dir), 1)
      yield* Scope.close(first, Exit.void)
      assert.deepStrictEqual(readdirSync(dir), [])
      yield* Effect.scoped(WorkDirLock.hold(dir))
    })
  )

  it.scopedLive("refuses the same directory under another path", () =>
    Effect.gen(function* () {
      const dir = yield* temporary
      mkdirSync(join(dir, "work"))
      symlinkSync(join(dir, "work"), join(dir, "link"))
      yield* WorkDirLock.hold(join(dir, "work"))
      assert.strictEqual((yield* Effect.flip(WorkDirLock.hold(join(dir, "link"))))._tag, "WorkDirInUse")
    })
  )

  it.scopedLive("stands against another process until that is killed, and is not held up by what it leaves", () =>
    Effect.gen(function* () {
      const dir = yield* temporary
      const other = yield* contender(dir)
      assert.strictEqual(yield* other.word, "held")
      assert.strictEqual((yield* Effect.flip(WorkDirLock.hold(dir))).pid, other.pid)
      other.kill()
      yield* Effect.promise(() => other.gone)
      assert.lengthOf(sockets(dir), 1)
      // As if the id had been given to a program that runs: this one.
      const left = `gateway-${process.pid}-0123456789ab.sock`
      writeFileSync(join(dir, left), "")
      yield* WorkDirLock.hold(dir)
      assert.lengthOf(sockets(dir), 1)
      assert.isFalse(existsSync(join(dir, left)))
    })
  )

  it.scopedLive(
    "lets one in of those that start at the same moment",
    () =>
      Effect.gen(function* () {
        const dir = yield* temporary
        for (let round = 0; round < 3; round++) {
          for (const many of [2, 8]) {
            yield* Effect.scoped(
              Effect.gen(function* () {
                const all = Array.from({ length: many }, () => Effect.either(WorkDirLock.hold(dir)))
                const outcomes = yield* Effect.all(all, { concurrency: "unbounded" })
                const held = outcomes.filter(Either.isRight).length
                // Of eight at the same microsecond each may have seen another in each of its tries.
                assert.isTrue(many === 2 ? held === 1 : held <= 1, `${held} of ${many}`)
              })
            )
            assert.deepStrictEqual(readdirSync(dir), [])
          }
        }
        const words = yield* Effect.flatMap(
          Effect.forEach(Array.from({ length: 4 }), () => contender(dir)),
          (all) => Effect.forEach(all, ({ word }) => word, { concurrency: "unbounded" })
        )
        assert.lengthOf(
          words.filter((word) => word === "held"),
          1,
          words.join("; ")
        )
      }),
    { timeout: 60_000 }
  )

  it.scopedLive("holds a directory with a long name", () =>
    Effect.gen(function* () {
      const dir = join(yield* temporary, "long".repeat(40))
      yield* WorkDirLock.hold(dir)
      assert.isTrue(Either.isLeft(yield* Effect.either(WorkDirLock.hold(dir))))
    })
  )

  it.scopedLive("stops nobody where no socket can be made", () =>
    Effect.gen(function* () {
      const dir = yield* temporary
      writeFileSync(join(dir, "file"), "")
      yield* WorkDirLock.hold(join(dir, "file"))
    })
  )

  it.scopedLive("takes less than 20 ms to acquire and release", () =>
    Effect.gen(function* () {
      const dir = yield* temporary
      const began = performance.now()
      yield* Effect.repeat(Effect.scoped(WorkDirLock.hold(dir)), Schedule.recurs(99))
      assert.isBelow((performance.now() - began) / 100, 20)
    })
  )
})

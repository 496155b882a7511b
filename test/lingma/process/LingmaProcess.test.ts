import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schedule } from "effect"
import * as LingmaProcess from "../../../src/lingma/process/LingmaProcess.ts"

const temporary = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "lingma-process-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

/** A shell script in the place of Lingma; it gets Lingma's arguments. */
const script = (text: string, workDir: string, more: Partial<LingmaProcess.LaunchOptions> = {}) => ({
  command: "/bin/sh",
  prefix: ["-c", text, "sh"],
  workDir: join(workDir, "work"),
  socketPort: 1,
  httpPort: 2,
  childEnv: [],
  ...more
})

const alive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"))
  } catch {
    return false
  }
}
const gone = (pid: number) =>
  Effect.repeat(
    Effect.sync(() => !alive(pid)),
    { until: (dead) => dead, schedule: Schedule.spaced("10 millis") }
  ).pipe(Effect.timeout("3 seconds"))
const written = (path: string) =>
  Effect.retry(
    Effect.filterOrFail(
      Effect.try(() => readFileSync(path, "utf8")),
      (text) => text.endsWith("\n")
    ),
    Schedule.spaced("10 millis")
  ).pipe(Effect.timeout("3 seconds"))

describe("LingmaProcess", () => {
  it.scopedLive("is called as Lingma is, in a work dir of its own that nobody else may read", () =>
    Effect.gen(function* () {
      const dir = yield* temporary
      yield* LingmaProcess.make(script('echo "$*" > args; exec sleep 9', dir))
      const args = yield* written(join(dir, "work/args"))
      assert.strictEqual(args, `start --workDir=${join(dir, "work")} --socketPort=1 --httpPort=2\n`)
      assert.strictEqual(statSync(join(dir, "work")).mode & 0o777, 0o700)
      assert.strictEqual(statSync(join(dir, "work/args")).mode & 0o077, 0)
    })
  )

  it.scopedLive("makes a work dir private that others may read", () =>
    Effect.gen(function* () {
      const dir = yield* temporary
      const work = join(dir, "work")
      for (const mode of [0o755, 0o770, 0o701]) {
        mkdirSync(work, { recursive: true })
        chmodSync(work, mode)
        yield* LingmaProcess.make(script("exec sleep 9", dir))
        assert.strictEqual(statSync(work).mode & 0o777, 0o700)
      }
    })
  )

  it.scopedLive("shows the child nothing of our environment but what is listed", () =>
    Effect.gen(function* () {
      const dir = yield* temporary
      process.env["LINGMA_TEST_SECRET"] = "hunter2"
      process.env["LINGMA_TEST_SHOWN"] = "shown"
      yield* LingmaProcess.make(
        script("env > vars; echo >> vars; exec sleep 9", dir, { childEnv: ["LINGMA_TEST_SHOWN"] })
      )
      const vars = yield* written(join(dir, "work/vars"))
      assert.notInclude(vars, "hunter2")
      assert.include(vars, "LINGMA_TEST_SHOWN=shown")
      assert.include(vars, "PATH=")
    })
  )

  it.scopedLive("reports how it ended, with its last output", () =>
    Effect.gen(function* () {
      const dir = yield* temporary
      const running = yield* LingmaProcess.make(script("echo no licence >&2; exit 3", dir))
      const { detail } = yield* Effect.flip(running.exited)
      assert.include(detail, "code 3")
      assert.include(detail, "no licence")
    })
  )

  it.scopedLive("says which setting is wrong when there is nothing to run", () =>
    Effect.gen(function* () {
      const dir = yield* temporary
      writeFileSync(join(dir, "plain"), "#!/bin/sh", { mode: 0o600 })
      for (const [command, words] of [
        [join(dir, "missing"), `LINGMA_BIN: ${join(dir, "missing")} does not exist. `],
        [join(dir, "plain"), `LINGMA_BIN: ${join(dir, "plain")} is not executable. Run chmod +x`]
      ] as const) {
        const { detail } = yield* Effect.flip(LingmaProcess.make(script("", dir, { command, prefix: [] })))
        assert.include(detail, words)
      }
    })
  )

  it.scopedLive("says that a program is another machine's once it does not run, without what a shell makes of it", () =>
    Effect.gen(function* () {
      const dir = yield* temporary
      const command = join(dir, "Lingma")
      const head = Buffer.alloc(128)
      // ELF of the other of the two usual processors.
      head.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1])
      head.writeUInt16LE(process.arch === "arm64" ? 62 : 183, 18)
      writeFileSync(command, head, { mode: 0o700 })
      const running = yield* LingmaProcess.make(script("", dir, { command, prefix: [] }))
      const { detail } = yield* Effect.flip(running.exited)
      assert.match(
        detail,
        /^LINGMA_BIN: \S+ is built for \w+ Linux, this machine is \w+ Linux\. .* \(ended with code \d+\)$/
      )
    })
  )

  it.scopedLive("is killed with its scope, and so are the processes that it started", () =>
    Effect.gen(function* () {
      const dir = yield* temporary
      const pids = yield* Effect.scoped(
        Effect.gen(function* () {
          const { pid } = yield* LingmaProcess.make(script("sleep 60 & echo $! > child; wait", dir))
          const child = Number(yield* written(join(dir, "work/child")))
          assert.isTrue(alive(pid) && alive(child))
          return [pid, child]
        })
      )
      yield* Effect.forEach(pids, gone)
    })
  )

  it.scopedLive("is killed when it does not heed SIGINT", () =>
    Effect.gen(function* () {
      const dir = yield* temporary
      const stubborn = "trap '' INT TERM; echo up > up; while :; do sleep 1; done"
      const pid = yield* Effect.scoped(
        Effect.gen(function* () {
          const running = yield* LingmaProcess.make(script(stubborn, dir))
          yield* written(join(dir, "work/up"))
          return running.pid
        })
      )
      yield* gone(pid)
    })
  )

  it.scopedLive("is drained however much it says, with or without line ends", () =>
    Effect.gen(function* () {
      const dir = yield* temporary
      const flood = "head -c 20000000 /dev/zero | tr '\\0' 'x'; seq 1 200000; echo done > done; exit 4"
      const running = yield* LingmaProcess.make(script(flood, dir))
      const { detail } = yield* Effect.timeout(Effect.flip(running.exited), "20 seconds")
      assert.include(detail, "code 4")
      assert.isBelow(detail.length, 20_000)
    })
  )
})

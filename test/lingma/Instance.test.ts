import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Schedule, Stream } from "effect"
import type { BackendState } from "../../src/Backend.ts"
import * as Endpoint from "../../src/lingma/Endpoint.ts"
import * as Instance from "../../src/lingma/Instance.ts"
import * as Port from "../../src/lingma/Port.ts"

const emulator = fileURLToPath(new URL("../../bin/lingma-emulator.js", import.meta.url))

const ports = Port.make()

const temporary = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "lingma-instance-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

/** The emulator, behind a shell line that may do something first. */
const instance = (dir: string, before = "") =>
  Instance.make({
    id: "inst-0",
    startupTimeout: Duration.seconds(10),
    rpcTimeout: Duration.seconds(5),
    version: "0",
    workDir: join(dir, "work"),
    gate: (start) => start,
    onAuth: () => {},
    find: Endpoint.launched({
      command: "/bin/sh",
      prefix: ["-c", `${before}exec "${process.execPath}" "${emulator}" "$@"`, "sh"],
      workDir: join(dir, "work"),
      ports,
      socketPort: 37010,
      httpPort: 37510,
      childEnv: []
    })
  })

const reaches = (one: Instance.Instance, state: BackendState) =>
  Effect.timeout(Stream.runDrain(Stream.takeUntil(one.state.changes, (next) => next === state)), "15 seconds")

const childOf = (dir: string) =>
  Effect.sync(() => join(dir, "work", ".info.json")).pipe(
    Effect.flatMap((path) => Effect.promise(() => import("node:fs/promises").then((fs) => fs.readFile(path, "utf8")))),
    Effect.map((text) => (JSON.parse(text) as { readonly pid: number }).pid)
  )

describe("Instance", () => {
  it.scopedLive("waits for a first start, and knows account and models then", () =>
    Effect.gen(function* () {
      const one = yield* instance(yield* temporary)
      yield* one.loggedIn
      assert.isAbove((yield* one.models).length, 3)
      assert.deepInclude(yield* one.status, { state: "ready", loggedIn: true, restarts: 0 })
    })
  )

  it.scopedLive("comes back after its process was killed, and lets callers wait for that", () =>
    Effect.gen(function* () {
      const dir = yield* temporary
      const one = yield* instance(dir)
      yield* one.loggedIn
      process.kill(yield* childOf(dir), "SIGKILL")
      yield* reaches(one, "reconnecting")
      yield* one.loggedIn
      assert.deepInclude(yield* one.status, { state: "ready", restarts: 1 })
    })
  )

  it.scopedLive("fails at once where waiting is useless, and starts again because somebody asked", () =>
    Effect.gen(function* () {
      const dir = yield* temporary
      const one = yield* instance(dir, "[ -e ../allowed ] || exit 7; ")
      yield* reaches(one, "failed")
      const before = performance.now()
      const error = yield* Effect.flip(one.rpc)
      assert.isBelow(performance.now() - before, 50)
      assert.include(error.detail, "code 7")
      writeFileSync(join(dir, "allowed"), "")
      yield* Effect.retry(one.loggedIn, Schedule.spaced("100 millis")).pipe(Effect.timeout("10 seconds"))
      assert.isTrue(existsSync(join(dir, "work")))
    })
  )

  it.scopedLive("takes another port when the wanted one is another's", () =>
    Effect.gen(function* () {
      const first = yield* instance(yield* temporary)
      const second = yield* instance(yield* temporary)
      yield* first.loggedIn
      yield* second.loggedIn
    })
  )
})

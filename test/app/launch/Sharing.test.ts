import { spawnSync } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs"
import { createServer } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Effect, Fiber } from "effect"
import * as Sharing from "../../../src/app/launch/Sharing.ts"

const name = (pid: number) => `user-${pid}-${pid}-0123456789ab.sock`

const directory = (below: string) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const root = mkdtempSync(join(tmpdir(), "sharing-"))
      const dir = join(root, below)
      mkdirSync(dir, { recursive: true })
      return { root, dir }
    }),
    ({ root }) => Effect.sync(() => rmSync(root, { recursive: true, force: true }))
  )

/** Another launch, which uses the gateway. */
const user = (path: string) =>
  Effect.acquireRelease(
    Effect.async<ReturnType<typeof createServer>>((resume) => {
      const server = createServer((peer) => peer.destroy())
      server.listen(path, () => resume(Effect.succeed(server)))
    }),
    (server) => Effect.async<void>((resume) => void server.close(() => resume(Effect.void)))
  )

describe("those who share a gateway of launch", () => {
  it.scopedLive("are waited for until an interrupt, also while the command ends", () =>
    Effect.gen(function* () {
      const { dir } = yield* directory("")
      yield* user(join(dir, name(1)))
      const told = yield* Deferred.make<void>()
      const ending = Sharing.untilAlone(dir, Effect.asVoid(Deferred.succeed(told, undefined)))
      const fiber = yield* Effect.fork(Effect.ensuring(Effect.void, ending))
      yield* Deferred.await(told)
      const end = yield* Effect.timeoutOption(Fiber.interrupt(fiber), "5 seconds")
      assert.strictEqual(end._tag, "Some")
    })
  )

  it.scopedLive("are not those that were killed, whose sockets are removed", () =>
    Effect.gen(function* () {
      const { dir } = yield* directory("")
      const script = `require("net").createServer().listen(${JSON.stringify(join(dir, name(2)))}, () => process.kill(process.pid, "SIGKILL"))`
      spawnSync(process.execPath, ["-e", script])
      assert.deepStrictEqual(readdirSync(dir), [name(2)])
      assert.strictEqual(yield* Sharing.others(dir), 0)
      assert.deepStrictEqual(readdirSync(dir), [])
    })
  )

  it.scopedLive("are found in a directory whose path is longer than that of a socket may be", () =>
    Effect.gen(function* () {
      if (!existsSync("/proc/self/fd")) return
      const { dir } = yield* directory("a-long-name-of-a-directory/".repeat(5))
      // The gateway's own way to hold a place in such a directory.
      const script = `const { openSync } = require("fs"); const fd = openSync(${JSON.stringify(dir)}, "r")
        require("net").createServer().listen("/proc/self/fd/" + fd + "/${name(3)}", () => process.send("ready"))`
      const { spawn } = yield* Effect.promise(() => import("node:child_process"))
      yield* Effect.acquireRelease(
        Effect.async<ReturnType<typeof spawn>>((resume) => {
          const child = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "ignore", "inherit", "ipc"] })
          child.once("message", () => resume(Effect.succeed(child)))
        }),
        (child) =>
          Effect.async<void>((resume) => {
            child.once("exit", () => resume(Effect.void))
            child.kill("SIGKILL")
          })
      )
      assert.strictEqual(yield* Sharing.others(dir), 1)
    })
  )
})

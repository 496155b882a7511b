import { spawn } from "node:child_process"
import { createServer, type Server } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schedule } from "effect"
import * as Port from "../../../src/lingma/process/Port.ts"

const listening = (port = 0) =>
  Effect.acquireRelease(
    Effect.async<Server>((resume) => {
      const server = createServer()
      server.listen(port, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) => Effect.async<void>((resume) => void server.close(() => resume(Effect.void)))
  )
const portOf = (server: Server) => {
  const address = server.address()
  return typeof address === "object" && address !== null ? address.port : 0
}

describe("Port", () => {
  it.scopedLive("gives the wanted port when it is free, else another, and never one twice", () =>
    Effect.gen(function* () {
      const ports = Port.make()
      const taken = portOf(yield* listening())
      assert.notStrictEqual(yield* ports.claim(taken), taken)
      const free = yield* ports.claim(0)
      const others = yield* Effect.all([ports.claim(free), ports.claim(free), ports.claim(0)], { concurrency: 3 })
      assert.strictEqual(new Set([free, ...others]).size, 4)
    })
  )

  it.scopedLive("gives a port again once it was given back", () =>
    Effect.gen(function* () {
      const ports = Port.make()
      const port = yield* Effect.scoped(ports.claim(0))
      assert.strictEqual(yield* ports.claim(port), port)
    })
  )

  it.scopedLive("tells a child's port from a stranger's", () =>
    Effect.gen(function* () {
      const stranger = portOf(yield* listening())
      const port = yield* Effect.scoped(Port.make().claim(0))
      const child = yield* Effect.acquireRelease(
        Effect.sync(() =>
          spawn("/bin/sh", ["-c", `"${process.execPath}" -e 'net.createServer().listen(${port},"127.0.0.1")' & wait`], {
            detached: true,
            stdio: "ignore"
          })
        ),
        ({ pid }) => Effect.sync(() => pid !== undefined && process.kill(-pid, "SIGKILL"))
      )
      const group = child.pid ?? 0
      yield* Effect.repeat(Port.belongsTo(port, group), {
        until: (ours) => ours,
        schedule: Schedule.spaced("20 millis")
      }).pipe(Effect.timeout("10 seconds"))
      assert.isFalse(yield* Port.belongsTo(stranger, group))
      assert.isFalse(yield* Port.belongsTo(port, process.pid))
    })
  )
})

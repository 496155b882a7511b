import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from "node:fs"
import { createServer, type Socket } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Layer, Option, Schedule } from "effect"
import type { Backend } from "../../src/chat/Backend.ts"
import { GatewayConfig, type Settings } from "../../src/config/Config.ts"
import * as Fleet from "../../src/lingma/Fleet.ts"
import { AutoLogin } from "../../src/lingma/login/AutoLogin.ts"
import { Browser } from "../../src/lingma/login/Browser.ts"
import { Metrics } from "../../src/observe/Metrics.ts"

const emulator = fileURLToPath(new URL("../../bin/lingma-emulator.js", import.meta.url))

const temporary = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "lingma-fleet-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

const fleet = (dir: string, settings: Partial<Settings>) =>
  Effect.flatMap(GatewayConfig, Fleet.make).pipe(
    Effect.provide(AutoLogin.layerFromConfig.pipe(Layer.provide(Browser.layerNoop), Layer.merge(Metrics.layer))),
    Effect.provide(
      GatewayConfig.layer({
        lingmaBin: Option.some(emulator),
        lingmaWorkDir: join(dir, "work"),
        startupTimeout: Duration.seconds(10),
        ...settings
      })
    )
  )

const failed = (backend: Backend) =>
  Effect.flatMap(backend.status, ({ lastError }) => Effect.fromNullable(lastError)).pipe(
    Effect.retry(Schedule.spaced("20 millis")),
    Effect.timeout("10 seconds")
  )

describe("Fleet", () => {
  it.scopedLive("brings up several instances side by side, each with a state of its own", () =>
    Effect.gen(function* () {
      const backends = yield* fleet(yield* temporary, { instanceCount: Option.some(3) })
      assert.deepStrictEqual(
        backends.map(({ id }) => id),
        ["inst-0", "inst-1", "inst-2"]
      )
      yield* Effect.forEach(backends, (backend) => backend.ensureReady, { concurrency: 3 })
    })
  )

  it.scopedLive("uses a Lingma that runs already, and leaves it running", () =>
    Effect.gen(function* () {
      const dir = yield* temporary
      const [own] = yield* fleet(dir, { lingmaSocketPort: 37010 })
      yield* own.ensureReady
      const { readFileSync } = yield* Effect.promise(() => import("node:fs"))
      const info = JSON.parse(readFileSync(join(dir, "work/.info.json"), "utf8")) as { readonly websocketPort: number }
      yield* Effect.scoped(
        Effect.gen(function* () {
          const attach = [`ws://127.0.0.1:${info.websocketPort}/`]
          const [other] = yield* fleet(dir, { lingmaBin: Option.none(), attach })
          yield* other.ensureReady
          assert.isAbove((yield* other.models).length, 0)
          assert.isFalse(other.emulated)
        })
      )
      assert.deepInclude(yield* own.status, { state: "ready", restarts: 0 })
    })
  )

  it.scopedLive("refuses a work directory that another fleet uses, however many instances either has", () =>
    Effect.gen(function* () {
      const dir = yield* temporary
      yield* fleet(dir, { lingmaBin: Option.some("/bin/false"), instanceCount: Option.some(2) })
      for (const instanceCount of [Option.some(1), Option.some(3)]) {
        const refused = yield* Effect.flip(Effect.scoped(Effect.asVoid(fleet(dir, { instanceCount }))))
        assert.strictEqual(refused._tag, "WorkDirInUse")
        assert.strictEqual(refused.pid, process.pid)
      }
      const attach = ["ws://127.0.0.1:1/"]
      yield* fleet(dir, { attach })
      assert.strictEqual(
        (yield* Effect.flip(Effect.scoped(Effect.asVoid(fleet(dir, { attach })))))._tag,
        "WorkDirInUse"
      )
    })
  )

  it.scopedLive("removes what a killed gateway left in the directory of each instance", () =>
    Effect.gen(function* () {
      const dir = yield* temporary
      const left = ["inst-0", "inst-1"].map((name) => join(dir, "work", name, "turns/turn-aB3dE6"))
      for (const path of left) mkdirSync(path, { recursive: true })
      yield* fleet(dir, { lingmaBin: Option.some("/bin/false"), instanceCount: Option.some(2) })
      yield* Effect.repeat(
        Effect.sync(() => left.every((path) => !existsSync(path))),
        { until: (gone) => gone, schedule: Schedule.spaced("10 millis") }
      ).pipe(Effect.timeout("5 seconds"))
    })
  )

  it.scopedLive("reports an address that nobody answers at", () =>
    Effect.gen(function* () {
      const [backend] = yield* fleet(yield* temporary, {
        lingmaBin: Option.none(),
        attach: ["ws://127.0.0.1:1/"],
        startupTimeout: Duration.millis(300)
      })
      assert.include(yield* failed(backend), "LINGMA_STARTUP_TIMEOUT")
    })
  )

  it.scopedLive("refuses a work directory that is a symbolic link, and names the setting", () =>
    Effect.gen(function* () {
      const dir = yield* temporary
      mkdirSync(join(dir, "elsewhere"))
      symlinkSync(join(dir, "elsewhere"), join(dir, "work"))
      const [backend] = yield* fleet(dir, {})
      assert.include(yield* failed(backend), "LINGMA_WORK_DIR")
    })
  )

  it.scopedLive("says no byte to a stranger that sits on the wanted port", () =>
    Effect.gen(function* () {
      let bytes = 0
      let connections = 0
      const squatter = yield* Effect.acquireRelease(
        Effect.async<ReturnType<typeof createServer>>((resume) => {
          const server = createServer((socket: Socket) => {
            connections++
            socket.on("data", (data) => {
              bytes += data.length
            })
          })
          server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
        }),
        (server) => Effect.sync(() => server.close())
      )
      const address = squatter.address()
      const port = typeof address === "object" && address !== null ? address.port : 0
      const [backend] = yield* fleet(yield* temporary, { lingmaSocketPort: port })
      yield* backend.ensureReady
      assert.deepStrictEqual([connections, bytes], [0, 0])
    })
  )
})

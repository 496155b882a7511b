import { spawn } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { chat, content, emulator, eventually, start } from "./support.ts"

const root = fileURLToPath(new URL("../..", import.meta.url))

/** `npm start` as the foreground of a terminal has it: npm, its shell and the gateway are one process group. */
const npmStart = Effect.gen(function* () {
  const began = performance.now()
  const dir = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "lingma-npm-"))),
    (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 }))
  )
  const said = { stdout: "", stderr: "" }
  const { child, exited } = yield* Effect.acquireRelease(
    Effect.sync(() => {
      const child = spawn("npm", ["start"], {
        cwd: root,
        env: {
          PATH: process.env["PATH"],
          HOME: dir,
          GATEWAY_PORT: "0",
          LOG_FORMAT: "json",
          LINGMA_BIN: emulator,
          LINGMA_WORK_DIR: join(dir, "lingma")
        },
        stdio: ["ignore", "pipe", "pipe"],
        detached: true
      })
      for (const name of ["stdout", "stderr"] as const)
        child[name].setEncoding("utf8").on("data", (more: string) => {
          said[name] += more
        })
      return { child, exited: new Promise<number | null>((resolve) => child.on("close", resolve)) }
    }),
    ({ child, exited }) =>
      Effect.promise(() => {
        try {
          process.kill(-(child.pid ?? 0), "SIGKILL")
        } catch {
          // ended
        }
        return exited
      })
  )
  const base = yield* eventually(
    () => /"baseUrl":"(http:\/\/[^"]+)\/v1"/.exec(said.stdout)?.[1],
    "a base URL",
    "1 minute"
  )
  const ready = performance.now() - began
  yield* eventually(() => said.stdout.includes('"state":"ready"') || undefined, "ready")
  return { base, child, exited, said, ready, group: child.pid ?? 0 }
})

/** The whole of a stream, as far as it came; `at` is called after each piece with the number of events so far. */
const reading = (response: Response, at: (events: number) => void) =>
  Effect.promise(async () => {
    const decoder = new TextDecoder()
    let all = ""
    try {
      for await (const bytes of response.body ?? []) {
        all += decoder.decode(bytes, { stream: true })
        at(all.split("\n\n").length - 1)
      }
    } catch {
      all += "cut"
    }
    return all
  })

/** For the first of several calls only. */
const once = (act: () => void): (() => void) => {
  let isDone = false
  return () => {
    if (!isDone) act()
    isDone = true
  }
}

describe("npm start", () => {
  it.scopedLive("builds nothing when nothing has changed, and serves within seconds", () =>
    Effect.gen(function* () {
      const { ready, said } = yield* npmStart
      assert.notInclude(said.stderr, "Building")
      // A second or two on a machine that does nothing else; to build takes ten times as long.
      assert.isBelow(ready, 15_000)
    })
  )

  it.scopedLive("lets running streams end at a Ctrl-C, which comes by the terminal and by npm", () =>
    Effect.gen(function* () {
      const program = yield* npmStart
      const running = yield* chat(program, "[[emu tokens=60 interval=25]]", { stream: true })
      const interrupt = once(() => process.kill(-program.group, "SIGINT"))
      const body = yield* reading(running, (events) => events > 5 && interrupt())
      assert.isTrue(content(body).endsWith("t59 "), body.slice(-300))
      assert.include(body, "[DONE]")
      assert.strictEqual(yield* Effect.promise(() => program.exited), 0)
    })
  )
})

describe("the program", () => {
  it.scopedLive("takes a second signal within a second for the same one", () =>
    Effect.gen(function* () {
      for (const signal of ["SIGINT", "SIGTERM"] as const) {
        const program = yield* start()
        const running = yield* chat(program, "[[emu tokens=40 interval=25]]", { stream: true })
        let sent = 0
        const body = yield* reading(running, (events) => {
          if (events > 5 && sent++ < 3) program.child.kill(sent === 3 ? "SIGTERM" : signal)
        })
        assert.isTrue(content(body).endsWith("t39 "), body.slice(-300))
        assert.strictEqual(yield* Effect.promise(() => program.exited), 0)
      }
    })
  )

  it.scopedLive("ends at once at a second signal that comes later", () =>
    Effect.gen(function* () {
      for (const signal of ["SIGINT", "SIGTERM"] as const) {
        const program = yield* start()
        const running = yield* chat(program, "[[emu tokens=400 interval=25]]", { stream: true })
        let first = 0
        const second = once(() => program.child.kill(signal))
        const body = yield* reading(running, (events) => {
          if (first === 0 && events > 5) {
            program.child.kill(signal)
            first = performance.now()
          }
          if (first > 0 && performance.now() - first > 1_100) second()
        })
        yield* Effect.promise(() => program.exited)
        assert.strictEqual(program.child.signalCode, signal)
        assert.isTrue(body.endsWith("cut"))
        assert.isBelow(performance.now() - first, 5_000)
      }
    })
  )
})

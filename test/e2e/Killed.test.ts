import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { dataUrl, png } from "../support/Pictures.ts"
import * as S from "./support.ts"

const kill = (program: S.Program) =>
  Effect.promise(() => {
    program.child.kill("SIGKILL")
    return program.exited
  })

const names = (dir: string) => (existsSync(dir) ? readdirSync(dir) : [])

/** Processes with such a text in their command line. */
const running = (text: string): ReadonlyArray<number> =>
  readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(text)
      } catch {
        return false
      }
    })

const inUse = (pid: number | undefined) =>
  `LINGMA_WORK_DIR is in use by another gateway (pid ${pid}): stop that one, or choose another directory\n`

/** A process of the browser may have ended by itself meanwhile. */
const stop = (pid: number) => {
  try {
    process.kill(pid, "SIGSTOP")
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error
  }
}

describe("a gateway that was killed", () => {
  it.scopedLive("leaves pictures of clients, which the next one removes", () =>
    Effect.gen(function* () {
      const program = yield* S.start()
      const workDir = join(program.dir, "data/lingma")
      const turns = join(workDir, "turns")
      const content = [
        { type: "text", text: "[[emu tokens=4000 interval=25]]" },
        { type: "image_url", image_url: { url: dataUrl("image/png", png(5_000)) } }
      ]
      const answer = yield* S.chat(program, "", {
        model: "Kimi-K2.6",
        stream: true,
        messages: [{ role: "user", content }]
      })
      yield* S.eventually(() => names(turns).some((name) => name.startsWith("turn-")) || undefined, "a picture")
      yield* kill(program)
      yield* Effect.promise(() => answer.text().catch(() => ""))
      const [left = ""] = names(turns).filter((name) => name.startsWith("turn-"))
      assert.lengthOf(names(join(turns, left)), 1)
      mkdirSync(join(program.dir, "elsewhere"))
      symlinkSync(join(program.dir, "elsewhere"), join(turns, "turn-linked"))
      const next = yield* S.start({ LINGMA_WORK_DIR: workDir })
      yield* S.eventually(() => !existsSync(join(turns, left)) || undefined, "the picture gone")
      assert.sameMembers(
        names(turns).filter((name) => name !== "idle"),
        ["turn-linked"]
      )
      assert.isTrue(existsSync(join(program.dir, "elsewhere")))
      assert.strictEqual((yield* S.chat(next, "[[emu interval=0 tokens=3]]")).status, 200)
    })
  )

  for (const hangs of [false, true]) {
    it.scopedLive(
      hangs
        ? "leaves a browser that hangs, which the next one ends"
        : "leaves the profile of a browser, not the browser",
      () =>
        Effect.gen(function* () {
          const login = {
            LINGMA_EMULATOR_LOGIN: "required",
            LINGMA_EMULATOR_LOGIN_PAGE: "endless",
            LINGMA_ACCOUNTS: JSON.stringify([{ username: "ann", password: "a-password-of-ann" }]),
            AUTO_LOGIN_HOSTS: "127.0.0.1",
            AUTO_LOGIN_TIMEOUT: "60"
          }
          const program = yield* S.start(login)
          const workDir = join(program.dir, "data/lingma")
          const browsers = () => running(`--user-data-dir=${workDir}`)
          yield* S.eventually(() => names(join(workDir, "browser"))[0], "a profile")
          yield* S.eventually(() => browsers().length > 2 || undefined, "a browser")
          const [left = ""] = names(join(workDir, "browser"))
          const pids = browsers()
          // Nothing of it lies where nobody would look for it.
          assert.deepStrictEqual(
            names(join(program.dir, "tmp")).filter((name) => name.includes("playwright")),
            []
          )
          if (hangs) pids.forEach(stop)
          yield* kill(program)
          if (!hangs) yield* S.eventually(() => browsers().length === 0 || undefined, "no browser")
          else assert.isAbove(browsers().length, 0)
          assert.isTrue(existsSync(join(workDir, "browser", left)))
          yield* S.start({ LINGMA_WORK_DIR: workDir })
          yield* S.eventually(() => !existsSync(join(workDir, "browser", left)) || undefined, "the profile gone")
          yield* S.eventually(() => browsers().length === 0 || undefined, "no browser")
        }),
      { timeout: 90_000 }
    )
  }
})

describe("two gateways on one work directory", () => {
  for (const [name, bin] of [
    ["a Lingma", S.emulator],
    ["the built-in emulator", ""]
  ] as const) {
    it.scopedLive(`of ${name}: the second is refused until the first is killed`, () =>
      Effect.gen(function* () {
        const first = yield* S.start({ LINGMA_BIN: bin })
        const env = { LINGMA_BIN: bin, GATEWAY_PORT: "0", LINGMA_WORK_DIR: join(first.dir, "data/lingma") }
        for (const more of [{}, { LINGMA_INSTANCE_COUNT: "2" }]) {
          const second = yield* S.runToEnd(["start"], { ...env, ...more })
          assert.deepStrictEqual([second.code, second.stderr], [78, inUse(first.child.pid)])
        }
        if (bin !== "") {
          const login = yield* S.runToEnd(["login"], { ...env, GATEWAY_PORT: "1" })
          assert.deepStrictEqual([login.code, login.stderr], [78, inUse(first.child.pid)])
        }
        assert.strictEqual((yield* S.chat(first, "[[emu interval=0 tokens=3]]")).status, 200)
        yield* kill(first)
        const next = yield* S.start(env)
        assert.strictEqual((yield* S.chat(next, "[[emu interval=0 tokens=3]]")).status, 200)
        next.child.kill("SIGTERM")
        yield* Effect.promise(() => next.exited)
        const workDir = `${env.LINGMA_WORK_DIR}${bin === "" ? "-emulator" : ""}`
        assert.deepStrictEqual(
          names(workDir).filter((file) => file.endsWith(".sock")),
          []
        )
      })
    )
  }
})

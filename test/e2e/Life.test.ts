import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { createServer, type Server } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Load from "./load.ts"
import {
  chat,
  children,
  content,
  eventually,
  isBalanced,
  json,
  lingmas,
  runToEnd,
  settled,
  start,
  text
} from "./support.ts"

const gone = (pids: ReadonlyArray<number>) =>
  eventually(() => {
    const left = pids.filter((pid) => {
      try {
        return process.kill(pid, 0)
      } catch {
        return false
      }
    })
    return left.length === 0 || undefined
  }, "the children gone")

describe("the program", () => {
  it.scopedLive("lets running streams end whole at SIGTERM, exits 0 and leaves no child", () =>
    Effect.gen(function* () {
      const program = yield* start()
      assert.match(program.stdout(), /"gateway startup".*"pool_size":1[,}]/)
      const pids = children(program)
      const running = yield* Effect.forEach(
        Array.from({ length: 20 }),
        () => chat(program, "[[emu tokens=40 interval=25]]", { stream: true }),
        { concurrency: "unbounded" }
      )
      program.child.kill("SIGTERM")
      const bodies = yield* Effect.forEach(running, text, { concurrency: "unbounded" })
      assert.isTrue(bodies.every((body) => body.includes("[DONE]") && content(body).endsWith("t39 ")))
      assert.strictEqual(yield* Effect.promise(() => program.exited), 0)
      assert.isAbove(pids.length, 0)
      yield* gone(pids)
    })
  )

  it.scopedLive("drains at SIGUSR2 as at SIGTERM, exits 0 and leaves no child", () =>
    Effect.gen(function* () {
      const program = yield* start()
      const pids = children(program)
      const running = yield* chat(program, "[[emu tokens=40 interval=25]]", { stream: true })
      program.child.kill("SIGUSR2")
      yield* eventually(() => program.stdout().includes("server draining") || undefined, "a drain")
      assert.strictEqual((yield* Effect.promise(() => fetch(`${program.base}/readyz`))).status, 503)
      assert.isTrue(content(yield* text(running)).endsWith("t39 "))
      assert.strictEqual(yield* Effect.promise(() => program.exited), 0)
      assert.isNull(program.child.signalCode)
      yield* gone(pids)
    })
  )

  it.scopedLive("opens no inspector at SIGUSR1, and goes on", () =>
    Effect.gen(function* () {
      for (const args of [["start"], ["start", "--host", "127.0.0.1"]]) {
        const program = yield* start({ LOG_LEVEL: "debug" }, { args })
        program.child.kill("SIGUSR1")
        process.kill(lingmas(program)[0]?.pid ?? 0, "SIGUSR1")
        assert.strictEqual((yield* chat(program, "[[emu interval=0 tokens=3]]")).status, 200)
        program.child.kill("SIGTERM")
        assert.strictEqual(yield* Effect.promise(() => program.exited), 0)
        assert.notMatch(program.stdout() + program.stderr(), /debugger|inspector/i)
      }
    })
  )

  it.scopedLive("leaves no child when it is killed itself", () =>
    Effect.gen(function* () {
      const program = yield* start()
      const pids = children(program)
      program.child.kill("SIGKILL")
      yield* Effect.timeout(gone(pids), "2 seconds")
    })
  )

  it.scopedLive("serves without a Lingma that starts, says why, and is not ready", () =>
    Effect.gen(function* () {
      for (const [bin, why] of [
        ["/no/such/file", "LINGMA_BIN: /no/such/file does not exist. "],
        ["/bin/false", "code 1"]
      ] as const) {
        const program = yield* start({ LINGMA_BIN: bin }, { ready: false })
        yield* eventually(() => program.stdout().includes('"state":"failed"') || undefined, "failed")
        const before = performance.now()
        const response = yield* chat(program, "hi")
        assert.isBelow(performance.now() - before, 500)
        assert.strictEqual(response.status, 503)
        assert.isNotNull(response.headers.get("retry-after"))
        assert.strictEqual((yield* json(response)).error?.code, "upstream_not_ready")
        assert.include(program.stdout(), why)
        assert.strictEqual((yield* Effect.promise(() => fetch(`${program.base}/readyz`))).status, 503)
        assert.strictEqual((yield* Effect.promise(() => fetch(`${program.base}/healthz`))).status, 200)
      }
    })
  )

  it.scopedLive("tells an account that is not signed in from a wrong key", () =>
    Effect.gen(function* () {
      const program = yield* start({ LINGMA_EMULATOR_LOGIN: "required" })
      const response = yield* chat(program, "hi")
      assert.strictEqual(response.status, 503)
      assert.strictEqual((yield* json(response)).error?.code, "not_logged_in")
      assert.strictEqual(response.headers.get("x-should-retry"), "false")
    })
  )

  it.live("names what is wrong with its settings, and not the value", () =>
    Effect.gen(function* () {
      const wrong = yield* runToEnd(["start"], { GATEWAY_PORT: "zebra" })
      assert.strictEqual(wrong.code, 78)
      assert.match(wrong.stderr, /^GATEWAY_PORT must be an integer from 0 to 65535\n$/)
      const broken = {
        API_KEYS: ["zebra-zebra,,zebra-zebra"],
        LINGMA_ACCOUNTS: ["zebra-zebra", "zebra-zebra:password-a,zebra-zebra:password-b"]
      }
      for (const [name, values] of Object.entries(broken)) {
        for (const value of values) {
          const refused = yield* runToEnd(["start"], { [name]: value })
          assert.strictEqual(refused.code, 78, `${name}=${value}`)
          assert.match(refused.stderr, new RegExp(`^${name} `))
          assert.notInclude(refused.stdout + refused.stderr, "zebra")
        }
      }
      const open = yield* runToEnd(["start"], { GATEWAY_HOST: "0.0.0.0" })
      assert.strictEqual(open.code, 78)
      assert.strictEqual((yield* runToEnd(["start", "--nonsense"])).code, 2)
      const lost = yield* runToEnd(["start", "--config", "lost.env"])
      assert.deepStrictEqual([lost.code, lost.stderr], [78, "--config must name a file that can be read\n"])
      const shown = yield* runToEnd(["config", "--json"], { API_KEYS: "sk-hidden" })
      assert.strictEqual(shown.code, 0)
      assert.notInclude(shown.stdout, "sk-hidden")
      const unknown = yield* runToEnd(["emulator", "nonsense"])
      assert.deepStrictEqual([unknown.code, unknown.stderr], [1, 'Error: unknown command "nonsense"\n'])
      const help = yield* runToEnd(["--help"])
      assert.include(help.stdout, "lingma-gateway COMMAND --help")
      assert.notInclude(help.stdout, "\u001b")
      assert.match((yield* runToEnd(["--version"])).stdout, /^\d+\.\d+\.\d+/)
    })
  )

  it.scopedLive(
    "refuses a file of settings with a line that is none, by its number, and finds it below the home directory",
    () =>
      Effect.gen(function* () {
        const dir = yield* Effect.acquireRelease(
          Effect.sync(() => mkdtempSync(join(tmpdir(), "lingma-life-"))),
          (path) => Effect.sync(() => rmSync(path, { recursive: true }))
        )
        writeFileSync(join(dir, "gateway.env"), "# settings\nGATEWAY_PORT=1\nzebra\n")
        for (const command of ["start", "config"]) {
          const odd = yield* runToEnd([command, "--config", "~/gateway.env"], { HOME: dir })
          assert.deepStrictEqual(
            [odd.code, odd.stderr],
            [78, `${join(dir, "gateway.env")} line 3 must be NAME=value, or a comment that begins with #\n`]
          )
        }
      })
  )

  it.scopedLive("names settings that are none at its start, to people and in its log, and in config", () =>
    Effect.gen(function* () {
      const wrong = { API_KEY: "sk-hidden", GATEWAY_PROT: "1" }
      const program = yield* start(wrong)
      for (const line of [
        "  ! API_KEY is no setting and has no effect. Did you mean API_KEYS?\n",
        "  ! GATEWAY_PROT is no setting and has no effect. Did you mean GATEWAY_PORT?\n"
      ])
        assert.include(program.stderr(), line)
      const logged = yield* eventually(
        () =>
          program
            .stdout()
            .split("\n")
            .find((line) => /"unknown setting".*"API_KEY"/.test(line)),
        "a line of the log"
      )
      assert.include(logged, '"did_you_mean":"API_KEYS"')
      assert.notInclude(program.stdout() + program.stderr(), "sk-hidden")
      const shown = yield* runToEnd(["config"], wrong)
      assert.strictEqual(shown.code, 0)
      assert.include(shown.stderr, "API_KEY is no setting")
      assert.strictEqual((yield* runToEnd(["config"], {})).stderr, "")
    })
  )

  it.scopedLive("says who has its port, and which one is free", () =>
    Effect.gen(function* () {
      const program = yield* start()
      const { port } = new URL(program.base)
      const second = yield* runToEnd(["start"], { GATEWAY_PORT: port })
      assert.strictEqual(second.code, 1)
      const pid = process.platform === "linux" ? ` \\(pid ${program.child.pid}\\)` : "( \\(pid \\d+\\))?"
      const words = `GATEWAY_PORT ${port} is taken by a Lingma gateway that already runs${pid}: use that one, stop it, or choose another port, such as (\\d+)\n`
      const free = new RegExp(`^${words}$`).exec(second.stderr)?.at(-1)
      assert.notStrictEqual(free, undefined, second.stderr)
      assert.notInclude(second.stdout, "Lingma started")
      const other = yield* Effect.acquireRelease(
        Effect.async<Server>((resume) => {
          const server = createServer((socket) => socket.destroy())
          server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
        }),
        (server) => Effect.async<void>((resume) => void server.close(() => resume(Effect.void)))
      )
      const address = other.address()
      const taken = typeof address === "object" && address !== null ? String(address.port) : ""
      const third = yield* runToEnd(["start"], { GATEWAY_PORT: taken })
      assert.strictEqual(third.code, 1)
      assert.match(
        third.stderr,
        new RegExp(`^GATEWAY_PORT ${taken} is taken by another program( \\(.+, pid ${process.pid}\\))?: stop that, or`)
      )
    })
  )

  it.scopedLive("tells what is wrong with TOKEN_COUNTER before it starts or serves anything", () =>
    Effect.gen(function* () {
      const refused = yield* runToEnd(["start"], {
        TOKEN_COUNTER: "qwen",
        TOKEN_COUNTER_FILE: "/nowhere/tokenizer.json"
      })
      assert.strictEqual(refused.code, 78)
      assert.strictEqual(refused.stderr, "TOKEN_COUNTER_FILE must be the path of a tokenizer.json that can be read\n")
      assert.notMatch(refused.stdout, /Lingma started|listening/)
    })
  )

  it.scopedLive(
    "keeps all that outlives it in one directory, below the home directory of who runs it, and tells which",
    () =>
      Effect.gen(function* () {
        const program = yield* start({ STATE_DIRECTORY: "", LINGMA_WORK_DIR: "~/state" })
        assert.include(
          program.stdout(),
          `"state_directory":"${join(program.dir, "state")}","state_directory_from":"LINGMA_WORK_DIR"`
        )
        assert.isTrue(existsSync(join(program.dir, "state/gateway.db")))
        const made = yield* runToEnd(["keys", "add", "ann"], { STATE_DIRECTORY: join(program.dir, "service") })
        assert.strictEqual(made.code, 0)
        const listed = yield* runToEnd(["keys", "list"], { STATE_DIRECTORY: join(program.dir, "service") })
        assert.include(listed.stdout, "ann")
        assert.isTrue(existsSync(join(program.dir, "service/lingma/gateway.db")))
      })
  )
})

describe("clients that leave", () => {
  it.scopedLive(
    "leave nothing behind: 2,000 streams, half of them aborted anywhere",
    () =>
      Effect.gen(function* () {
        const program = yield* start({ GATEWAY_MAX_IN_FLIGHT: "48" })
        const next = Load.random(20_261_123)
        const tally = Load.tally()
        const odd: Array<Load.Outcome> = []
        let asked = 0
        const one = (): Load.Ask | undefined => {
          if (asked++ >= 2000) return undefined
          const leaves = asked % 2 === 0 ? { leaveAfter: next() * 60 } : {}
          return { prompt: "[[emu tokens=10 interval=2]]", ...leaves }
        }
        yield* Effect.promise(() =>
          Load.run(program, 64, one, (outcome) => {
            tally.add(outcome)
            if (outcome.end === "whole" ? !outcome.text.endsWith("t9 ") : outcome.end !== "left") odd.push(outcome)
          })
        )
        assert.deepStrictEqual(odd.slice(0, 3), [], program.stdout().slice(-3000))
        assert.isAbove(tally.ends.left, 500)
        assert.isAtLeast(tally.ends.whole, 1000)
        assert.isTrue(isBalanced(yield* settled(program)))
      }),
    { timeout: 120_000 }
  )
})

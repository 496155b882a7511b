import { chmodSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import {
  chat,
  content,
  control,
  emulator,
  eventually,
  internalStats,
  isBalanced,
  json,
  lingmas,
  type Program,
  settled,
  start,
  stats,
  text
} from "./support.ts"

const quick = "[[emu interval=0 tokens=3]]"
const works = (program: Program) =>
  Effect.gen(function* () {
    const response = yield* chat(program, quick, { stream: true })
    assert.strictEqual(content(yield* text(response)), "t0 t1 t2 ")
    yield* settled(program)
  })

const times = (program: Program, words: string) => program.stdout().split(words).length - 1
const get = (program: Program, path: string) => Effect.promise(() => fetch(program.base + path))
/** An error event, and no good end. */
const isTold = (body: string) => body.split('"error":{').length === 2 && !body.includes("[DONE]")

/** A Lingma whose start can be spoilt, for one instance of a fleet or for all. */
const wrapped = (script: string) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const path = join(tmpdir(), `lingma-wrapped-${process.pid}-${Math.random().toString(36).slice(2)}`)
      writeFileSync(path, `#!/bin/sh\n${script}\nexec "${process.execPath}" "${emulator}" "$@"\n`)
      chmodSync(path, 0o700)
      return path
    }),
    (path) => Effect.sync(() => rmSync(path, { force: true }))
  )

describe("a connection", () => {
  it.scopedLive(
    "that falls silent is given up, and its turns are told",
    () =>
      Effect.gen(function* () {
        const program = yield* start({ GATEWAY_IDLE_TIMEOUT_SEC: "60" })
        const pid = lingmas(program)[0]?.pid ?? 0
        const response = yield* chat(program, "[[emu tokens=3000 interval=20]]", { stream: true })
        process.kill(pid, "SIGSTOP")
        const before = performance.now()
        const body = yield* text(response)
        assert.isTrue(isTold(body), body.slice(-300))
        assert.isBelow(performance.now() - before, 30_000)
        process.kill(pid, "SIGCONT")
        yield* eventually(() => times(program, '"state":"ready"') > 1 || undefined, "ready again")
        yield* works(program)
      }),
    { timeout: 60_000 }
  )

  it.scopedLive("that is dropped comes back within a second, to the same process", () =>
    Effect.gen(function* () {
      const program = yield* start()
      const [one] = lingmas(program)
      assert.isDefined(one)
      yield* control(one, "drop")
      yield* eventually(() => times(program, '"state":"ready"') > 1 || undefined, "ready again", "5 seconds")
      yield* works(program)
      assert.strictEqual(lingmas(program)[0]?.pid, one.pid)
      assert.strictEqual((yield* Effect.promise(() => internalStats(program))).pool.instances[0]?.restarts, 0)
    })
  )

  for (const [name, fault] of [
    ["promises more bytes than come", "bad_length@2"],
    ["brings a frame of 20 MB", "huge_chunk=20000000@2"]
  ] as const) {
    it.scopedLive(`that ${name} is given up, and its turns are told`, () =>
      Effect.gen(function* () {
        const program = yield* start()
        const response = yield* chat(program, `[[emu tokens=6 interval=0 fault=${fault}]]`, { stream: true })
        const body = yield* text(response)
        assert.isTrue(isTold(body), body.slice(-300))
        yield* works(program)
      })
    )
  }

  it.scopedLive("that brings a header without end is given up", () =>
    Effect.gen(function* () {
      const program = yield* start()
      const [one] = lingmas(program)
      assert.isDefined(one)
      yield* control(one, "raw?times=20", "a".repeat(10_000))
      yield* eventually(() => times(program, "connection to Lingma lost") > 0 || undefined, "lost")
      yield* eventually(() => times(program, '"state":"ready"') > 1 || undefined, "ready again")
      yield* works(program)
    })
  )

  it.scopedLive("has each of its requests answered", () =>
    Effect.gen(function* () {
      const program = yield* start()
      const body = yield* Effect.flatMap(
        chat(program, "[[emu tokens=50 interval=0 ack=block]]", { stream: true }),
        text
      )
      assert.isTrue(content(body).endsWith("t49 "))
      assert.strictEqual((yield* stats(program)).missedAcks, 0)
    })
  )
})

describe("a process", () => {
  it.scopedLive("that dies after its last token and before its end has not answered", () =>
    Effect.gen(function* () {
      const program = yield* start()
      const response = yield* chat(program, "[[emu tokens=6 interval=0 fault=crash@6]]", { stream: true })
      const body = yield* text(response)
      assert.isTrue(isTold(body))
      assert.strictEqual(content(body), "t0 t1 t2 t3 t4 t5 ")
      yield* works(program)
    })
  )

  it.scopedLive(
    "that never stays up is started ever less often, and harms no other",
    () =>
      Effect.gen(function* () {
        const script = 'case "$*" in *inst-0*) export LINGMA_EMULATOR_FAULT=exit_after=1;; esac'
        const program = yield* start({ LINGMA_BIN: yield* wrapped(script), LINGMA_INSTANCE_COUNT: "2" })
        yield* Effect.sleep("8 seconds")
        const starts = program
          .stdout()
          .split("\n")
          .filter((line) => line.includes('"Lingma started"') && line.includes('"instance":"inst-0"')).length
        assert.isAbove(starts, 2)
        assert.isAtMost(starts, 8)
        for (let i = 0; i < 6; i++) assert.strictEqual((yield* chat(program, `${quick} ${i}`)).status, 200)
        const { pool } = yield* Effect.promise(() => internalStats(program))
        assert.include(pool.instances[0]?.last_error, "ended with code 1")
        assert.notStrictEqual(pool.instances[0]?.state, "ready")
        assert.deepInclude(pool.instances[1], { state: "ready", restarts: 0 })
      }),
    { timeout: 60_000 }
  )

  it.scopedLive(
    "that does not start makes every answer a 503 at once, until it does",
    () =>
      Effect.gen(function* () {
        const flag = join(tmpdir(), `lingma-flag-${process.pid}-${Math.random().toString(36).slice(2)}`)
        const bin = yield* wrapped(`[ -e "${flag}" ] || exit 3`)
        yield* Effect.addFinalizer(() => Effect.sync(() => rmSync(flag, { force: true })))
        const program = yield* start(
          { LINGMA_BIN: bin, LINGMA_INSTANCE_COUNT: "2", LOG_LEVEL: "debug" },
          { ready: false }
        )
        yield* eventually(() => times(program, '"state":"failed"') > 3 || undefined, "both failed")
        const waits: Array<number> = []
        for (let i = 0; i < 20; i++) {
          const before = performance.now()
          const response = yield* chat(program, quick)
          waits.push(performance.now() - before)
          assert.strictEqual(response.status, 503)
          assert.strictEqual((yield* json(response)).error?.code, "upstream_not_ready")
          assert.match(response.headers.get("retry-after") ?? "", /^[1-9]\d*$/)
        }
        assert.isBelow(waits.sort((a, b) => a - b)[10] ?? 0, 50)
        assert.strictEqual((yield* get(program, "/readyz")).status, 503)
        assert.strictEqual((yield* get(program, "/healthz")).status, 200)
        writeFileSync(flag, "")
        yield* eventually(() => times(program, '"state":"ready"') > 0 || undefined, "ready", "15 seconds")
        yield* works(program)
      }),
    { timeout: 60_000 }
  )

  it.scopedLive(
    "that stands still is told of at the limit for the first token, replaced, and the next chat is answered",
    () =>
      Effect.gen(function* () {
        const limits = { GATEWAY_FIRST_TOKEN_TIMEOUT_SEC: "2", LINGMA_STARTUP_TIMEOUT: "10" }
        const program = yield* start(limits)
        const pid = lingmas(program)[0]?.pid ?? 0
        process.kill(pid, "SIGSTOP")
        const before = performance.now()
        const response = yield* chat(program, quick)
        assert.strictEqual(response.status, 504)
        assert.strictEqual((yield* json(response)).error?.code, "upstream_timeout")
        const took = performance.now() - before
        assert.isTrue(took > 1_900 && took < 5_000, `${took}`)
        yield* eventually(
          () => lingmas(program).some((one) => one.pid !== pid) || undefined,
          "another process",
          "1 minute"
        )
        assert.throws(() => process.kill(pid, 0))
        yield* eventually(() => times(program, '"state":"ready"') > 1 || undefined, "ready again")
        yield* works(program)
        assert.strictEqual((yield* get(program, "/readyz")).status, 200)
      }),
    { timeout: 120_000 }
  )

  it.scopedLive(
    "that stands still among others is not waited for: the chat is answered by another",
    () =>
      Effect.gen(function* () {
        const program = yield* start({ GATEWAY_FIRST_TOKEN_TIMEOUT_SEC: "2", LINGMA_INSTANCE_COUNT: "2" })
        yield* eventually(() => times(program, '"state":"ready"') > 1 || undefined, "both ready")
        const stopped = lingmas(program)[0]?.pid ?? 0
        process.kill(stopped, "SIGSTOP")
        for (let i = 0; i < 4; i++) assert.strictEqual((yield* chat(program, `${quick} ${i}`)).status, 200)
        process.kill(stopped, "SIGCONT")
      }),
    { timeout: 60_000 }
  )

  it.scopedLive("may write as much as it likes", () =>
    Effect.gen(function* () {
      const script = "export LINGMA_EMULATOR_FAULT=stdout_flood"
      const program = yield* start({ LINGMA_BIN: yield* wrapped(script) })
      const resident = () =>
        Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${program.child.pid}/status`, "utf8"))?.[1])
      yield* works(program)
      const before = resident()
      yield* Effect.sleep("3 seconds")
      assert.isBelow(resident() - before, 100_000)
      yield* works(program)
    })
  )

  it.scopedLive("that does not heed a signal is killed", () =>
    Effect.gen(function* () {
      const program = yield* start({ LINGMA_BIN: yield* wrapped("export LINGMA_EMULATOR_FAULT=ignore_sigterm") })
      const pid = lingmas(program)[0]?.pid ?? 0
      const before = performance.now()
      program.child.kill("SIGTERM")
      assert.strictEqual(yield* Effect.promise(() => program.exited), 0)
      assert.isBelow(performance.now() - before, 7_000)
      assert.throws(() => process.kill(pid, 0))
    })
  )

  it.scopedLive("without a directory to work in is reported, and the rest serves", () =>
    Effect.gen(function* () {
      const program = yield* start({ LINGMA_WORK_DIR: "/dev/null/x" }, { ready: false })
      yield* eventually(() => times(program, '"state":"failed"') > 0 || undefined, "failed")
      assert.strictEqual((yield* chat(program, quick)).status, 503)
      const { pool } = yield* Effect.promise(() => internalStats(program))
      assert.include(pool.instances[0]?.last_error, "LINGMA_WORK_DIR")
      assert.strictEqual((yield* get(program, "/healthz")).status, 200)
    })
  )

  it.scopedLive("elsewhere that cannot be reached is reported, and asked for again", () =>
    Effect.gen(function* () {
      const env = {
        LINGMA_BIN: "",
        LINGMA_ATTACH: "ws://127.0.0.1:9/",
        LINGMA_STARTUP_TIMEOUT: "0.5",
        LOG_LEVEL: "debug"
      }
      const program = yield* start(env, { ready: false })
      yield* eventually(() => times(program, '"state":"failed"') > 1 || undefined, "failed twice")
      const { pool } = yield* Effect.promise(() => internalStats(program))
      assert.isString(pool.instances[0]?.last_error)
      assert.strictEqual((yield* chat(program, quick)).status, 503)
    })
  )
})

describe("the gateway", () => {
  it.scopedLive(
    "takes up where it was when it has been stopped for a while",
    () =>
      Effect.gen(function* () {
        const program = yield* start({ LINGMA_INSTANCE_COUNT: "2" })
        const running = yield* Effect.forEach(
          Array.from({ length: 12 }, (_, i) => i),
          (i) => chat(program, `[[emu tokens=60 interval=20]] ${i}`, { stream: true }),
          { concurrency: "unbounded" }
        )
        program.child.kill("SIGSTOP")
        yield* Effect.sleep("4 seconds")
        program.child.kill("SIGCONT")
        const bodies = yield* Effect.forEach(running, text, { concurrency: "unbounded" })
        for (const body of bodies) assert.isTrue(isTold(body) || content(body).endsWith("t59 "))
        yield* works(program)
        assert.isTrue(isBalanced(yield* settled(program)))
      }),
    { timeout: 60_000 }
  )

  it.scopedLive("measures time by a clock that nobody sets", () =>
    Effect.gen(function* () {
      const jump =
        "const real=Date.now;let by=0;Date.now=()=>real()+by;process.on('SIGWINCH',()=>{by=by===0?36e5:-36e5})"
      const program = yield* start({
        NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(jump)}`,
        GATEWAY_IDLE_TIMEOUT_SEC: "2"
      })
      for (let i = 0; i < 2; i++) {
        const response = yield* chat(program, "[[emu tokens=40 interval=25]]", { stream: true })
        program.child.kill("SIGWINCH")
        assert.isTrue(content(yield* text(response)).endsWith("t39 "))
      }
      const whole = yield* json(yield* chat(program, quick))
      const latency = whole["latency"] as { readonly first_token_ms: number; readonly total_ms: number }
      assert.isTrue(latency.total_ms >= 0 && latency.total_ms < 10_000)
      yield* works(program)
      const { stats } = yield* Effect.promise(() => internalStats(program))
      assert.isBelow(stats["uptime_seconds"] ?? Number.NaN, 60)
    })
  )

  it.scopedLive("tells those that still run when the time to drain is up", () =>
    Effect.gen(function* () {
      const program = yield* start({ GATEWAY_DRAIN_TIMEOUT_SEC: "1" })
      const response = yield* chat(program, "[[emu tokens=4000 interval=25]]", { stream: true })
      program.child.kill("SIGTERM")
      const body = yield* text(response)
      assert.isTrue(isTold(body), body.slice(-300))
      assert.include(body, "shutting_down")
      assert.strictEqual(yield* Effect.promise(() => program.exited), 0)
    })
  )

  it.scopedLive("ends at once at a second signal, and takes its children along", () =>
    Effect.gen(function* () {
      const program = yield* start()
      const pid = lingmas(program)[0]?.pid ?? 0
      const response = yield* chat(program, "[[emu tokens=4000 interval=25]]", { stream: true })
      program.child.kill("SIGTERM")
      yield* eventually(() => (program.stdout().includes("server draining") ? true : undefined), "a drain")
      // The same one within a second: a Ctrl-C under npm comes twice.
      program.child.kill("SIGTERM")
      yield* Effect.sleep("1200 millis")
      assert.isNull(program.child.exitCode)
      const before = performance.now()
      program.child.kill("SIGTERM")
      yield* Effect.promise(() => program.exited)
      assert.isBelow(performance.now() - before, 1_000)
      yield* Effect.ignore(Effect.promise(() => response.text().catch(() => "")))
      yield* eventually(() => {
        try {
          process.kill(pid, 0)
          return undefined
        } catch {
          return true
        }
      }, "the child gone")
    })
  )
})

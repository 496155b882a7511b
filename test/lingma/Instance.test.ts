import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Exit, Schedule, Stream, TestClock } from "effect"
import type { BackendState } from "../../src/chat/Backend.ts"
import * as Instance from "../../src/lingma/Instance.ts"
import * as Endpoint from "../../src/lingma/process/Endpoint.ts"
import { ProcessExited } from "../../src/lingma/process/LingmaProcess.ts"
import * as Port from "../../src/lingma/process/Port.ts"
import { Metrics } from "../../src/observe/Metrics.ts"
import * as FakeLingma from "../support/FakeLingma.ts"
import * as LogLines from "../support/LogLines.ts"

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
  }).pipe(Effect.provide(Metrics.layer))

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

  it.scoped("says once why it cannot start, however often it tries, and says it again when the reason changes", () =>
    Effect.gen(function* () {
      const { layer, lines } = LogLines.listening()
      let reason = "LINGMA_BIN: /x/Lingma does not exist. Found ~/y"
      let tries = 0
      const find: Endpoint.Find = Effect.suspend(() => {
        tries++
        return new ProcessExited({ detail: reason })
      })
      const one = yield* Instance.make({
        id: "inst-0",
        startupTimeout: Duration.seconds(10),
        rpcTimeout: Duration.seconds(5),
        version: "0",
        workDir: "/tmp",
        gate: (start) => start,
        onAuth: () => {},
        find
      }).pipe(Effect.provide([Metrics.layer, layer]))
      yield* TestClock.adjust("10 minutes")
      assert.isAbove(tries, 15)
      assert.deepStrictEqual(
        lines.map(({ annotations, message }) => [message, annotations["state"] ?? annotations["reason"]]),
        [
          ["instance state", "starting"],
          ["Lingma ended", reason],
          ["instance state", "failed"],
          ["instance state", "starting"]
        ]
      )
      assert.strictEqual((yield* one.status).lastError, reason)
      reason = "LINGMA_BIN: /x/Lingma is empty"
      yield* TestClock.adjust("1 minute")
      const ends = lines.filter(({ message }) => message === "Lingma ended")
      assert.deepStrictEqual(ends.map(({ annotations }) => annotations["reason"]).slice(1), [reason])
    })
  )

  /** Answers as the table says; an `Error` is a refusal. */
  const answering = (table: Record<string, unknown>) =>
    FakeLingma.make(({ id, method = "" }, peer) => {
      const answer = table[method]
      peer.send(
        answer instanceof Error
          ? { jsonrpc: "2.0", id, error: { code: -32603, message: answer.message } }
          : { jsonrpc: "2.0", id, result: answer }
      )
    })
  const attached = (url: string) =>
    Instance.make({
      id: "inst-0",
      startupTimeout: Duration.seconds(5),
      rpcTimeout: Duration.seconds(5),
      version: "0",
      workDir: "/tmp",
      gate: (start) => start,
      onAuth: () => {},
      find: Endpoint.at(url)
    }).pipe(Effect.provide(Metrics.layer))
  const models = { chat: [{ key: "auto", displayName: "Auto" }] }

  for (const [what, table, loggedIn, count] of [
    ["models are refused", { "auth/status": { status: 1 }, "config/queryModels": new Error("HTTP 404") }, false, 0],
    ["models come as none", { "auth/status": { status: 2 }, "config/queryModels": [] }, true, 0],
    [
      "the account cannot be told",
      { "auth/status": new Error("HTTP 500"), "config/queryModels": models },
      undefined,
      1
    ],
    ["the account's fields are of other types", { "auth/status": { id: 593, userType: {} } }, true, 0],
    ["an account's id is a zero", { "auth/status": { id: 0, accountId: null, status: "1" } }, false, 0]
  ] as const) {
    it.scopedLive(`is ready although ${what}`, () =>
      Effect.gen(function* () {
        const one = yield* attached((yield* answering(table)).url)
        yield* one.rpc
        assert.deepInclude(yield* one.status, { state: "ready", loggedIn, restarts: 0 })
        assert.strictEqual((yield* one.models).length, count)
        assert.strictEqual(Exit.isSuccess(yield* Effect.exit(one.loggedIn)), loggedIn !== false)
      })
    )
  }
})

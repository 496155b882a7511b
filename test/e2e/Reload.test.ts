/**
 * Settings that change while the gateway runs: files written, broken, half written, renamed and linked beside streams,
 * and accounts that come and go.
 */
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync
} from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { effort } from "../support/Effort.ts"
import * as Load from "./load.ts"
import {
  chat,
  children,
  content,
  eventually,
  internalStats,
  type Program,
  runToEnd,
  settled,
  start,
  text
} from "./support.ts"

const folder = Effect.acquireRelease(
  Effect.sync(() => mkdtempSync(join(tmpdir(), "lingma-reload-"))),
  (path) => Effect.sync(() => rmSync(path, { recursive: true, force: true }))
)

const STREAMS = 64
/** Of a version that is never wholly in effect: below it all limits are those of one version. */
const FIRST = 1000

/** Three limits that tell the version, and where thoughts go, which changes with each. */
const settings = (version: number) =>
  [
    `GATEWAY_MAX_IN_FLIGHT=${version}`,
    `GATEWAY_QUEUE_MAX=${version}`,
    `REASONING_FIELD=${version % 2 === 0 ? "reasoning" : "reasoning_content"}`,
    "# the last line has the rest of it",
    `GATEWAY_BODY_LIMIT_MB=${version / 100}`,
    ""
  ].join("\n")

const broken = [
  (version: number) => settings(version).replace("REASONING_FIELD=", "REASONING_FIELD=no_"),
  (version: number) => `${settings(version)}GATEWAY_QUEUE_TIMEOUT_SEC=soon\n`,
  (version: number) => `${settings(version)}this is no setting\n`,
  (version: number) => `${settings(version)}GATEWAY_BODIES_PER_KEY_MB=1\n`,
  () => ""
]

interface Limits {
  readonly body_mb: number
  readonly in_flight: number
  readonly queue: number
}
const limitsOf = async ({ base }: Program): Promise<Limits> => {
  const response = await fetch(`${base}/v1/capabilities`)
  return ((await response.json()) as { readonly limits: Limits }).limits
}

const pause = (millis: number) => new Promise((resolve) => setTimeout(resolve, millis))

/** What is seen of versions from outside, one look after the other. */
const watching = (program: Program, valid: ReadonlySet<number>) => {
  const faults: Array<string> = []
  let latest = 0
  let isOver = false
  const look = async () => {
    const { body_mb, in_flight, queue } = await limitsOf(program)
    if (in_flight !== queue || Math.round(body_mb * 100) !== queue)
      faults.push(`mixed: ${in_flight} ${queue} ${body_mb}`)
    if (!valid.has(queue)) faults.push(`never valid: ${queue}`)
    if (queue < latest) faults.push(`back to ${queue} from ${latest}`)
    latest = Math.max(latest, queue)
    return queue
  }
  const done = (async () => {
    while (!isOver) {
      await look()
      await pause(20)
    }
  })()
  const stop = () => {
    isOver = true
    return done
  }
  return { faults, look, latest: () => latest, stop }
}

/** A stream of thoughts and text; what it held is told if it was not as it should be. */
const stream = async ({ base }: Program, i: number): Promise<string | undefined> => {
  const words = `stream ${i} thinks and says ${i * i} at its end`
  const response = await fetch(`${base}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      model: "auto",
      stream: true,
      messages: [{ role: "user", content: `[[emu thoughts="${words}" interval=150 text="${words}"]]` }]
    })
  })
  const body = await response.text()
  if (response.status !== 200) return `refused: ${response.status} ${body}`
  if (!body.endsWith("data: [DONE]\n\n")) return `cut: ${body.slice(-300)}`
  if (content(body) !== words) return `mixed up: ${content(body)} instead of ${words}`
  const [older, newer] = [body.includes('"reasoning":"'), body.includes('"reasoning_content":"')]
  return older === newer ? `two fields, or none: ${older} ${newer}` : undefined
}

const streaming = (program: Program) => {
  const faults: Array<string> = []
  let isOver = false
  let ended = 0
  const worker = async () => {
    while (!isOver) {
      const fault = await stream(program, ended + Math.floor(performance.now())).catch(String)
      if (fault !== undefined) faults.push(fault)
      ended++
    }
  }
  const all = Promise.all(Array.from({ length: STREAMS }, worker))
  const stop = () => {
    isOver = true
    return all
  }
  return { faults, stop, ended: () => ended }
}

type Write = (content: string) => void | Promise<void>

const inPieces =
  (file: string, wait: boolean): Write =>
  async (content) => {
    // What waits is cut within a name, which no setting has: a busy machine may let it wait for long.
    const half = wait ? content.indexOf("BODY_LIMIT") + 2 : Math.floor(content.length / 2)
    const fd = openSync(file, "w")
    writeSync(fd, content.slice(0, half))
    if (wait) await pause(5)
    writeSync(fd, content.slice(half))
    closeSync(fd)
  }

const renamed =
  (file: string): Write =>
  (content) => {
    writeFileSync(`${file}.new`, content)
    renameSync(`${file}.new`, file)
  }

/** As Kubernetes changes a ConfigMap: the file is a link into `..data`, which is a link that is replaced. */
const linked = (dir: string): Write => {
  let n = 0
  return (content) => {
    const next = `..version-${n++}`
    mkdirSync(join(dir, next))
    writeFileSync(join(dir, next, "settings.env"), content)
    symlinkSync(next, join(dir, "..data_tmp"))
    renameSync(join(dir, "..data_tmp"), join(dir, "..data"))
    if (n > 1) rmSync(join(dir, `..version-${n - 2}`), { recursive: true })
  }
}

/** Changes the file so many times; tells how long the changes took that were waited for, in milliseconds. */
const changing = async (
  program: Program,
  {
    changes,
    first,
    seen,
    valid,
    writes
  }: {
    readonly changes: number
    readonly first: number
    readonly seen: ReturnType<typeof watching>
    readonly valid: Set<number>
    readonly writes: ReadonlyArray<Write>
  }
) => {
  const next = Load.random(20_261_129)
  const lags: Array<number> = []
  let version = first
  for (let i = 1; i <= changes; i++) {
    version++
    const write = writes[Math.floor(next() * writes.length)]!
    const isLooked = i % 25 === 0
    if (!isLooked && next() < 0.4) {
      await write(broken[Math.floor(next() * broken.length)]!(version))
    } else {
      valid.add(version)
      await write(settings(version))
      if (isLooked) {
        const begun = performance.now()
        while (seen.latest() < version && performance.now() - begun < 10_000) {
          await seen.look()
          // To look all the time would be most of what the gateway has to do.
          await pause(5)
        }
        lags.push(performance.now() - begun)
      }
    }
    await pause(next() * 30)
  }
  assert.isTrue(program.child.exitCode === null)
  return { lags: lags.sort((a, b) => a - b), version }
}

const shown = (lags: ReadonlyArray<number>) => ({
  looked: lags.length,
  median: Math.round(lags[Math.floor(lags.length / 2)] ?? 0),
  p95: Math.round(lags[Math.floor(lags.length * 0.95)] ?? 0),
  p99: Math.round(lags[Math.floor(lags.length * 0.99)] ?? 0),
  max: Math.round(lags.at(-1) ?? 0)
})

describe("A gateway whose settings change", () => {
  it.scopedLive(
    "cuts and mixes nothing while its file is written again and again beside 64 streams: whole, broken, half, renamed, linked",
    () =>
      Effect.gen(function* () {
        const dir = yield* folder
        const valid = new Set([FIRST])
        for (const kind of ["file", "link"] as const) {
          const own = join(dir, kind)
          const file = join(own, "settings.env")
          mkdirSync(own)
          const link = linked(own)
          if (kind === "link") {
            yield* Effect.promise(async () => link(settings(FIRST)))
            symlinkSync("..data/settings.env", file)
          } else writeFileSync(file, settings(FIRST))
          // What a busy machine sheds is not what is looked at here.
          const program = yield* start({ GATEWAY_SHED_LAG_MS: "0" }, { args: ["start", "--config", file] })
          const writes =
            kind === "link"
              ? [link]
              : [
                  (content: string) => writeFileSync(file, content),
                  renamed(file),
                  inPieces(file, false),
                  inPieces(file, true)
                ]
          const seen = watching(program, valid)
          const streams = streaming(program)
          const changes = kind === "link" ? effort(150, 500) : effort(450, 1500)
          const done = yield* Effect.promise(() => changing(program, { changes, first: FIRST, seen, valid, writes }))
          yield* Effect.promise(() => Promise.all([seen.stop(), streams.stop()]))
          yield* Effect.logInfo("settings changed beside streams", {
            kind,
            changes,
            streams: streams.ended(),
            lag: shown(done.lags)
          })
          assert.deepStrictEqual([streams.faults.length, streams.faults.slice(0, 5)], [0, []])
          assert.deepStrictEqual([seen.faults.length, seen.faults.slice(0, 5)], [0, []])
          assert.isAtLeast(streams.ended(), STREAMS)
          // Half of them at once; the bound is for a machine that does other things.
          assert.isBelow(done.lags[Math.floor(done.lags.length / 2)] ?? 0, 2_000)
          valid.add(done.version + 1)
          const written = kind === "link" ? join(own, "..data", "settings.env") : file
          // Those before may each have been overwritten before they were read.
          writeFileSync(written, broken[0]!(done.version + 1))
          yield* eventually(() => program.stdout().includes("settings refused") || undefined, "a refusal in the log")
          writeFileSync(written, settings(done.version + 1))
          const last = yield* Effect.promise(async () => {
            for (let i = 0; i < 100 && (await limitsOf(program)).queue !== done.version + 1; i++) await pause(50)
            return limitsOf(program)
          })
          assert.strictEqual(last.queue, done.version + 1)
          yield* settled(program)
        }
      }),
    { timeout: 600_000 }
  )

  it.scopedLive(
    "starts the instance of a new account, and lets the stream on a removed one end before its instance does",
    () =>
      Effect.gen(function* () {
        const file = join(yield* folder, "settings.env")
        const write = (...accounts: ReadonlyArray<string>) =>
          writeFileSync(file, `LINGMA_ACCOUNTS=${accounts.map((name) => `${name}:of-${name}`).join(",")}\n`)
        write("alice", "bob")
        const program = yield* start({ AUTO_LOGIN_ENABLED: "false" }, { args: ["start", "--config", file] })
        const ready = (names: ReadonlyArray<string>) =>
          Effect.promise(async () => {
            for (let i = 0; i < 400; i++) {
              const { pool } = await internalStats(program)
              const all = pool.instances.filter(({ state }) => state === "ready").map(({ name }) => name)
              if (all.length === pool.instances.length && all.join() === names.join()) return all
              await pause(50)
            }
            return []
          })
        assert.deepStrictEqual(yield* ready(["inst-0", "inst-1"]), ["inst-0", "inst-1"])
        const running = yield* chat(program, "[[emu tokens=60 interval=50]]", { stream: true })
        const own = running.headers.get("x-lingma-instance")
        const left = own === "inst-0" ? "bob" : "alice"
        const other = own === "inst-0" ? "inst-1" : "inst-0"
        write(left, "carol")
        assert.deepStrictEqual(yield* ready([other, "inst-2"]), [other, "inst-2"])
        const metrics = yield* Effect.promise(async () => (await fetch(`${program.base}/metrics`)).text())
        assert.include(metrics, 'gateway_logins_total{name="inst-2",outcome="bad_credentials"} 0')
        // The process of the removed one still serves its stream.
        assert.isTrue(children(program).length >= 3)
        assert.notInclude(program.stdout(), '"instance ended"')
        for (let i = 0; i < 4; i++) {
          const next = yield* chat(program, `[[emu tokens=1 interval=0]] ${i}`)
          assert.notStrictEqual(next.headers.get("x-lingma-instance"), own)
        }
        const body = yield* text(running)
        assert.isTrue(content(body).endsWith("t59 "))
        assert.include(body, "[DONE]")
        yield* eventually(() => program.stdout().includes('"instance ended"') || undefined, "the end of the instance")
        yield* settled(program)
      }),
    { timeout: 120_000 }
  )

  it.scopedLive(
    "reloads at SIGHUP and by command, which tells what needs a restart and exits with 78 for what is wrong",
    () =>
      Effect.gen(function* () {
        const file = join(yield* folder, "settings.env")
        const write = (...lines: ReadonlyArray<string>) => writeFileSync(file, `${lines.join("\n")}\n`)
        write("GATEWAY_MAX_IN_FLIGHT=5")
        const program = yield* start({}, { args: ["start", "--config", file] })
        program.child.kill("SIGHUP")
        const port = new URL(program.base).port
        const reload = () => runToEnd(["config", "reload", "--json", "--config", file], { GATEWAY_PORT: port })
        write("GATEWAY_MAX_IN_FLIGHT=6", "GATEWAY_MAX_CONNECTIONS=99", "LINGMA_RPC_TIMEOUT=7")
        const told = yield* reload()
        assert.strictEqual(told.code, 0, told.stderr)
        const { restart } = JSON.parse(told.stdout) as { readonly restart: ReadonlyArray<string> }
        assert.deepStrictEqual(restart, ["GATEWAY_MAX_CONNECTIONS", "LINGMA_RPC_TIMEOUT"])
        assert.strictEqual((yield* Effect.promise(() => limitsOf(program))).in_flight, 6)
        write("GATEWAY_MAX_IN_FLIGHT=7", "", "LOG_LEVEL=zebra")
        const refused = yield* reload()
        assert.strictEqual(refused.code, 78)
        assert.include(refused.stderr, `${file} line 3: LOG_LEVEL must be one of`)
        assert.notInclude(refused.stderr, "zebra")
        const answer = yield* Effect.promise(() => fetch(`${program.base}/internal/config/reload`, { method: "POST" }))
        assert.strictEqual(answer.status, 422)
        assert.include(yield* text(answer), "line 3: LOG_LEVEL must be one of")
        assert.strictEqual((yield* Effect.promise(() => limitsOf(program))).in_flight, 6)
        assert.strictEqual(program.child.exitCode, null)
      })
  )
})

/**
 * Asks `/healthz` again and again from a thread of its own, while the test's thread attacks, and keeps the worst time.
 */
import { readFileSync } from "node:fs"
import { Worker } from "node:worker_threads"
import { Effect } from "effect"
import { lingmas, type Program } from "./support.ts"

const code = `
const http = require("node:http")
const { parentPort, workerData } = require("node:worker_threads")
const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
const seen = { asked: 0, failed: 0, worst: 0 }
let over = false
let begun = false
const ask = () => {
  const began = performance.now()
  const done = (ok) => {
    // The first one only opens the connection.
    if (!begun) {
      begun = true
      parentPort.postMessage("begun")
      return ask()
    }
    seen.asked++
    if (!ok) seen.failed++
    seen.worst = Math.max(seen.worst, performance.now() - began)
    if (over) parentPort.postMessage(seen)
    else setTimeout(ask, 20)
  }
  http.get(workerData + "/healthz", { agent }, (response) => {
    response.resume().on("end", () => done(response.statusCode === 200))
  }).on("error", () => done(false))
}
parentPort.on("message", () => { over = true })
ask()
`

interface Asked {
  readonly asked: number
  readonly failed: number
  /** Milliseconds of the slowest answer. */
  readonly worst: number
}
export interface Seen extends Asked {
  /** Of the machine's time, what went to programs that are none of the test's. */
  readonly foreign: number
}

/** Ticks of the machine, and of this process, the program and what it started. */
const ticks = (program: Program) => {
  const [, user = 0, nice = 0, system = 0, idle = 0] = (/^cpu .*/.exec(readFileSync("/proc/stat", "utf8"))?.[0] ?? "")
    .split(/\s+/)
    .map(Number)
  const of = (pid: number) => {
    try {
      const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
        .replace(/^.*\) /, "")
        .split(" ")
      return Number(fields[11]) + Number(fields[12])
    } catch {
      return 0
    }
  }
  const pids = [process.pid, program.child.pid ?? 0, ...lingmas(program).map(({ pid }) => pid)]
  return {
    busy: user + nice + system,
    all: user + nice + system + idle,
    ours: pids.reduce((sum, pid) => sum + of(pid), 0)
  }
}

/** Runs the attack, and tells how `/healthz` was answered meanwhile. */
export const during = <A, E, R>(
  program: Program,
  attack: Effect.Effect<A, E, R>
): Effect.Effect<readonly [A, Seen], E, R> =>
  Effect.acquireUseRelease(
    Effect.sync(() => new Worker(code, { eval: true, workerData: program.base })),
    (worker) =>
      Effect.gen(function* () {
        yield* Effect.promise(() => new Promise((resolve) => worker.once("message", resolve)))
        const before = ticks(program)
        const result = yield* attack
        const after = ticks(program)
        const asked = yield* Effect.promise(
          () =>
            new Promise<Asked>((resolve) => {
              worker.once("message", resolve)
              worker.postMessage("enough")
            })
        )
        const others = after.busy - before.busy - (after.ours - before.ours)
        return [result, { ...asked, foreign: Math.max(0, others / Math.max(1, after.all - before.all)) }] as const
      }),
    (worker) => Effect.promise(() => worker.terminate())
  )

/** Every probe was answered, in time where the machine was the test's own. */
export const isAlive = ({ asked, failed, foreign, worst }: Seen): boolean =>
  asked > 0 && failed === 0 && worst <= (foreign > 0.15 ? 5_000 : 500)

/**
 * Asks `/healthz` again and again from a thread of its own, while the test's thread attacks, and keeps the worst time.
 */
import { Worker } from "node:worker_threads"
import { Effect } from "effect"

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

export interface Seen {
  readonly asked: number
  readonly failed: number
  /** Milliseconds of the slowest answer. */
  readonly worst: number
}

/** Runs the attack, and tells how `/healthz` was answered meanwhile. */
export const during = <A, E, R>(
  base: string,
  attack: Effect.Effect<A, E, R>
): Effect.Effect<readonly [A, Seen], E, R> =>
  Effect.acquireUseRelease(
    Effect.sync(() => new Worker(code, { eval: true, workerData: base })),
    (worker) =>
      Effect.gen(function* () {
        yield* Effect.promise(() => new Promise((resolve) => worker.once("message", resolve)))
        const result = yield* attack
        const seen = yield* Effect.promise(
          () =>
            new Promise<Seen>((resolve) => {
              worker.once("message", resolve)
              worker.postMessage("enough")
            })
        )
        return [result, seen] as const
      }),
    (worker) => Effect.promise(() => worker.terminate())
  )

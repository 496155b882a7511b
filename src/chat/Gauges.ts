/**
 * Registers figures that their owners keep, to be read at each scrape: slots, instances, the process.
 */
import { readdirSync } from "node:fs"
import { type IntervalHistogram, monitorEventLoopDelay } from "node:perf_hooks"
import { Effect, Layer } from "effect"
import * as Keys from "../observe/MetricKeys.ts"
import type { Reading } from "../observe/MetricStore.ts"
import { Metrics } from "../observe/Metrics.ts"
import type { BackendState } from "./Backend.ts"
import { Guard, type GuardStats } from "./Guard.ts"
import { type Instance, Pool } from "./Pool.ts"

const states: ReadonlyArray<BackendState> = ["stopped", "starting", "ready", "reconnecting", "failed", "closed"]

const ofGuard = (stats: GuardStats): ReadonlyArray<Reading> => [
  { key: Keys.inFlight, value: stats.inFlight },
  { key: Keys.queued, value: stats.queued },
  { key: Keys.maxInFlight, value: stats.maxInFlight },
  { key: Keys.accepted, value: stats.accepted },
  { key: Keys.rejected, value: stats.rejected },
  { key: Keys.abandoned, value: stats.abandoned }
]

const ofInstance = ({
  ejected,
  ejections,
  id: name,
  inFlight,
  loggedIn,
  ready,
  restarts,
  spent,
  state
}: Instance): ReadonlyArray<Reading> => {
  const labels = { name }
  return [
    { key: Keys.instanceInFlight, value: inFlight, labels },
    { key: Keys.instanceReady, value: ready ? 1 : 0, labels },
    ...(loggedIn === undefined ? [] : [{ key: Keys.instanceSignedIn, value: loggedIn ? 1 : 0, labels }]),
    { key: Keys.instanceSpent, value: spent.some(({ model }) => model === undefined) ? 1 : 0, labels },
    { key: Keys.instanceEjected, value: ejected ? 1 : 0, labels },
    ...states.map((one) => ({ key: Keys.instanceState, value: one === state ? 1 : 0, labels: { name, state: one } })),
    { key: Keys.instanceRestarts, value: restarts, labels },
    { key: Keys.instanceEjections, value: ejections, labels }
  ]
}

/** Sampling interval of the event loop's delay, in ms; subtracted from what is measured. */
const RESOLUTION = 20

/** None where no descriptor is left to count them by. */
const descriptors = (): ReadonlyArray<Reading> => {
  if (process.platform !== "linux") return []
  try {
    return [{ key: Keys.openDescriptors, value: readdirSync("/proc/self/fd").length }]
  } catch {
    return []
  }
}

const ofProcess = (lag: IntervalHistogram): ReadonlyArray<Reading> => {
  const { heapUsed, rss } = process.memoryUsage()
  const { system, user } = process.cpuUsage()
  const late = Math.max(0, lag.percentile(99) / 1e9 - RESOLUTION / 1e3)
  lag.reset()
  return [
    { key: Keys.residentMemory, value: rss },
    { key: Keys.heapUsed, value: heapUsed },
    { key: Keys.cpuSeconds, value: (system + user) / 1e6 },
    { key: Keys.startTime, value: Math.floor(Date.now() / 1000 - process.uptime()) },
    { key: Keys.eventLoopLag, value: late },
    ...descriptors()
  ]
}

const measuredLag = Effect.acquireRelease(
  Effect.sync((): IntervalHistogram => {
    const histogram = monitorEventLoopDelay({ resolution: RESOLUTION })
    histogram.enable()
    return histogram
  }),
  (histogram) => Effect.sync(() => histogram.disable())
)

export const layer: Layer.Layer<never, never, Guard | Metrics | Pool> = Layer.scopedDiscard(
  Effect.gen(function* () {
    const guard = yield* Guard
    const pool = yield* Pool
    const { observe } = yield* Metrics
    const lag = yield* measuredLag
    observe("guard", Effect.map(guard.stats, ofGuard))
    observe(
      "pool",
      Effect.map(pool.snapshot, (instances) => instances.flatMap(ofInstance))
    )
    observe(
      "process",
      Effect.sync(() => ofProcess(lag))
    )
  })
)

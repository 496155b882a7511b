/**
 * Brings the figures that are read rather than counted up to date: the queue, the instances, the process.
 */
import { readdirSync } from "node:fs"
import { type IntervalHistogram, monitorEventLoopDelay } from "node:perf_hooks"
import { Context, Effect, Layer, Metric, Option, Schedule } from "effect"
import { GatewayConfig } from "../config/Config.ts"
import * as Metrics from "../observe/Metrics.ts"
import type { BackendState } from "./Backend.ts"
import { Guard } from "./Guard.ts"
import { Pool } from "./Pool.ts"

const states: ReadonlyArray<BackendState> = ["stopped", "starting", "ready", "reconnecting", "failed", "closed"]

const gauge = (name: string, description: string) => Metric.gauge(name, { description })
const resident = gauge("process_resident_memory_bytes", "Resident memory")
const heap = gauge("nodejs_heap_used_bytes", "JavaScript heap in use")
const descriptors = gauge("process_open_fds", "Open file descriptors")
const cpu = Metric.counter("process_cpu_seconds_total", { description: "CPU time, user and system", incremental: true })
const startTime = gauge("process_start_time_seconds", "Start of the process, seconds since 1970")

export class Gauges extends Context.Tag("lingma-gateway/Gauges")<
  Gauges,
  {
    /** Reads everything anew. */
    readonly collect: Effect.Effect<void>
  }
>() {
  static readonly make = Effect.gen(function* () {
    const guard = yield* Guard
    const pool = yield* Pool
    /** What was last added to a counter whose truth is kept elsewhere. */
    const last = new Map<object, Map<string, number>>()
    const raise = (
      metric: Metric.Metric.Counter<number>,
      value: number,
      labels: Readonly<Record<string, string>> = {}
    ) => {
      const series = last.get(metric) ?? new Map<string, number>()
      const key = JSON.stringify(labels)
      Metrics.mark(metric, Math.max(0, value - (series.get(key) ?? 0)), labels)
      last.set(metric, series.set(key, value))
    }

    const lag = yield* Effect.acquireRelease(
      Effect.sync((): IntervalHistogram => {
        const histogram = monitorEventLoopDelay({ resolution: 20 })
        histogram.enable()
        return histogram
      }),
      (histogram) => Effect.sync(() => histogram.disable())
    )

    const process_ = Effect.sync(() => {
      const { heapUsed, rss } = process.memoryUsage()
      const { system, user } = process.cpuUsage()
      Metrics.mark(resident, rss)
      Metrics.mark(heap, heapUsed)
      raise(cpu, (system + user) / 1e6)
      Metrics.mark(startTime, Math.floor(Date.now() / 1000 - process.uptime()))
      Metrics.mark(Metrics.eventLoopLag, Math.max(0, lag.percentile(99) / 1e9 - 0.02))
      lag.reset()
      if (process.platform === "linux") Metrics.mark(descriptors, readdirSync("/proc/self/fd").length)
    })

    const collect = Effect.gen(function* () {
      const queue = yield* guard.stats
      Metrics.mark(Metrics.inFlight, queue.inFlight)
      Metrics.mark(Metrics.queued, queue.queued)
      Metrics.mark(Metrics.maxInFlight, queue.maxInFlight)
      raise(Metrics.accepted, queue.accepted)
      raise(Metrics.rejected, queue.rejected)
      raise(Metrics.abandoned, queue.abandoned)
      for (const { ejected, ejections, id: name, inFlight, ready, restarts, state } of yield* pool.snapshot) {
        Metrics.mark(Metrics.instanceInFlight, inFlight, { name })
        Metrics.mark(Metrics.instanceReady, ready ? 1 : 0, { name })
        Metrics.mark(Metrics.instanceEjected, ejected ? 1 : 0, { name })
        for (const one of states) Metrics.mark(Metrics.instanceState, one === state ? 1 : 0, { name, state: one })
        raise(Metrics.instanceRestarts, restarts, { name })
        raise(Metrics.instanceEjections, ejections, { name })
      }
      yield* process_
    })
    return Gauges.of({ collect })
  })

  /** Keeps them fresh for a reader that does not ask, such as an exporter. */
  static readonly keepFresh: Layer.Layer<never, never, Gauges | GatewayConfig> = Layer.scopedDiscard(
    Effect.gen(function* () {
      const { otelEndpoint, otelMetricInterval, otelMetricsEndpoint } = yield* GatewayConfig
      const { collect } = yield* Gauges
      if (Option.isNone(otelEndpoint) && Option.isNone(otelMetricsEndpoint)) return
      yield* Effect.forkScoped(Effect.interruptible(Effect.repeat(collect, Schedule.spaced(otelMetricInterval))))
    })
  )

  static readonly layer: Layer.Layer<Gauges, never, Guard | Pool> = Layer.scoped(Gauges, Gauges.make)
}

/**
 * What V8 is told about this process' memory.
 *
 * It gives memory back after a rush: Node collects while it works, and hardly once it rests. And V8 does not place new
 * objects among the old ones because others made at the same spot lived long: with the requests of a server that is a
 * wrong guess that proves itself. What is placed there keeps all it leads to until the next full collection, so that
 * most of what a chat leaves behind was copied twice and kept: 28 KB of each, where 7 KB are without.
 */
import { performance } from "node:perf_hooks"
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import { Effect, Layer, Schedule } from "effect"

/** Busy for less than this share of the time is rest. */
const RESTING = 0.1
/** By how much it must have grown since it was last tidied up. */
const GROWTH = 1.1

/** Found when it is first needed. */
const collector = (): (() => void) => {
  let found: (() => void) | undefined
  return () => {
    if (found === undefined) setFlagsFromString("--expose-gc")
    found ??= runInNewContext("gc") as () => void
    found()
  }
}

/** For a process that is the gateway and nothing else. */
export const layer: Layer.Layer<never> = Layer.scopedDiscard(
  Effect.gen(function* () {
    setFlagsFromString("--no-allocation-site-pretenuring")
    const collect = collector()
    let tidy = process.memoryUsage.rss()
    let again = false
    let before = performance.eventLoopUtilization()
    const look = Effect.sync(() => {
      const now = performance.eventLoopUtilization()
      const { utilization } = performance.eventLoopUtilization(now, before)
      before = now
      if (utilization > RESTING) return
      const isGrown = process.memoryUsage.rss() > tidy * GROWTH
      if (isGrown || again) collect()
      // Buffers are freed behind its back: once more shows what is left.
      again = isGrown && !again
      tidy = isGrown ? process.memoryUsage.rss() : Math.min(tidy, process.memoryUsage.rss())
    })
    yield* Effect.forkScoped(Effect.interruptible(Effect.repeat(look, Schedule.spaced("5 seconds"))))
  })
)

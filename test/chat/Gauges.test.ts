import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option, TestClock } from "effect"
import * as Gauges from "../../src/chat/Gauges.ts"
import { Guard } from "../../src/chat/Guard.ts"
import { Pool } from "../../src/chat/Pool.ts"
import * as MetricKeys from "../../src/observe/MetricKeys.ts"
import { Metrics } from "../../src/observe/Metrics.ts"
import * as Figures from "../support/Figures.ts"
import * as TestBackend from "../support/TestBackend.ts"

const backends = [
  TestBackend.make(undefined, { id: "a" }).backend,
  TestBackend.make(undefined, { id: "b" }).backend
] as const
const layer = Gauges.layer.pipe(
  Layer.provideMerge(Metrics.layer),
  Layer.provideMerge(Guard.layer({ maxInFlight: 4, queueMax: 4, queueTimeout: "1 second" })),
  Layer.provideMerge(Pool.layer(backends))
)

describe("Gauges", () => {
  it.effect("count each ejection of an instance once, also after it is back", () =>
    Effect.gen(function* () {
      const pool = yield* Pool
      const key = Option.some("k")
      const chat = (outcome: "completed" | "failed") =>
        Effect.scoped(
          Effect.map(pool.lease(key), ({ backend, settle }) => {
            settle(outcome)
            return backend.id
          })
        )
      const fail = (times: number) => Effect.repeatN(chat("failed"), times - 1)
      const name = yield* chat("completed")
      const read = Effect.gen(function* () {
        const times = yield* Figures.value(MetricKeys.instanceEjections, { name })
        assert.strictEqual(yield* Figures.value(MetricKeys.instanceEjections, { name }), times)
        return { times, isOut: (yield* Figures.value(MetricKeys.instanceEjected, { name })) === 1 }
      })
      assert.deepStrictEqual(yield* read, { times: 0, isOut: false })
      yield* fail(5)
      assert.deepStrictEqual(yield* read, { times: 1, isOut: true })
      yield* TestClock.adjust("30 seconds")
      // The one chat on probation fails too.
      yield* fail(1)
      assert.deepStrictEqual(yield* read, { times: 2, isOut: true })
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(yield* chat("completed"), name)
      assert.deepStrictEqual(yield* read, { times: 2, isOut: false })
      yield* fail(5)
      assert.deepStrictEqual(yield* read, { times: 3, isOut: true })
    }).pipe(Effect.provide(layer))
  )
})

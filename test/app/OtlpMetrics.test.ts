import * as OtlpSerialization from "@effect/opentelemetry/OtlpSerialization"
import * as HttpClient from "@effect/platform/HttpClient"
import * as HttpClientResponse from "@effect/platform/HttpClientResponse"
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Exit, Scope, TestClock } from "effect"
import * as OtlpMetrics from "../../src/app/OtlpMetrics.ts"
import * as MetricKeys from "../../src/observe/MetricKeys.ts"
import { Metrics } from "../../src/observe/Metrics.ts"

const times = { startTimeUnixNano: "1", timeUnixNano: "2" }

const filled = Effect.gen(function* () {
  const metrics = yield* Metrics
  metrics.mark(MetricKeys.logins, 1, { name: "a", outcome: "succeeded" })
  metrics.mark(MetricKeys.logins, 2, { name: "b", outcome: "succeeded" })
  for (const value of [0.001, 0.3, 0.3, 1_000]) metrics.mark(MetricKeys.queueWait, value)
  metrics.observe("test", Effect.succeed([{ key: MetricKeys.inFlight, value: 3 }]))
  return metrics
})

/** A collector that answers with a status; how often it was asked. */
const collector = (status: () => number) => {
  const seen = { requests: 0 }
  const client = HttpClient.make((request) =>
    Effect.sync(() => {
      seen.requests++
      return HttpClientResponse.fromWeb(request, new Response("{}", { status: status() }))
    })
  )
  return { client, seen }
}

const exporting = (client: HttpClient.HttpClient) =>
  OtlpMetrics.make({
    url: "http://collector/v1/metrics",
    resource: { serviceName: "test", serviceVersion: "0", attributes: {} },
    headers: {},
    exportInterval: Duration.seconds(10),
    shutdownTimeout: Duration.seconds(1)
  }).pipe(
    Effect.provideService(HttpClient.HttpClient, client),
    Effect.provide([OtlpSerialization.layerJson, Metrics.layer])
  )

describe("OtlpMetrics", () => {
  it.effect("encodes the series of one name as points of one metric, and buckets between their boundaries", () =>
    Effect.gen(function* () {
      const encoded = OtlpMetrics.encode(yield* (yield* filled).snapshot, times)
      const named = (name: string) => encoded.find((metric) => metric.name === name)
      const label = (key: string, value: string) => ({ key, value: { stringValue: value } })
      assert.deepStrictEqual(named("gateway_logins_total")?.sum, {
        aggregationTemporality: 2,
        isMonotonic: true,
        dataPoints: [
          { attributes: [label("name", "a"), label("outcome", "succeeded")], ...times, asDouble: 1 },
          { attributes: [label("name", "b"), label("outcome", "succeeded")], ...times, asDouble: 2 }
        ]
      })
      assert.deepStrictEqual(named("gateway_in_flight")?.gauge, {
        dataPoints: [{ attributes: [], ...times, asDouble: 3 }]
      })
      assert.deepStrictEqual(named("gateway_queue_wait_seconds")?.histogram?.dataPoints, [
        {
          attributes: [],
          ...times,
          count: 4,
          min: 0.001,
          max: 1_000,
          sum: 1_000.601,
          explicitBounds: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600],
          bucketCounts: [1, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]
        }
      ])
    }).pipe(Effect.provide(Metrics.layer))
  )

  it.effect("has a shape that the protobuf encoding takes whole", () =>
    Effect.gen(function* () {
      const metrics = OtlpMetrics.encode(yield* (yield* filled).snapshot, times)
      const resource = { attributes: [], droppedAttributesCount: 0 }
      const { metrics: serialize } = yield* OtlpSerialization.OtlpSerialization
      const body = serialize({ resourceMetrics: [{ resource, scopeMetrics: [{ scope: { name: "test" }, metrics }] }] })
      const bytes = body._tag === "Uint8Array" ? Buffer.from(body.body) : Buffer.alloc(0)
      for (const text of ["gateway_logins_total", "gateway_in_flight", "gateway_queue_wait_seconds", "succeeded"]) {
        assert.isTrue(bytes.includes(text), text)
      }
      const bound = Buffer.alloc(8)
      bound.writeDoubleLE(1_000.601)
      assert.isTrue(bytes.includes(bound), "the sum of the histogram")
    }).pipe(Effect.provide([Metrics.layer, OtlpSerialization.layerProtobuf]))
  )

  it.effect("leaves a collector that failed alone for a minute, and exports once more at shutdown", () =>
    Effect.gen(function* () {
      let status = 200
      const { client, seen } = collector(() => status)
      const scope = yield* Scope.make()
      yield* Scope.extend(exporting(client), scope)
      yield* TestClock.adjust("20 seconds")
      assert.strictEqual(seen.requests, 2)
      status = 503
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(seen.requests, 3)
      yield* TestClock.adjust("50 seconds")
      assert.strictEqual(seen.requests, 3)
      status = 200
      yield* TestClock.adjust("20 seconds")
      assert.strictEqual(seen.requests, 5)
      status = 503
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(seen.requests, 6)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(seen.requests, 7, "also within the minute")
      yield* TestClock.adjust("1 minute")
      assert.strictEqual(seen.requests, 7)
    })
  )
})

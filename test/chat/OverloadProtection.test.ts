import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, TestClock } from "effect"
import { OverloadProtection } from "../../src/chat/OverloadProtection.ts"
import * as MetricKeys from "../../src/observe/MetricKeys.ts"
import { Metrics } from "../../src/observe/Metrics.ts"
import * as Figures from "../support/Figures.ts"
import * as TestBackend from "../support/TestBackend.ts"
import * as TestGateway from "../support/TestGateway.ts"

const hello = { model: "auto", messages: [{ role: "user", content: "hi" }] }

/** Blocks the event loop. */
const block = (millis: number) =>
  Effect.sync(() => {
    for (const end = performance.now() + millis; performance.now() < end; );
  })

describe("OverloadProtection", () => {
  it.scoped("rejects chats while memory is short, with a Retry-After", () =>
    Effect.gen(function* () {
      let share = 0.5
      const { admit } = yield* OverloadProtection.make({
        limits: { lagMillis: 1000, memoryShare: 0.9 },
        memoryShare: () => share
      })
      yield* admit
      share = 0.95
      yield* TestClock.adjust("250 millis")
      const { _tag, retryAfter } = yield* Effect.flip(admit)
      assert.strictEqual(_tag, "Shed")
      assert.isTrue(Number.isInteger(retryAfter) && retryAfter >= 1)
      assert.strictEqual(yield* Figures.value(MetricKeys.shedding), 1)
      share = 0.5
      yield* TestClock.adjust("250 millis")
      yield* admit
      assert.strictEqual(yield* Figures.value(MetricKeys.shedding), 0)
      assert.strictEqual(yield* Figures.value(MetricKeys.shed), 1)
    }).pipe(Effect.provide(Metrics.layer))
  )

  it.scopedLive("rejects chats while the event loop lags repeatedly, not after one pause", () =>
    Effect.gen(function* () {
      const { admit } = yield* OverloadProtection.make({ limits: { lagMillis: 400, memoryShare: 0 } })
      const pause = Effect.zipRight(block(800), Effect.sleep(1))
      yield* pause
      yield* admit
      yield* Effect.sleep(300)
      yield* pause
      yield* pause
      assert.isTrue(Exit.isFailure(yield* Effect.exit(admit)))
    }).pipe(Effect.provide(Metrics.layer))
  )

  it.scopedLive("is answered as a 503 in every dialect, and takes no slot", () =>
    Effect.gen(function* () {
      const load = yield* OverloadProtection.make({ limits: { lagMillis: 0, memoryShare: 0.1 }, memoryShare: () => 1 })
      const { guard, request } = yield* Effect.provideService(
        TestGateway.serve(TestBackend.make()),
        OverloadProtection,
        load
      )
      yield* Effect.sleep(300)
      const bodies = {
        "/v1/chat/completions": hello,
        "/v1/responses": { model: "auto", input: "hi" },
        "/v1/messages": { ...hello, max_tokens: 9 }
      }
      for (const [path, body] of Object.entries(bodies)) {
        const headers = { "content-type": "application/json" }
        const answer = yield* request(path, { method: "POST", headers, body: JSON.stringify(body) })
        assert.strictEqual(answer.status, 503)
        assert.match(answer.headers.get("retry-after") ?? "", /^[2-5]$/)
        assert.strictEqual(answer.json.error?.message, "The gateway is overloaded, please retry later")
      }
      assert.deepInclude(yield* guard.stats, { accepted: 0, rejected: 0 })
      assert.strictEqual((yield* request("/healthz")).status, 200)
    }).pipe(Effect.provide(Metrics.layer))
  )
})

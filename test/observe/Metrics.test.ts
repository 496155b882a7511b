import { assert, describe, it } from "@effect/vitest"
import { Effect, Metric } from "effect"
import * as Metrics from "../../src/observe/Metrics.ts"

const record: Metrics.ChatRecord = {
  dialect: "messages",
  stream: true,
  outcome: "completed",
  answer: {
    instance: "inst-0",
    model: "qwen",
    mode: "chat",
    firstTokenMillis: 2_000,
    promptTokens: 7,
    completionTokens: 30,
    pieces: 5
  },
  queueMillis: 1_500,
  millis: 10_000
}

/** In the order of their making: labels are a list. */
const labelled = <Type, In, Out>(metric: Metric.Metric<Type, In, Out>, labels: Readonly<Record<string, string>>) =>
  Metric.value(Object.entries(labels).reduce((tagged, [name, value]) => Metric.tagged(tagged, name, value), metric))

const count = (metric: Metric.Metric.Counter<number>, labels: Readonly<Record<string, string>>) =>
  Effect.map(labelled(metric, labels), (state) => state.count)

describe("Metrics", () => {
  it.effect("tell a chat by its labels, its tokens and its times, all in seconds", () =>
    Effect.gen(function* () {
      const { chatEnded } = yield* Metrics.Metrics.make
      chatEnded(record)
      assert.strictEqual(
        yield* count(Metrics.chats, { dialect: "messages", mode: "chat", model: "qwen", outcome: "completed" }),
        1
      )
      assert.strictEqual(yield* count(Metrics.tokens, { kind: "prompt", model: "qwen" }), 7)
      assert.strictEqual(yield* count(Metrics.tokens, { kind: "completion", model: "qwen" }), 30)
      const times = yield* Effect.all({
        duration: labelled(Metrics.duration, { dialect: "messages", outcome: "completed" }),
        firstToken: labelled(Metrics.firstToken, { dialect: "messages" }),
        queueWait: Metric.value(Metrics.queueWait),
        // Eight seconds between five pieces.
        tokenGap: Metric.value(Metrics.tokenGap)
      })
      const sums = Object.fromEntries(Object.entries(times).map(([name, { count, sum }]) => [name, [count, sum]]))
      assert.deepStrictEqual(sums, { duration: [1, 10], firstToken: [1, 2], queueWait: [1, 1.5], tokenGap: [1, 2] })
    })
  )

  it.effect("tell a chat that got no answer without a model, and one that never left the queue without a wait", () =>
    Effect.gen(function* () {
      const { chatEnded } = yield* Metrics.Metrics.make
      const before = yield* Effect.all([Metric.value(Metrics.queueWait), Metric.value(Metrics.tokenGap)])
      chatEnded({ ...record, dialect: "responses", outcome: "rejected", answer: undefined, queueMillis: undefined })
      const labels = { dialect: "responses", mode: "none", model: "none", outcome: "rejected" }
      assert.strictEqual(yield* count(Metrics.chats, labels), 1)
      assert.strictEqual((yield* labelled(Metrics.duration, { dialect: "responses", outcome: "rejected" })).count, 1)
      assert.strictEqual((yield* labelled(Metrics.firstToken, { dialect: "responses" })).count, 0)
      const after = yield* Effect.all([Metric.value(Metrics.queueWait), Metric.value(Metrics.tokenGap)])
      assert.deepStrictEqual(
        after.map(({ count }) => count),
        before.map(({ count }) => count)
      )
    })
  )

  it.effect("sum up since the start: chats, streams, outcomes, tokens, lists of models", () =>
    Effect.gen(function* () {
      const { chatEnded, counters, modelsListed } = yield* Metrics.Metrics.make
      chatEnded(record)
      chatEnded({ ...record, stream: false, outcome: "failed", answer: undefined })
      yield* modelsListed
      assert.deepStrictEqual(yield* counters, {
        chats: 2,
        streamed: 1,
        outcomes: { completed: 1, failed: 1, cancelled: 0, rejected: 0 },
        promptTokens: 7,
        completionTokens: 30,
        modelLists: 1,
        uptimeSeconds: 0
      })
    })
  )

  it.effect("name a hundred models and count all further ones together", () =>
    Effect.gen(function* () {
      const { chatEnded } = yield* Metrics.Metrics.make
      const answer = (model: string) => ({
        ...record,
        dialect: "embedded" as const,
        answer: { ...record.answer!, model }
      })
      for (let i = 0; i < 150; i++) chatEnded(answer(`model-${i}`))
      const chats = (model: string) =>
        count(Metrics.chats, { dialect: "embedded", mode: "chat", model, outcome: "completed" })
      assert.isAtLeast(yield* chats("other"), 50)
      assert.strictEqual(yield* chats("model-0"), 1)
      assert.strictEqual(yield* chats("model-149"), 0)
    })
  )
})

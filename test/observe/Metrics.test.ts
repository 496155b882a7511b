import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as MetricKeys from "../../src/observe/MetricKeys.ts"
import { type ChatRecord, Metrics } from "../../src/observe/Metrics.ts"
import * as Figures from "../support/Figures.ts"

const record: ChatRecord = {
  id: "chat-1",
  endedAt: 0,
  dialect: "messages",
  stream: true,
  requestId: "req-1",
  caller: { id: "k1", name: "ann", weight: 1 },
  client: "curl",
  modelAsked: "auto",
  outcome: "completed",
  errorCode: undefined,
  error: undefined,
  instance: "inst-0",
  account: undefined,
  retries: 0,
  answer: {
    instance: "inst-0",
    model: "qwen",
    mode: "chat",
    firstTokenMillis: 2_000,
    promptTokens: 7,
    completionTokens: 30,
    reasoningTokens: 10,
    isReported: true,
    toolCalls: 0,
    pieces: 5
  },
  queueMillis: 1_500,
  loginMillis: undefined,
  millis: 10_000
}

describe("Metrics", () => {
  it.effect("leave out the figures of an owner that fails, and no others", () =>
    Effect.gen(function* () {
      const { observe, snapshot } = yield* Metrics
      observe("well", Effect.succeed([{ key: MetricKeys.inFlight, value: 3 }]))
      observe("broken", Effect.die("no descriptors"))
      const names = (yield* snapshot).map(({ metricKey }) => metricKey.name)
      assert.include(names, "gateway_in_flight")
    }).pipe(Effect.provide(Metrics.layer))
  )

  it.effect("record a chat under its labels, with its tokens and its times in seconds", () =>
    Effect.gen(function* () {
      const { chatEnded } = yield* Metrics
      chatEnded(record)
      assert.strictEqual(
        yield* Figures.value(MetricKeys.chats, {
          dialect: "messages",
          mode: "chat",
          model: "qwen",
          outcome: "completed"
        }),
        1
      )
      assert.strictEqual(yield* Figures.value(MetricKeys.tokens, { kind: "prompt", model: "qwen" }), 7)
      assert.strictEqual(yield* Figures.value(MetricKeys.tokens, { kind: "completion", model: "qwen" }), 30)
      const times = yield* Effect.all({
        duration: Figures.recorded(MetricKeys.duration, { dialect: "messages", outcome: "completed" }),
        firstToken: Figures.recorded(MetricKeys.firstToken, { dialect: "messages" }),
        queueWait: Figures.recorded(MetricKeys.queueWait),
        // Eight seconds between five pieces.
        tokenGap: Figures.recorded(MetricKeys.tokenGap)
      })
      assert.deepStrictEqual(times, { duration: [1, 10], firstToken: [1, 2], queueWait: [1, 1.5], tokenGap: [1, 2] })
    }).pipe(Effect.provide(Metrics.layer))
  )

  it.effect("record a chat without an answer under no model, and one rejected in the queue without a wait", () =>
    Effect.gen(function* () {
      const { chatEnded } = yield* Metrics
      chatEnded({ ...record, dialect: "responses", outcome: "rejected", answer: undefined, queueMillis: undefined })
      const labels = { dialect: "responses", mode: "none", model: "none", outcome: "rejected" }
      assert.strictEqual(yield* Figures.value(MetricKeys.chats, labels), 1)
      assert.deepStrictEqual(
        yield* Effect.all([
          Figures.recorded(MetricKeys.duration, { dialect: "responses", outcome: "rejected" }),
          Figures.recorded(MetricKeys.firstToken, { dialect: "responses" }),
          Figures.recorded(MetricKeys.queueWait),
          Figures.recorded(MetricKeys.tokenGap)
        ]),
        [
          [1, 10],
          [0, 0],
          [0, 0],
          [0, 0]
        ]
      )
    }).pipe(Effect.provide(Metrics.layer))
  )

  it.effect("give totals since the start: chats, streams, outcomes, tokens, lists of models", () =>
    Effect.gen(function* () {
      const { chatEnded, counters, modelsListed } = yield* Metrics
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
    }).pipe(Effect.provide(Metrics.layer))
  )

  it.effect("tell of each key what it asked for, by name for a hundred keys", () =>
    Effect.gen(function* () {
      const { chatEnded, keys } = yield* Metrics
      chatEnded(record)
      chatEnded({ ...record, outcome: "rejected", answer: undefined })
      assert.deepStrictEqual(yield* keys, [
        {
          key: "ann",
          outcomes: { completed: 1, failed: 0, cancelled: 0, rejected: 1 },
          promptTokens: 7,
          completionTokens: 30
        }
      ])
      for (let i = 0; i < 150; i++) chatEnded({ ...record, caller: { id: `${i}`, name: `key-${i}`, weight: 1 } })
      const told = yield* keys
      assert.lengthOf(told, 101)
      assert.deepInclude(told.at(-1), { key: "other", promptTokens: 7 * 51 })
      assert.strictEqual(yield* Figures.value(MetricKeys.keyChats, { key: "ann", outcome: "rejected" }), 1)
      assert.strictEqual(yield* Figures.value(MetricKeys.keyTokens, { key: "key-98", kind: "completion" }), 30)
      assert.strictEqual(yield* Figures.value(MetricKeys.keyChats, { key: "key-99", outcome: "completed" }), 0)
    }).pipe(Effect.provide(Metrics.layer))
  )

  it.effect("label a hundred models by name and all further ones as other", () =>
    Effect.gen(function* () {
      const { chatEnded } = yield* Metrics
      const answer = (model: string) => ({
        ...record,
        dialect: "embedded" as const,
        answer: { ...record.answer!, model }
      })
      for (let i = 0; i < 150; i++) chatEnded(answer(`model-${i}`))
      const chats = (model: string) =>
        Figures.value(MetricKeys.chats, { dialect: "embedded", mode: "chat", model, outcome: "completed" })
      assert.strictEqual(yield* chats("other"), 50)
      assert.strictEqual(yield* chats("model-0"), 1)
      assert.strictEqual(yield* chats("model-149"), 0)
    }).pipe(Effect.provide(Metrics.layer))
  )
})

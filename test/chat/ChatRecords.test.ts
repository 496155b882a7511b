import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Layer } from "effect"
import { textDelta, toolCall } from "../../src/domain/Chat.ts"
import { ChatRecorder } from "../../src/observe/ChatRecorder.ts"
import type { ChatRecord } from "../../src/observe/Metrics.ts"
import * as RequestContext from "../../src/observe/RequestContext.ts"
import * as QuickClock from "../support/QuickClock.ts"
import * as TestBackend from "../support/TestBackend.ts"
import { crash, gateway, ls, open, request, scripted, whole } from "../support/TestChat.ts"

/** A gateway that writes its chats down. */
const recording = (...backends: Parameters<typeof gateway>) => {
  const records: Array<ChatRecord> = []
  const recorder = Layer.succeed(ChatRecorder, { record: (chat) => void records.push(chat) })
  return { records, layer: Layer.provide(gateway(...backends), recorder) }
}

const ann = { id: "k1", name: "ann", weight: 1 }

describe("The record of a chat", () => {
  it.effect("tells at its end who asked for what, who answered, and what it took", () => {
    const { layer, records } = recording(scripted("a").backend)
    return Effect.gen(function* () {
      yield* RequestContext.set({ id: "req-1", client: "codex", isStarted: false, isOfHost: false, tap: undefined })
      yield* Effect.scoped(
        Effect.gen(function* () {
          const run = yield* open({ ...request, model: "Auto", caller: ann })
          assert.lengthOf(records, 0)
          run.turn.read({ onEvent: () => {}, onFailure: () => {} })
        })
      )
      const [record] = records
      assert.lengthOf(records, 1)
      assert.deepInclude(record, {
        dialect: "chat_completions",
        stream: true,
        requestId: "req-1",
        caller: ann,
        client: "codex",
        modelAsked: "Auto",
        outcome: "completed",
        errorCode: undefined,
        instance: "a",
        retries: 0
      })
      assert.deepInclude(record?.answer, { model: "auto", reasoningTokens: 0, isReported: false, toolCalls: 0 })
      assert.isAbove(record?.answer?.completionTokens ?? 0, 0)
    }).pipe(Effect.provide(layer))
  })

  it.effect("counts the calls of tools, and the tokens of thoughts", () => {
    const calling = TestBackend.native((turn) => {
      turn.emit({ _tag: "ThoughtDelta", text: "I should look around first" })
      turn.emit(toolCall({ id: "1", name: "ls", arguments: "{}" }))
      turn.emit({ _tag: "ToolCallBegin", call: { id: "2", name: "ls" } })
      turn.emit({ _tag: "ToolCallDelta", text: "{}" })
      turn.emit({ _tag: "ToolCallEnd", call: { id: "2", name: "ls", arguments: "{}" } })
      turn.emit({ _tag: "Usage", usage: { inputTokens: 5, outputTokens: 50 } })
      turn.emit({ _tag: "Finish", reason: "tool_calls" })
    })
    const { layer, records } = recording(calling.backend)
    return Effect.gen(function* () {
      yield* whole({ ...request, toolset: { tools: [ls], choice: "auto", parallel: true } })
      assert.deepInclude(records[0]?.answer, {
        toolCalls: 2,
        promptTokens: 5,
        completionTokens: 50,
        isReported: true
      })
      assert.isAbove(records[0]?.answer?.reasoningTokens ?? 0, 0)
    }).pipe(Effect.provide(layer))
  })

  it.effect("has the code of its failure, the instance that was asked last, and how often it was asked anew", () => {
    const { layer, records } = recording(
      scripted("a", TestBackend.refuse(crash(false))).backend,
      scripted("b", TestBackend.refuse(crash(false))).backend
    )
    return Effect.gen(function* () {
      yield* Effect.flip(whole())
      assert.deepInclude(records[0], { outcome: "failed", errorCode: "upstream_error", retries: 1, answer: undefined })
      assert.include(["a", "b"], records[0]?.instance)
    }).pipe(Effect.provide(layer))
  })

  it.effect("has what came before a failure in its middle", () => {
    const half: TestBackend.Script = (turn) =>
      Effect.sync(() => {
        turn.emit(textDelta("Hel"))
        turn.fail(crash(true))
      })
    const { layer, records } = recording(scripted("a", half).backend)
    return Effect.gen(function* () {
      yield* whole()
      assert.deepInclude(records[0], { outcome: "failed", errorCode: "upstream_error" })
      assert.isAbove(records[0]?.answer?.completionTokens ?? 0, 0)
    }).pipe(Effect.provide(layer))
  })

  it.effect("is written of a client that left, and of a chat that got no slot", () => {
    const silent = TestBackend.make(TestBackend.silent)
    const { layer, records } = recording(silent.backend)
    return Effect.gen(function* () {
      const held = yield* Effect.all(
        Array.from({ length: 4 }, () => Effect.fork(whole())),
        { concurrency: 1 }
      )
      for (let i = 0; i < 4; i++) yield* silent.turns.take
      const late = yield* Effect.fork(Effect.flip(whole()))
      yield* Effect.yieldNow()
      yield* QuickClock.adjust("1 second")
      yield* Fiber.join(late)
      yield* Fiber.interruptAll(held)
      assert.deepStrictEqual(
        records.map(({ errorCode, instance, outcome, queueMillis }) => [
          outcome,
          errorCode,
          instance,
          queueMillis === undefined
        ]),
        [
          ["rejected", "backpressure", undefined, true],
          ...Array.from({ length: 4 }, () => ["cancelled", undefined, "inst-0", false] as const)
        ]
      )
    }).pipe(Effect.provide(layer))
  })
})

/**
 * Chats over scripted backends: the services they need, and what is left when they have ended.
 */
import { assert } from "@effect/vitest"
import { type Array as Arr, Duration, Effect, Layer, Option } from "effect"
import type { Backend } from "../../src/chat/Backend.ts"
import { Chat, type ChatOptions } from "../../src/chat/Chat.ts"
import { Guard } from "../../src/chat/Guard.ts"
import { Pool } from "../../src/chat/Pool.ts"
import { type ChatRequest, plain } from "../../src/domain/Chat.ts"
import { BackendFailure } from "../../src/domain/ChatError.ts"
import type { Model } from "../../src/domain/Model.ts"
import { Metrics } from "../../src/observe/Metrics.ts"
import * as TestBackend from "./TestBackend.ts"

export const options: ChatOptions = {
  aliases: [],
  defaultModel: "auto",
  fallback: "none",
  defaultAskMode: "chat",
  firstTokenTimeout: Duration.seconds(10),
  idleTimeout: Duration.seconds(5),
  totalTimeout: Duration.seconds(60)
}

export const request: ChatRequest = {
  ...plain,
  model: "auto",
  messages: [{ role: "user", text: "hi", images: [], toolCalls: [], toolCallId: undefined }],
  affinity: Option.none(),
  origin: { dialect: "chat_completions", stream: true }
}
export const asAgent = { ...request, model: "agent" }

/** A tool, for chats in which it must be called. */
export const ls = { kind: "function", name: "ls", description: undefined, parameters: {}, strict: false } as const
export const mustCall = { tools: [ls], choice: "required", parallel: true } as const

export const gateway = (...backends: Arr.NonEmptyArray<Backend>) =>
  Chat.layer(options).pipe(
    Layer.provideMerge(
      Layer.merge(Guard.layer({ maxInFlight: 4, queueMax: 4, queueTimeout: "1 second" }), Metrics.layer)
    ),
    Layer.provideMerge(Pool.layer(backends))
  )

export const crash = (started: boolean) => new BackendFailure({ instance: "a", started, detail: "crash" })
export const scripted = (id: string, script?: TestBackend.Script) => TestBackend.make(script, { id })

export const model = (key: string, more: Partial<Model> = {}): Model => ({
  key,
  name: key,
  scene: "chat",
  isDefault: false,
  ...more
})
export const x = model("x")
/** An instance that has told its models. */
export const offering = (id: string, offers: ReadonlyArray<Model>, script?: TestBackend.Script) =>
  TestBackend.make(script, { id, offers })
export const keyed = (n: number, name: string) => ({ ...request, model: name, affinity: Option.some(`k${n}`) })

/** Everything was given back, and the books agree. */
export const idle = Effect.gen(function* () {
  const { accepted, cancelled, completed, failed, inFlight } = yield* (yield* Guard).stats
  assert.strictEqual(inFlight, 0)
  assert.isTrue((yield* (yield* Pool).snapshot).every((instance) => instance.inFlight === 0))
  assert.strictEqual(accepted, completed + failed + cancelled)
  const { chats, outcomes } = yield* (yield* Metrics).counters
  assert.deepStrictEqual(outcomes, { completed, failed, cancelled, rejected: 0 })
  assert.strictEqual(chats, accepted)
  return { completed, failed, cancelled }
})

export const open = (asked = request) => Effect.flatMap(Chat, (chat) => chat.open(asked))
/** Opens, reads to the end, closes. */
export const whole = (asked = request) =>
  Effect.scoped(
    Effect.map(open(asked), (run) => {
      run.turn.read({ onEvent: () => {}, onFailure: () => {} })
      return run.servedBy
    })
  )

/** The name of the failure that a chat ends with. */
export const tagOf = (asked: ChatRequest) => Effect.map(Effect.flip(whole(asked)), ({ _tag }) => _tag)

/** What is held against the first instance. */
export const healthOf = Effect.map(
  Effect.flatMap(Pool, (pool) => pool.snapshot),
  ([{ failing, health, lastError }]) => ({
    failures: health.failures,
    ejections: health.ejections,
    failing,
    lastError
  })
)

import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, type Layer } from "effect"
import { Chat } from "../../src/chat/Chat.ts"
import { Guard } from "../../src/chat/Guard.ts"
import { REMEMBERED } from "../../src/chat/LiveChats.ts"
import { Pool } from "../../src/chat/Pool.ts"
import { finish, textDelta } from "../../src/domain/Chat.ts"
import { InvalidJsonOutput } from "../../src/domain/ChatError.ts"
import * as QuickClock from "../support/QuickClock.ts"
import * as Steps from "../support/Steps.ts"
import * as TestBackend from "../support/TestBackend.ts"
import { crash, gateway, open, request, scripted, whole } from "../support/TestChat.ts"

const live = Effect.map(Chat, (chat) => chat.live)
const phases = Effect.map(live, (all) => all.running().map(({ record }) => record.phase))

/** Everything that a chat held is back. */
const isClear = Effect.gen(function* () {
  const stats = yield* (yield* Guard).stats
  const [instance] = yield* (yield* Pool).snapshot
  return [stats.inFlight, stats.queued, instance.inFlight, (yield* live).size].every((n) => n === 0)
})

const until = (phase: string) =>
  Effect.repeat(Effect.zipRight(Effect.yieldNow(), phases), { until: (all) => all.includes(phase as never) })

const stop = (phase: string) =>
  Effect.map(live, (all) => {
    const one = all.running().find(({ record }) => record.phase === phase)
    return all.stop(one?.record.id ?? "")
  })

const last = Effect.map(live, (all) => all.ended()[0])

/** Reads to the end, holding the chat for as long. */
const answered = (asked = request) =>
  Effect.scoped(
    Effect.flatMap(open(asked), (run) =>
      Effect.async<string>((resume) =>
        run.turn.read({
          onEvent: ({ _tag }) => {
            if (_tag === "Finish") resume(Effect.succeed("finished"))
          },
          onFailure: ({ _tag }) => resume(Effect.succeed(_tag))
        })
      )
    )
  )

const stuck: TestBackend.Overrides = { ensureReady: Effect.never }

describe("A chat that an administrator stops", () => {
  const cases: ReadonlyArray<readonly [string, () => Layer.Layer<Chat | Guard | Pool>]> = [
    ["login", () => gateway(TestBackend.make(undefined, stuck).backend)],
    ["waiting", () => gateway(TestBackend.make(TestBackend.silent).backend)]
  ]
  for (const [phase, made] of cases) {
    it.effect(`fails with that in the phase ${phase}, is counted as cancelled, and gives everything back`, () =>
      Effect.gen(function* () {
        const chat = yield* Effect.fork(Effect.either(whole()))
        yield* until(phase)
        assert.isDefined(yield* stop(phase))
        const end = yield* Fiber.join(chat)
        assert.deepInclude(end, { _tag: "Left" })
        assert.strictEqual(end._tag === "Left" ? end.left._tag : "", "ChatStopped")
        assert.deepInclude(yield* last, {
          outcome: "cancelled",
          errorCode: "chat_stopped",
          error: "stopped by an administrator"
        })
        assert.isTrue(yield* isClear)
        assert.deepInclude(yield* (yield* Guard).stats, { cancelled: 1, failed: 0, completed: 0 })
        assert.strictEqual((yield* (yield* Pool).snapshot)[0].health.failures, 0)
      }).pipe(Effect.provide(made()))
    )
  }

  it.effect("fails with that in the queue, where it leaves its place to others", () =>
    Effect.gen(function* () {
      const held = yield* Effect.all(
        Array.from({ length: 4 }, () => Effect.fork(whole())),
        { concurrency: 1 }
      )
      yield* until("waiting")
      const late = yield* Effect.fork(Effect.either(whole()))
      yield* until("queued")
      assert.strictEqual((yield* (yield* Guard).stats).queued, 1)
      assert.isDefined(yield* stop("queued"))
      const end = yield* Fiber.join(late)
      assert.strictEqual(end._tag === "Left" ? end.left._tag : "", "ChatStopped")
      assert.deepInclude(yield* (yield* Guard).stats, { queued: 0, inFlight: 4, abandoned: 1, rejected: 0 })
      assert.deepInclude(yield* last, { outcome: "cancelled", errorCode: "chat_stopped", queueMillis: undefined })
      yield* Fiber.interruptAll(held)
      assert.isTrue(yield* isClear)
    }).pipe(Effect.provide(gateway(TestBackend.make(TestBackend.silent).backend)))
  )

  it.effect("ends its stream with that, cancels what runs upstream, and keeps what came before", () => {
    const upstream = TestBackend.make(TestBackend.emit(textDelta("Hello, ")))
    return Effect.gen(function* () {
      const chat = yield* Effect.fork(answered())
      yield* until("streaming")
      yield* stop("streaming")
      assert.strictEqual(yield* Fiber.join(chat), "ChatStopped")
      assert.strictEqual(upstream.counts.cancelled, 1)
      const record = yield* last
      assert.deepInclude(record, { outcome: "cancelled", errorCode: "chat_stopped" })
      assert.isAbove(record?.answer?.completionTokens ?? 0, 0)
      assert.isTrue(yield* isClear)
    }).pipe(Effect.provide(gateway(upstream.backend)))
  })

  it.effect("is not there any more once it has ended", () =>
    Effect.gen(function* () {
      yield* whole()
      const id = (yield* last)?.id ?? ""
      assert.isUndefined((yield* live).stop(id))
      assert.isUndefined((yield* live).stop("made-up"))
    }).pipe(Effect.provide(gateway(scripted("a").backend)))
  )
})

describe("Running and ended chats", () => {
  it.effect("are told with who asks, and the tokens so far", () => {
    const upstream = TestBackend.make(TestBackend.silent)
    return Effect.gen(function* () {
      const chat = yield* Effect.fork(answered({ ...request, caller: { id: "k", name: "ann", weight: 1 } }))
      const turn = yield* upstream.turns.take
      turn.emit(textDelta("one two three"))
      yield* until("streaming")
      const [one] = (yield* live).running()
      assert.deepInclude(one?.record, { phase: "streaming", instance: "inst-0", modelAsked: "auto" })
      assert.strictEqual(one?.record.caller.name, "ann")
      const before = one?.answer?.tokens() ?? 0
      assert.isAbove(before, 0)
      turn.emit(textDelta(" four five six"))
      assert.isAbove(one?.answer?.tokens() ?? 0, before)
      turn.emit(finish("stop"))
      yield* Fiber.join(chat)
      assert.lengthOf((yield* live).running(), 0)
    }).pipe(Effect.provide(gateway(upstream.backend)))
  })

  it.effect("are told as running no longer, wherever in its course a chat was interrupted", () =>
    Effect.gen(function* () {
      const all = yield* live
      const swept = yield* Steps.sweep((k, when) =>
        Effect.tap(Steps.interruptAfter(whole(), k, when), () =>
          assert.strictEqual(all.size, 0, `after step ${k}, ${when}`)
        )
      )
      assert.isAbove(swept, 100)
      assert.isTrue(yield* isClear)
    }).pipe(Effect.provide(gateway(scripted("a").backend)))
  )

  it.effect("are remembered in a bounded number, the newest first, each with an id of its own", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const stopWatching = (yield* live).watch(({ id }) => void seen.push(id))
      for (let i = 0; i < REMEMBERED + 7; i++) yield* whole()
      stopWatching()
      yield* whole()
      const ended = (yield* live).ended()
      assert.lengthOf(ended, REMEMBERED)
      assert.lengthOf(seen, REMEMBERED + 7)
      assert.strictEqual(new Set(seen).size, seen.length)
      assert.strictEqual(ended[1]?.id, seen.at(-1))
    }).pipe(Effect.provide(gateway(scripted("a").backend)))
  )

  it.effect("have the reason of their failure in words, without what looks like a secret", () =>
    Effect.gen(function* () {
      yield* Effect.flip(whole())
      assert.deepInclude(yield* last, { outcome: "failed", errorCode: "upstream_error", error: "Lingma: crash" })
    }).pipe(Effect.provide(gateway(scripted("a", TestBackend.refuse(crash(true))).backend)))
  )

  it.effect("have no words of the model in the reason of their failure", () =>
    Effect.gen(function* () {
      yield* Effect.flip(whole())
      assert.deepInclude(yield* last, {
        errorCode: "invalid_json_output",
        error: "the answer is not the JSON that was asked for"
      })
    }).pipe(
      Effect.provide(
        gateway(scripted("a", TestBackend.refuse(new InvalidJsonOutput({ detail: "unknown 'the secret'" }))).backend)
      )
    )
  )

  it.effect("tell how long they waited for their instance to be signed in", () => {
    const slow = TestBackend.make(undefined, { ensureReady: Effect.sleep("3 seconds") })
    return Effect.gen(function* () {
      const chat = yield* Effect.fork(whole())
      yield* until("login")
      yield* QuickClock.adjust("3 seconds")
      yield* Fiber.join(chat)
      assert.approximately((yield* last)?.loginMillis ?? 0, 3000, 200)
    }).pipe(Effect.provide(gateway(slow.backend)))
  })
})

describe("An instance that is tried again", () => {
  it.effect("is ready at once, whatever kept chats away from it", () => {
    let tries = 0
    const failing = TestBackend.make(TestBackend.refuse(crash(true)), {
      retry: Effect.sync(() => {
        tries++
      })
    })
    return Effect.gen(function* () {
      const pool = yield* Pool
      for (let i = 0; i < 5; i++) yield* Effect.flip(whole())
      assert.isFalse((yield* pool.snapshot)[0].ready)
      assert.isTrue(yield* pool.retry("inst-0"))
      const [instance] = yield* pool.snapshot
      assert.isTrue(instance.ready)
      assert.strictEqual(tries, 1)
      // What went wrong stays to be read.
      assert.strictEqual(instance.lastFailure?.message, "BackendFailure: crash")
      assert.isFalse(yield* pool.retry("made-up"))
    }).pipe(Effect.provide(gateway(failing.backend)))
  })
})

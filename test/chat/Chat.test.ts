import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Stream } from "effect"
import { Chat } from "../../src/chat/Chat.ts"
import { Guard } from "../../src/chat/Guard.ts"
import { Pool } from "../../src/chat/Pool.ts"
import { finish, textDelta } from "../../src/domain/Chat.ts"
import {
  BackendFailure,
  BackendUnavailable,
  EmptyAnswer,
  InvalidJsonOutput,
  NotLoggedIn,
  QuotaExhausted,
  ToolCallNotProduced,
  type TurnError,
  UpstreamTimeout
} from "../../src/domain/ChatError.ts"
import * as Login from "../../src/domain/Login.ts"
import * as QuickClock from "../support/QuickClock.ts"
import * as TestBackend from "../support/TestBackend.ts"
import { crash, gateway, healthOf, idle, mustCall, open, request, scripted, whole } from "../support/TestChat.ts"

describe("Chat", () => {
  it.effect("resolves at the first event, and gives everything back with the scope", () => {
    const a = scripted("a")
    return Effect.gen(function* () {
      assert.strictEqual(yield* whole(), "a")
      assert.deepStrictEqual(yield* idle, { completed: 1, failed: 0, cancelled: 0 })
      assert.deepStrictEqual(a.counts.closed, 1)
      assert.strictEqual(a.asks[0]?.prompt, "hi")
    }).pipe(Effect.provide(gateway(a.backend)))
  })

  it.effect("tells an unknown model from a failing instance", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(whole({ ...request, model: "qwen3-codr" }))
      assert.isTrue(error._tag === "ModelNotFound" && error.near.includes("Qwen3 Coder"))
      assert.isTrue((yield* (yield* Pool).snapshot).every(({ health }) => health.failures === 0))
    }).pipe(Effect.provide(gateway(scripted("a").backend)))
  )

  it.effect("holds against an instance what is its own, and nothing else", () => {
    const instance = "a"
    const mine: ReadonlyArray<readonly [TurnError, number, string | undefined]> = [
      [crash(true), 2, "BackendFailure: crash"],
      [new BackendFailure({ instance, started: true, lost: true, detail: "gone" }), 2, "BackendFailure: gone"],
      [new BackendUnavailable({ instance, detail: "gone" }), 2, "BackendUnavailable: gone"],
      [new UpstreamTimeout({ instance, phase: "idle" }), 2, "UpstreamTimeout"],
      [new UpstreamTimeout({ instance, phase: "first_token", started: false }), 2, "UpstreamTimeout"],
      [new QuotaExhausted({ instance }), 1, "QuotaExhausted"],
      [new ToolCallNotProduced(), 0, undefined],
      [new EmptyAnswer(), 0, undefined],
      [new InvalidJsonOutput({ detail: "no JSON" }), 0, undefined],
      [new NotLoggedIn({ instance, retriable: false }), 1, "BackendFailure: crash"]
    ]
    return Effect.forEach(mine, ([error, failures, lastError]) => {
      let asked = 0
      const a = scripted("a", () => Effect.fail(asked++ === 0 ? crash(true) : error))
      return Effect.gen(function* () {
        yield* Effect.flip(whole())
        yield* QuickClock.adjust("1 second")
        assert.strictEqual((yield* Effect.flip(whole()))._tag, error._tag)
        assert.deepStrictEqual(
          yield* healthOf,
          { failures, ejections: 0, failing: false, lastError },
          `${error._tag} ${"phase" in error ? error.phase : ""}`
        )
      }).pipe(Effect.provide(gateway(a.backend)))
    })
  })

  for (const [what, script] of [
    ["a defect", () => Effect.die(new Error("broken"))],
    ["an interrupt from inside", () => Effect.interrupt]
  ] as const) {
    it.effect(`holds ${what} against the instance that it happened on, and gives everything back`, () => {
      const a = scripted("a", script)
      return Effect.gen(function* () {
        for (let i = 0; i < 5; i++) {
          assert.isTrue(Exit.isFailure(yield* Effect.exit(whole())))
          yield* QuickClock.adjust("1 second")
        }
        const { failing, failures, lastError } = yield* healthOf
        assert.deepStrictEqual({ failing, failures }, { failing: true, failures: 5 })
        assert.match(lastError ?? "", /^the gateway failed: /)
        assert.strictEqual((yield* (yield* Guard).stats).inFlight, 0)
        assert.strictEqual(a.counts.closed, 5)
      }).pipe(Effect.provide(gateway(a.backend)))
    })

    it.effect(`leaves out an instance whose chats end in ${what}, while another can stand in`, () => {
      const a = scripted("a", script)
      const b = scripted("b")
      return Effect.gen(function* () {
        for (let i = 0; i < 40; i++) yield* Effect.exit(whole())
        const [first, second] = yield* (yield* Pool).snapshot
        assert.deepInclude(first, { ejected: true, ejections: 1 })
        assert.deepInclude(second, { ready: true })
        assert.strictEqual(a.asks.length, 5)
      }).pipe(Effect.provide(gateway(a.backend, b.backend)))
    })
  }

  it.effect("counts a client that leaves as cancelled, wherever it leaves", () => {
    const a = scripted("a", TestBackend.silent)
    return Effect.gen(function* () {
      const early = yield* Effect.fork(Effect.scoped(open()))
      yield* a.turns.take
      yield* Fiber.interrupt(early)
      const late = yield* Effect.fork(Effect.scoped(Effect.zipRight(open(), Effect.never)))
      const turn = yield* a.turns.take
      turn.emit(textDelta("half"))
      yield* Effect.yieldNow()
      yield* Fiber.interrupt(late)
      turn.emit(finish("stop"))
      assert.deepStrictEqual(yield* idle, { completed: 0, failed: 0, cancelled: 2 })
      assert.strictEqual(a.counts.closed, 2)
      assert.isTrue((yield* (yield* Pool).snapshot).every(({ health }) => health.failures === 0))
    }).pipe(Effect.provide(gateway(a.backend)))
  })

  it.effect("fails at once when all are down", () => {
    const down = TestBackend.make(undefined, {
      id: "a",
      status: Effect.succeed({
        state: "failed",
        loggedIn: undefined,
        restarts: 3,
        login: Login.idle,
        models: [],
        lastError: "gone"
      }),
      ensureReady: Effect.fail(new BackendUnavailable({ instance: "a", detail: "gone" }))
    })
    return Effect.gen(function* () {
      assert.strictEqual((yield* Effect.flip(whole()))._tag, "BackendUnavailable")
      assert.strictEqual((yield* Effect.flip(Effect.flatMap(Chat, (chat) => chat.models)))._tag, "BackendUnavailable")
    }).pipe(Effect.provide(gateway(down.backend)))
  })

  it.effect("asks the same instance again for a call that must come, and lets go of the first answer before", () => {
    const a = scripted("a", (turn, { prompt }) =>
      TestBackend.say(
        /\[assistant \w+\] Why\?/.test(prompt) ? "<tool_call><function=ls></function></tool_call>" : "Why?"
      )(turn, { prompt } as never)
    )
    return Effect.gen(function* () {
      const chat = yield* Chat
      const events = yield* Effect.scoped(
        Effect.flatMap(chat.open({ ...request, toolset: mustCall }), (run) => Stream.runCollect(run.events))
      )
      const kinds = Array.from(events, (event) => (event._tag === "ToolCall" ? event.call.name : event._tag))
      assert.deepStrictEqual(kinds, ["ls", "Finish"])
      assert.strictEqual(a.counts.opened, 2)
      assert.strictEqual(a.counts.closed, 2)
      assert.deepStrictEqual(yield* idle, { completed: 1, failed: 0, cancelled: 0 })
    }).pipe(Effect.provide(gateway(a.backend)))
  })

  it.effect("says that no call came, and blames no instance for it", () => {
    const a = scripted("a", TestBackend.say("No."))
    return Effect.gen(function* () {
      const chat = yield* Chat
      const error = yield* Effect.flip(Effect.scoped(chat.open({ ...request, toolset: mustCall })))
      assert.strictEqual(error._tag, "ToolCallNotProduced")
      assert.strictEqual(a.counts.closed, 2)
    }).pipe(Effect.provide(gateway(a.backend)))
  })
})

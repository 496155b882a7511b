import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import type { Backend } from "../../src/chat/Backend.ts"
import { BackendUnavailable } from "../../src/domain/ChatError.ts"
import * as Login from "../../src/domain/Login.ts"
import * as QuickClock from "../support/QuickClock.ts"
import * as TestBackend from "../support/TestBackend.ts"
import { asAgent, gateway, healthOf, idle, whole } from "../support/TestChat.ts"

describe("A chat within its time limits", () => {
  /** An instance of which one step never ends. */
  const hanging = (id: string, step: "ensureReady" | "models" | "chat", more: Partial<Backend> = {}) => {
    const counts = { waiting: 0, asked: 0 }
    const forever = Effect.suspend(() => {
      counts.asked++
      counts.waiting++
      return Effect.ensuring(
        Effect.never,
        Effect.sync(() => counts.waiting--)
      )
    })
    const { backend } = TestBackend.make(undefined, {
      id,
      [step]: step === "chat" ? () => forever : forever,
      ...more
    })
    return { backend, counts }
  }

  for (const step of ["ensureReady", "models", "chat"] as const) {
    it.effect(`ends a chat whose ${step} hangs at the limit for the first token, and what waited there`, () => {
      const { backend, counts } = hanging("a", step)
      return Effect.gen(function* () {
        const waiting = yield* Effect.fork(Effect.flip(whole()))
        yield* QuickClock.adjust(9_900)
        assert.strictEqual(counts.waiting, 1)
        yield* QuickClock.adjust(200)
        assert.deepInclude(yield* Fiber.join(waiting), {
          _tag: "UpstreamTimeout",
          phase: "first_token",
          ...(step === "chat" ? {} : { started: false })
        })
        assert.deepStrictEqual(counts, { waiting: 0, asked: 1 })
        assert.deepStrictEqual(yield* idle, { completed: 0, failed: 1, cancelled: 0 })
      }).pipe(Effect.provide(gateway(backend)))
    })

    it.effect(`asks another instance when the ${step} of the first hangs, with a time limit of its own`, () => {
      const a = hanging("a", step)
      const b = hanging("b", step)
      return Effect.gen(function* () {
        const waiting = yield* Effect.fork(Effect.flip(whole()))
        yield* QuickClock.adjust(10_100)
        assert.strictEqual(a.counts.waiting + b.counts.waiting, 1)
        assert.strictEqual(a.counts.asked + b.counts.asked, 2)
        yield* QuickClock.adjust(9_800)
        assert.strictEqual((yield* Fiber.poll(waiting))._tag, "None")
        yield* QuickClock.adjust(300)
        assert.strictEqual((yield* Fiber.join(waiting))._tag, "UpstreamTimeout")
        assert.strictEqual(a.counts.waiting + b.counts.waiting, 0)
      }).pipe(Effect.provide(gateway(a.backend, b.backend)))
    })

    it.effect(
      `${step === "chat" ? "does not ask" : "asks"} another instance in agent mode when the ${step} hangs`,
      () => {
        const a = hanging("a", step)
        const b = hanging("b", step)
        return Effect.gen(function* () {
          const waiting = yield* Effect.fork(Effect.flip(whole(asAgent)))
          yield* QuickClock.adjust(30_000)
          yield* Fiber.join(waiting)
          assert.strictEqual(a.counts.asked + b.counts.asked, step === "chat" ? 1 : 2)
        }).pipe(Effect.provide(gateway(a.backend, b.backend)))
      }
    )

    it.effect(`lets go of a chat whose ${step} hangs as soon as its client leaves`, () => {
      const { backend, counts } = hanging("a", step)
      return Effect.gen(function* () {
        const waiting = yield* Effect.fork(whole())
        yield* QuickClock.adjust(1_000)
        assert.strictEqual(counts.waiting, 1)
        yield* Fiber.interrupt(waiting)
        assert.strictEqual(counts.waiting, 0)
        assert.deepStrictEqual(yield* idle, { completed: 0, failed: 0, cancelled: 1 })
        assert.strictEqual((yield* healthOf).failures, 0)
      }).pipe(Effect.provide(gateway(backend)))
    })
  }

  it.effect("counts the time to get ready and the time to the first event together", () => {
    const a = TestBackend.make(TestBackend.silent, { id: "a", ensureReady: Effect.sleep("6 seconds") })
    return Effect.gen(function* () {
      const waiting = yield* Effect.fork(Effect.flip(whole()))
      yield* QuickClock.adjust(9_900)
      assert.strictEqual((yield* Fiber.poll(waiting))._tag, "None")
      yield* QuickClock.adjust(200)
      assert.deepInclude(yield* Fiber.join(waiting), { _tag: "UpstreamTimeout", phase: "first_token" })
      assert.strictEqual(a.asks.length, 1)
    }).pipe(Effect.provide(gateway(a.backend)))
  })

  it.effect("gives one time limit to all the instances that turn out not to be there", () => {
    const absent = (id: string) =>
      TestBackend.make(undefined, {
        id,
        ensureReady: Effect.delay(new BackendUnavailable({ instance: id, detail: "" }), "6 seconds")
      }).backend
    return Effect.gen(function* () {
      const waiting = yield* Effect.fork(Effect.flip(whole()))
      yield* QuickClock.adjust(10_100)
      yield* QuickClock.adjust(6_100)
      assert.strictEqual((yield* Fiber.join(waiting))._tag, "BackendUnavailable")
      assert.deepStrictEqual(yield* idle, { completed: 0, failed: 1, cancelled: 0 })
    }).pipe(Effect.provide(gateway(absent("a"), absent("b"), absent("c"))))
  })

  it.effect("says that the account is being signed in when that is what took too long", () => {
    const a = hanging("a", "ensureReady", {
      status: Effect.succeed({
        state: "ready",
        loggedIn: false,
        restarts: 0,
        login: { _tag: "Running", by: "browser" },
        models: [],
        lastError: undefined
      })
    })
    return Effect.gen(function* () {
      const waiting = yield* Effect.fork(Effect.flip(whole()))
      yield* QuickClock.adjust(10_100)
      assert.strictEqual((yield* Fiber.join(waiting))._tag, "LoginInProgress")
      assert.strictEqual((yield* healthOf).failures, 0)
    }).pipe(Effect.provide(gateway(a.backend)))
  })

  it.effect("holds nothing against an instance that did not say that it was ready", () => {
    const a = hanging("a", "ensureReady", {
      status: Effect.succeed({
        state: "starting",
        loggedIn: false,
        restarts: 0,
        login: Login.idle,
        models: [],
        lastError: ""
      })
    })
    return Effect.gen(function* () {
      const waiting = yield* Effect.fork(Effect.flip(whole()))
      yield* QuickClock.adjust(10_100)
      assert.strictEqual((yield* Fiber.join(waiting))._tag, "UpstreamTimeout")
      assert.strictEqual((yield* healthOf).failures, 0)
    }).pipe(Effect.provide(gateway(a.backend)))
  })
})

import { assert, describe, it } from "@effect/vitest"
import { type Duration, Effect, Fiber, Option, Stream } from "effect"
import { type ChatEvent, finish, textDelta } from "../../src/domain/Chat.ts"
import { BackendUnavailable } from "../../src/domain/ChatError.ts"
import * as Login from "../../src/domain/Login.ts"
import type { TextBackend } from "../../src/textonly/TextBackend.ts"
import * as QuickClock from "../support/QuickClock.ts"
import * as TestBackend from "../support/TestBackend.ts"
import { asAgent, gateway, healthOf, idle, open, request, whole } from "../support/TestChat.ts"

describe("A chat within its time limits", () => {
  /** An instance of which one step never ends. */
  const hanging = (id: string, step: "ensureReady" | "models" | "chat", more: Partial<TextBackend> = {}) => {
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

  /** Says these one by one, each after so long. */
  const saying =
    (every: Duration.DurationInput, ...events: ReadonlyArray<ChatEvent>): TestBackend.Script =>
    (turn) =>
      Effect.forkScoped(
        Effect.forEach(
          events,
          (event) =>
            Effect.delay(
              Effect.sync(() => turn.emit(event)),
              every
            ),
          { discard: true }
        )
      )
  const json = { ...request, origin: { ...request.origin, stream: false }, format: { type: "json_object" } } as const

  it.effect("hears the upstream also while its text is withheld", () => {
    const pieces = ["{", '"a"', ":", "1", "}"].map(textDelta)
    const a = TestBackend.make(saying("4 seconds", ...pieces, finish("stop")), { id: "a" })
    return Effect.gen(function* () {
      const waiting = yield* Effect.fork(whole(json))
      yield* QuickClock.adjust("23 seconds")
      assert.isTrue(Option.isNone(yield* Fiber.poll(waiting)))
      yield* QuickClock.adjust("2 seconds")
      assert.strictEqual(yield* Fiber.join(waiting), "a")
    }).pipe(Effect.provide(gateway(a.backend)))
  })

  it.effect("tells of silence after a text that is withheld as such, and not as no answer at all", () => {
    const a = TestBackend.make(saying("4 seconds", textDelta("{")), { id: "a" })
    return Effect.gen(function* () {
      const waiting = yield* Effect.fork(Effect.flip(whole(json)))
      yield* QuickClock.adjust(8_900)
      assert.isTrue(Option.isNone(yield* Fiber.poll(waiting)))
      yield* QuickClock.adjust(300)
      assert.deepInclude(yield* Fiber.join(waiting), { _tag: "UpstreamTimeout", phase: "idle" })
      assert.deepStrictEqual(a.counts, { opened: 1, closed: 1, cancelled: 0 })
    }).pipe(Effect.provide(gateway(a.backend)))
  })

  /** Answers nothing after eight seconds, and the next time by this. */
  const emptyFirst = (script: TestBackend.Script) => {
    let asked = 0
    return TestBackend.make(
      (turn, ask) => Effect.suspend(() => (asked++ === 0 ? saying("8 seconds", finish("stop")) : script)(turn, ask)),
      { id: "a" }
    )
  }

  it.effect("gives a further question a time limit of its own", () => {
    const a = emptyFirst(saying("8 seconds", textDelta("Hi")))
    return Effect.gen(function* () {
      const waiting = yield* Effect.fork(whole())
      yield* QuickClock.adjust("17 seconds")
      assert.strictEqual(yield* Fiber.join(waiting), "a")
    }).pipe(Effect.provide(gateway(a.backend)))
  })

  for (const [how, script] of [
    ["is never taken", () => Effect.never],
    ["is never answered", TestBackend.silent]
  ] satisfies ReadonlyArray<readonly [string, TestBackend.Script]>) {
    it.effect(`ends at the time limit of a further question that ${how}`, () => {
      const a = emptyFirst(script)
      return Effect.gen(function* () {
        const waiting = yield* Effect.fork(Effect.flip(whole()))
        yield* QuickClock.adjust(17_900)
        assert.strictEqual(a.asks.length, 2)
        assert.isTrue(Option.isNone(yield* Fiber.poll(waiting)))
        yield* QuickClock.adjust(300)
        assert.deepInclude(yield* Fiber.join(waiting), { _tag: "UpstreamTimeout", phase: "first_token" })
        assert.strictEqual(a.counts.closed, 2)
      }).pipe(Effect.provide(gateway(a.backend)))
    })
  }

  for (const [what, phase, first, at] of [
    ["no answer", "first_token", [], 10_000],
    ["silence", "idle", [textDelta("a")], 5_000]
  ] as const) {
    it.effect(`are held by the turn of a backend with tools of its own: ${what}`, () => {
      const { backend } = TestBackend.native((turn) => {
        for (const event of first) turn.emit(event)
      })
      return Effect.gen(function* () {
        const failure = yield* Effect.fork(
          Effect.scoped(Effect.flatMap(open(), ({ events }) => Effect.flip(Stream.runDrain(events)))).pipe(Effect.merge)
        )
        yield* QuickClock.adjust(at - 100)
        assert.isTrue(Option.isNone(yield* Fiber.poll(failure)))
        yield* QuickClock.adjust(300)
        assert.deepInclude(yield* Fiber.join(failure), { _tag: "UpstreamTimeout", phase })
      }).pipe(Effect.provide(gateway(backend)))
    })
  }
})

import { assert, describe, it } from "@effect/vitest"
import { type Array as Arr, Deferred, Duration, Effect, Exit, Fiber, Layer, Option, Stream, TestClock } from "effect"
import type { Backend, BackendState } from "../src/Backend.ts"
import { Chat } from "../src/Chat.ts"
import { type ChatRequest, finish, plain, textDelta } from "../src/domain/Chat.ts"
import {
  BackendFailure,
  BackendUnavailable,
  ContextLengthExceeded,
  EmptyAnswer,
  InvalidJsonOutput,
  NotLoggedIn,
  QuotaExhausted,
  ToolCallNotProduced,
  type TurnError,
  UpstreamTimeout
} from "../src/domain/ChatError.ts"
import type { Model } from "../src/domain/Model.ts"
import * as RetryBudget from "../src/domain/RetryBudget.ts"
import { Guard } from "../src/Guard.ts"
import { Metrics } from "../src/Metrics.ts"
import { Pool } from "../src/Pool.ts"
import * as TestBackend from "./support/TestBackend.ts"
import * as TestGateway from "./support/TestGateway.ts"

const request: ChatRequest = {
  ...plain,
  model: "auto",
  messages: [{ role: "user", text: "hi", images: [], toolCalls: [], toolCallId: undefined }],
  affinity: Option.none(),
  origin: { dialect: "chat_completions", stream: true }
}
const asAgent = { ...request, model: "agent" }

const gateway = (...backends: Arr.NonEmptyArray<Backend>) =>
  Chat.layer({
    aliases: [],
    defaultModel: "auto",
    fallback: "none",
    defaultAskMode: "chat",
    firstTokenTimeout: Duration.seconds(10),
    idleTimeout: Duration.seconds(5),
    totalTimeout: Duration.seconds(60)
  }).pipe(
    Layer.provideMerge(
      Layer.merge(Guard.layer({ maxInFlight: 4, queueMax: 4, queueTimeout: "1 second" }), Metrics.layer)
    ),
    Layer.provideMerge(Pool.layer(backends))
  )

const crash = (started: boolean) => new BackendFailure({ instance: "a", started, detail: "crash" })
const scripted = (id: string, script?: TestBackend.Script) => TestBackend.make(script, { id })

const idle = Effect.gen(function* () {
  const { accepted, cancelled, completed, failed, inFlight } = yield* (yield* Guard).stats
  assert.strictEqual(inFlight, 0)
  assert.isTrue((yield* (yield* Pool).snapshot).every((instance) => instance.inFlight === 0))
  assert.strictEqual(accepted, completed + failed + cancelled)
  const { chats, outcomes } = yield* (yield* Metrics).counters
  assert.deepStrictEqual(outcomes, { completed, failed, cancelled, rejected: 0 })
  assert.strictEqual(chats, accepted)
  return { completed, failed, cancelled }
})

const open = (asked = request) => Effect.flatMap(Chat, (chat) => chat.open(asked))
/** Opens, reads to the end, closes. */
const whole = (asked = request) =>
  Effect.scoped(
    Effect.map(open(asked), (run) => {
      run.turn.read({ onEvent: () => {}, onFailure: () => {} })
      return run.servedBy
    })
  )

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

  it.effect("asks another ready instance once when nothing was sent yet", () => {
    const bad = scripted("a", TestBackend.refuse(crash(true)))
    const good = scripted("b")
    return Effect.gen(function* () {
      for (let i = 0; i < 4; i++) assert.strictEqual(yield* whole(), "b")
      assert.deepStrictEqual(yield* idle, { completed: 4, failed: 0, cancelled: 0 })
      assert.isAbove(bad.asks.length, 0)
    }).pipe(Effect.provide(gateway(bad.backend, good.backend)))
  })

  it.effect("gives up after the second instance, and tells the second failure", () => {
    const a = scripted("a", TestBackend.refuse(crash(true)))
    const b = scripted("b", TestBackend.refuse(new QuotaExhausted({ instance: "b" })))
    const c = scripted("c", TestBackend.refuse(crash(true)))
    return Effect.gen(function* () {
      yield* Effect.flip(whole())
      assert.strictEqual(a.asks.length + b.asks.length + c.asks.length, 2)
      assert.deepStrictEqual(yield* idle, { completed: 0, failed: 1, cancelled: 0 })
    }).pipe(Effect.provide(gateway(a.backend, b.backend, c.backend)))
  })

  it.effect("looks at each instance once while none is there, beside the one second try", () => {
    const absent = (id: string) =>
      scripted(id, TestBackend.refuse(new BackendUnavailable({ instance: id, detail: "" })))
    const [a, b] = [absent("a"), absent("b")]
    const c = scripted("c", TestBackend.refuse(crash(true)))
    const d = scripted("d")
    return Effect.gen(function* () {
      for (let i = 0; i < 8; i++) assert.strictEqual(yield* whole(), "d")
      assert.deepStrictEqual(yield* idle, { completed: 8, failed: 0, cancelled: 0 })
      const all = scripted("e", TestBackend.refuse(crash(true)))
      const error = yield* Effect.flip(Effect.provide(whole(), gateway(absent("f").backend, all.backend, c.backend)))
      assert.strictEqual(error._tag, "BackendFailure")
    }).pipe(Effect.provide(gateway(a.backend, b.backend, c.backend, d.backend)))
  })

  it.effect("does not repeat an agent's turn that may have begun", () => {
    const begun = [
      scripted("a", TestBackend.refuse(crash(true))),
      scripted("b", TestBackend.refuse(crash(true)))
    ] as const
    const never = [
      scripted("a", TestBackend.refuse(crash(false))),
      scripted("b", TestBackend.refuse(crash(false)))
    ] as const
    const asks = (pair: typeof begun) => pair[0].asks.length + pair[1].asks.length
    return Effect.gen(function* () {
      yield* Effect.provide(Effect.flip(whole(asAgent)), gateway(begun[0].backend, begun[1].backend))
      assert.strictEqual(asks(begun), 1)
      yield* Effect.provide(Effect.flip(whole(asAgent)), gateway(never[0].backend, never[1].backend))
      assert.strictEqual(asks(never), 2)
    })
  })

  it.effect("does not repeat an agent's turn that ran into the quota or a sign-out half way", () =>
    Effect.forEach(
      [
        [new QuotaExhausted({ instance: "a", started: true }), 1],
        [new NotLoggedIn({ instance: "a", retriable: false, started: true }), 1],
        [new QuotaExhausted({ instance: "a" }), 2],
        [new NotLoggedIn({ instance: "a", retriable: true }), 2]
      ] as const,
      ([error, asked]) => {
        const pair = [scripted("a", TestBackend.refuse(error)), scripted("b", TestBackend.refuse(error))] as const
        return Effect.gen(function* () {
          yield* Effect.flip(whole(asAgent))
          assert.strictEqual(pair[0].asks.length + pair[1].asks.length, asked, error._tag)
        }).pipe(Effect.provide(gateway(pair[0].backend, pair[1].backend)))
      }
    )
  )

  it.effect("does not ask another instance for an agent's turn that says nothing", () => {
    const a = scripted("a", TestBackend.silent)
    const b = scripted("b", TestBackend.silent)
    return Effect.gen(function* () {
      const waiting = yield* Effect.fork(Effect.flip(whole(asAgent)))
      yield* TestClock.adjust("10200 millis")
      const error = yield* Fiber.poll(waiting)
      assert.deepInclude(Option.getOrUndefined(error), { _tag: "Success" })
      assert.strictEqual(a.asks.length + b.asks.length, 1)
      assert.deepStrictEqual(yield* idle, { completed: 0, failed: 1, cancelled: 0 })
    }).pipe(Effect.provide(gateway(a.backend, b.backend)))
  })

  it.effect("asks another instance no more often than the retry budget allows", () => {
    // Says nothing about the instances, which thus stay where they are.
    const signedOut = (id: string) =>
      scripted(id, TestBackend.refuse(new NotLoggedIn({ instance: id, retriable: false })))
    const [a, b] = [signedOut("a"), signedOut("b")]
    return Effect.gen(function* () {
      const budget = RetryBudget.make()
      let allowed = 0
      for (let i = 0; i < 30; i++) {
        budget.request(0)
        if (budget.take(0)) allowed++
        yield* Effect.flip(whole())
        assert.strictEqual(a.asks.length + b.asks.length, i + 1 + allowed)
      }
      assert.isBelow(allowed, 20)
    }).pipe(Effect.provide(gateway(a.backend, b.backend)))
  })

  it.effect("never repeats what has begun to answer", () => {
    const half: TestBackend.Script = (turn) =>
      Effect.sync(() => {
        turn.emit(textDelta("half"))
        turn.fail(crash(true))
      })
    const a = scripted("a", half)
    const b = scripted("b", half)
    return Effect.gen(function* () {
      const run = yield* open()
      assert.strictEqual(run.turn.state(), "failed")
      assert.strictEqual(a.asks.length + b.asks.length, 1)
    }).pipe(Effect.scoped, Effect.zipRight(idle), Effect.provide(gateway(a.backend, b.backend)))
  })

  it.effect("gives up on an instance that says nothing, and on the one asked next", () => {
    const a = scripted("a", TestBackend.silent)
    const b = scripted("b", TestBackend.silent)
    return Effect.gen(function* () {
      const waiting = yield* Effect.fork(Effect.flip(whole()))
      yield* TestClock.adjust("10200 millis")
      assert.strictEqual(a.asks.length + b.asks.length, 2)
      yield* TestClock.adjust("10200 millis")
      const error = yield* Fiber.join(waiting)
      assert.isTrue(error._tag === "UpstreamTimeout" && error.phase === "first_token")
      assert.deepStrictEqual(yield* idle, { completed: 0, failed: 1, cancelled: 0 })
    }).pipe(Effect.provide(gateway(a.backend, b.backend)))
  })

  const healthOf = Effect.map(
    Effect.flatMap(Pool, (pool) => pool.snapshot),
    ([{ failing, health, lastError }]) => ({
      failures: health.failures,
      ejections: health.ejections,
      failing,
      lastError
    })
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
        yield* TestClock.adjust("1 second")
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
          yield* TestClock.adjust("1 second")
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
  const passes = (millis: number) => TestClock.adjust(millis)

  for (const step of ["ensureReady", "models", "chat"] as const) {
    it.effect(`ends a chat whose ${step} hangs at the limit for the first token, and what waited there`, () => {
      const { backend, counts } = hanging("a", step)
      return Effect.gen(function* () {
        const waiting = yield* Effect.fork(Effect.flip(whole()))
        yield* passes(9_900)
        assert.strictEqual(counts.waiting, 1)
        yield* passes(200)
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
        yield* passes(10_100)
        assert.strictEqual(a.counts.waiting + b.counts.waiting, 1)
        assert.strictEqual(a.counts.asked + b.counts.asked, 2)
        yield* passes(9_800)
        assert.strictEqual((yield* Fiber.poll(waiting))._tag, "None")
        yield* passes(300)
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
          yield* passes(30_000)
          yield* Fiber.join(waiting)
          assert.strictEqual(a.counts.asked + b.counts.asked, step === "chat" ? 1 : 2)
        }).pipe(Effect.provide(gateway(a.backend, b.backend)))
      }
    )

    it.effect(`lets go of a chat whose ${step} hangs as soon as its client leaves`, () => {
      const { backend, counts } = hanging("a", step)
      return Effect.gen(function* () {
        const waiting = yield* Effect.fork(whole())
        yield* passes(1_000)
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
      yield* passes(9_900)
      assert.strictEqual((yield* Fiber.poll(waiting))._tag, "None")
      yield* passes(200)
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
      yield* passes(10_100)
      yield* passes(6_100)
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
        login: "running",
        models: [],
        lastError: undefined
      })
    })
    return Effect.gen(function* () {
      const waiting = yield* Effect.fork(Effect.flip(whole()))
      yield* passes(10_100)
      assert.strictEqual((yield* Fiber.join(waiting))._tag, "LoginInProgress")
      assert.strictEqual((yield* healthOf).failures, 0)
    }).pipe(Effect.provide(gateway(a.backend)))
  })

  it.effect("holds nothing against an instance that did not say that it was ready", () => {
    const a = hanging("a", "ensureReady", {
      status: Effect.succeed({
        state: "starting",
        loggedIn: undefined,
        restarts: 0,
        login: "idle",
        models: [],
        lastError: ""
      })
    })
    return Effect.gen(function* () {
      const waiting = yield* Effect.fork(Effect.flip(whole()))
      yield* passes(10_100)
      assert.strictEqual((yield* Fiber.join(waiting))._tag, "UpstreamTimeout")
      assert.strictEqual((yield* healthOf).failures, 0)
    }).pipe(Effect.provide(gateway(a.backend)))
  })

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
        login: "idle",
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
    const tool = { kind: "function", name: "ls", description: undefined, parameters: {}, strict: false } as const
    const a = scripted("a", (turn, { prompt }) =>
      TestBackend.say(
        /\[assistant \w+\] Why\?/.test(prompt) ? "<tool_call><function=ls></function></tool_call>" : "Why?"
      )(turn, { prompt } as never)
    )
    return Effect.gen(function* () {
      const chat = yield* Chat
      const toolset = { tools: [tool], choice: "required", parallel: true } as const
      const events = yield* Effect.scoped(
        Effect.flatMap(chat.open({ ...request, toolset }), (run) => Stream.runCollect(run.events))
      )
      const kinds = Array.from(events, (event) => (event._tag === "ToolCall" ? event.call.name : event._tag))
      assert.deepStrictEqual(kinds, ["ls", "Finish"])
      assert.strictEqual(a.counts.opened, 2)
      assert.strictEqual(a.counts.closed, 2)
      assert.deepStrictEqual(yield* idle, { completed: 1, failed: 0, cancelled: 0 })
    }).pipe(Effect.provide(gateway(a.backend)))
  })

  it.effect("says that no call came, and blames no instance for it", () => {
    const tool = { kind: "function", name: "ls", description: undefined, parameters: {}, strict: false } as const
    const a = scripted("a", TestBackend.say("No."))
    return Effect.gen(function* () {
      const chat = yield* Chat
      const toolset = { tools: [tool], choice: "required", parallel: true } as const
      const error = yield* Effect.flip(Effect.scoped(chat.open({ ...request, toolset })))
      assert.strictEqual(error._tag, "ToolCallNotProduced")
      assert.strictEqual(a.counts.closed, 2)
    }).pipe(Effect.provide(gateway(a.backend)))
  })

  it.effect("refuses pictures for a model that does not see, and asks nothing", () => {
    const a = TestBackend.make(TestBackend.say("I see"), {
      models: Effect.succeed([
        { key: "blind", name: "Blind", scene: "chat", isDefault: false, vision: false },
        { key: "auto", name: "Auto", scene: "chat", isDefault: true, vision: false }
      ])
    })
    return Effect.gen(function* () {
      const chat = yield* Chat
      const shown = { ...request.messages[0], images: [{ mediaType: "image/png", data: "aGk=" }] }
      const ask = (model: string) => Effect.scoped(chat.open({ ...request, model, messages: [shown] }))
      const error = yield* Effect.flip(ask("Blind"))
      assert.isTrue(error._tag === "ImagesNotSupported" && error.model === "blind")
      assert.strictEqual(a.counts.opened, 0)
      yield* ask("auto")
      assert.lengthOf(a.asks[0]?.images ?? [], 1)
    }).pipe(Effect.provide(gateway(a.backend)))
  })

  it.effect("refuses a conversation that is longer than the model takes", () => {
    const a = scripted("a")
    return Effect.gen(function* () {
      const chat = yield* Chat
      const long = { ...request.messages[0], text: "word ".repeat(200_000) }
      const error = yield* Effect.flip(
        Effect.scoped(chat.open({ ...request, model: "org/qwen3 coder", messages: [long] }))
      )
      assert.strictEqual(error._tag, "ContextLengthExceeded")
      assert.isAbove(yield* chat.count({ ...request, messages: [long] }), 131_072)
      assert.strictEqual(a.counts.opened, 0)
    }).pipe(Effect.provide(gateway(a.backend)))
  })

  const model = (key: string, more: Partial<Model> = {}): Model => ({
    key,
    name: key,
    scene: "chat",
    isDefault: false,
    ...more
  })
  const x = model("x")
  const offering = (id: string, offers: ReadonlyArray<Model>, script?: TestBackend.Script) =>
    TestBackend.make(script, { id, offers })
  const keyed = (n: number, name: string) => ({ ...request, model: name, affinity: Option.some(`k${n}`) })
  const tagOf = (asked: ChatRequest) => Effect.map(Effect.flip(whole(asked)), ({ _tag }) => _tag)

  it.effect("reaches the one account that offers a model with each of twelve chats, and lists what all offer", () => {
    const a = offering("a", [x])
    const b = offering("b", [model("y")])
    return Effect.gen(function* () {
      for (let n = 0; n < 12; n++) {
        assert.strictEqual(yield* whole(keyed(n, "x")), "a")
        assert.strictEqual(yield* whole({ ...request, model: "y" }), "b")
      }
      assert.strictEqual(yield* tagOf({ ...request, model: "z" }), "ModelNotFound")
      assert.deepStrictEqual([a.asks.length, b.asks.length], [12, 12])
      const listed = yield* Effect.flatMap(Chat, (chat) => chat.models)
      assert.deepStrictEqual(
        listed.map(({ key }) => key),
        ["x", "y"]
      )
      assert.deepStrictEqual(yield* idle, { completed: 24, failed: 1, cancelled: 0 })
    }).pipe(Effect.provide(gateway(a.backend, b.backend)))
  })

  it.effect("lists what the others offer when an instance goes away meanwhile", () => {
    const gone = new BackendUnavailable({ instance: "b", detail: "" })
    const b = TestBackend.make(undefined, { id: "b", models: Effect.fail(gone) })
    return Effect.gen(function* () {
      const listed = yield* Effect.flatMap(Chat, (chat) => chat.models)
      assert.deepStrictEqual(listed, [x])
    }).pipe(Effect.provide(gateway(offering("a", [x]).backend, b.backend)))
  })

  it.effect(
    "chooses the account whose model sees for pictures, and the one with the longest window for a long text",
    () => {
      const a = offering("a", [model("x", { vision: false, contextLength: 5_000 })])
      const b = offering("b", [model("x", { vision: true, contextLength: 20_000 })])
      const message = request.messages[0]!
      const ask = (n: number, more: Partial<typeof message>): ChatRequest => ({
        ...keyed(n, "x"),
        messages: [{ ...message, ...more }] as const
      })
      return Effect.gen(function* () {
        for (let n = 0; n < 6; n++) {
          assert.strictEqual(yield* whole(ask(n, { images: [{ mediaType: "image/png", data: "aGk=" }] })), "b")
          assert.strictEqual(yield* whole(ask(n, { text: "word ".repeat(8_000) })), "b")
        }
        assert.strictEqual(a.asks.length, 0)
        const tooLong = yield* Effect.flip(whole(ask(0, { text: "word ".repeat(40_000) })))
        assert.deepInclude(tooLong, { _tag: "ContextLengthExceeded", limit: 20_000 })
      }).pipe(Effect.provide(gateway(a.backend, b.backend)))
    }
  )

  const spent = (instance: string, until: number, key?: string) =>
    TestBackend.refuse(new QuotaExhausted({ instance, until, ...(key === undefined ? {} : { model: key }) }))

  it.effect("begins no more than fourteen turns for twelve chats when one of two accounts is spent", () => {
    const a = offering("a", [x], spent("a", 600_000, "x"))
    const b = offering("b", [x])
    return Effect.gen(function* () {
      for (let n = 0; n < 12; n++) assert.strictEqual(yield* whole(keyed(n, "x")), "b")
      assert.strictEqual(a.asks.length, 1)
      assert.strictEqual(b.asks.length, 12)
      assert.isTrue((yield* (yield* Pool).snapshot).every(({ ready }) => ready))
    }).pipe(Effect.provide(gateway(a.backend, b.backend)))
  })

  for (const [early, late] of [
    ["a", "b"],
    ["b", "a"]
  ] as const) {
    it.effect(
      `tells the earliest return when all accounts are spent, here that of ${early}, and asks each once more at first`,
      () => {
        let isBack = false
        const first = offering(early, [x], (turn, ask) =>
          (isBack ? TestBackend.say("hi") : spent(early, 60_000, "x"))(turn, ask)
        )
        const second = offering(late, [x, model("y")], spent(late, 900_000, "x"))
        return Effect.gen(function* () {
          for (let n = 0; n < 5; n++) {
            const error = yield* Effect.flip(whole(keyed(0, "x")))
            assert.deepInclude(error, { _tag: "QuotaExhausted", instance: early, until: 60_000 })
          }
          assert.deepStrictEqual([first.asks.length, second.asks.length], [2, 2])
          isBack = true
          yield* TestClock.adjust("1 minute")
          for (let n = 0; n < 5; n++) assert.strictEqual(yield* whole(keyed(n, "x")), early)
          assert.strictEqual(second.asks.length, 2)
          assert.deepStrictEqual(yield* idle, { completed: 5, failed: 5, cancelled: 0 })
        }).pipe(Effect.provide(gateway(first.backend, second.backend)))
      }
    )
  }

  it.effect(
    "asks a lone account again at once after its quota was used up, as it may have been topped up since",
    () => {
      let isSpent = true
      const a = offering("a", [x, model("y")], (turn, ask) =>
        (isSpent ? spent("a", 86_400_000) : TestBackend.say("hi"))(turn, ask)
      )
      return Effect.gen(function* () {
        assert.strictEqual(yield* tagOf(keyed(0, "x")), "QuotaExhausted")
        isSpent = false
        for (let n = 0; n < 3; n++) assert.strictEqual(yield* whole(keyed(n, "y")), "a")
        isSpent = true
        for (let n = 0; n < 12; n++) assert.strictEqual(yield* tagOf(keyed(n, "x")), "QuotaExhausted")
        assert.strictEqual(a.asks.length, 1 + 3 + 2)
        isSpent = false
        yield* TestClock.adjust("1 second")
        assert.strictEqual(yield* whole(keyed(0, "x")), "a")
      }).pipe(Effect.provide(gateway(a.backend)))
    }
  )

  it.effect("marks a model that runs into its quota half way, and clears it by a chat of it that ends well", () => {
    const a = offering("a", [x], TestBackend.silent)
    return Effect.gen(function* () {
      const running = yield* Effect.fork(Effect.scoped(Effect.zipRight(open(keyed(0, "x")), Effect.never)))
      const good = yield* a.turns.take
      good.emit(textDelta("hi"))
      const second = yield* Effect.fork(whole(keyed(1, "x")))
      ;(yield* a.turns.take).fail(new QuotaExhausted({ instance: "a", model: "x", started: true }))
      assert.strictEqual((yield* Effect.flip(Fiber.join(second)))._tag, "QuotaExhausted")
      const probe = yield* Effect.fork(tagOf(keyed(2, "x")))
      ;(yield* a.turns.take).fail(new QuotaExhausted({ instance: "a", model: "x", started: true }))
      assert.strictEqual(yield* Fiber.join(probe), "QuotaExhausted")
      assert.strictEqual(yield* tagOf(keyed(2, "x")), "QuotaExhausted")
      assert.strictEqual(a.asks.length, 3)
      good.emit(finish("stop"))
      yield* Fiber.interrupt(running)
      const next = yield* Effect.fork(whole(keyed(3, "x")))
      ;(yield* a.turns.take).emit(textDelta("hi"))
      assert.strictEqual(yield* Fiber.join(next), "a")
    }).pipe(Effect.provide(gateway(a.backend)))
  })

  /** Comes up when it is told to, with these models. */
  const starting = (id: string, models: ReadonlyArray<Model>) => {
    const up = Effect.runSync(Deferred.make<void>())
    let status = { ...TestBackend.ready, state: "starting" as BackendState }
    const scripted = TestBackend.make(undefined, {
      id,
      status: Effect.sync(() => status),
      ensureReady: Deferred.await(up),
      models: Effect.succeed(models)
    })
    const come = Effect.suspend(() => {
      status = { ...TestBackend.ready, models }
      return Deferred.succeed(up, undefined)
    })
    return { ...scripted, come }
  }

  it.effect("waits for an instance on its way when no ready one offers the model, and does not when one does", () => {
    const a = offering("a", [x])
    const b = starting("b", [model("y")])
    return Effect.gen(function* () {
      assert.strictEqual(yield* whole({ ...request, model: "x" }), "a")
      const waiting = yield* Effect.fork(whole({ ...request, model: "y" }))
      yield* TestClock.adjust("1 second")
      assert.isTrue(Option.isNone(yield* Fiber.poll(waiting)))
      yield* b.come
      assert.strictEqual(yield* Fiber.join(waiting), "b")
    }).pipe(Effect.provide(gateway(a.backend, b.backend)))
  })

  it.effect("asks the next instance on its way when the first turns out not to offer the model, then tells so", () => {
    const [a, b, c] = [offering("a", [x]), starting("b", [model("y")]), starting("c", [model("z")])]
    return Effect.gen(function* () {
      for (const [name, servedBy] of [
        ["z", "c"],
        ["y", "b"]
      ] as const) {
        const waiting = yield* Effect.fork(whole({ ...request, model: name }))
        yield* TestClock.adjust("1 second")
        yield* b.come
        yield* c.come
        assert.strictEqual(yield* Fiber.join(waiting), servedBy)
      }
      assert.strictEqual(yield* tagOf({ ...request, model: "none" }), "ModelNotFound")
      assert.deepStrictEqual(yield* idle, { completed: 2, failed: 1, cancelled: 0 })
    }).pipe(Effect.provide(gateway(a.backend, b.backend, c.backend)))
  })

  it.effect("goes from one instance on its way to the next for a model that the first does not offer", () => {
    const [b, c] = [starting("b", [model("y")]), starting("c", [model("z")])]
    return Effect.gen(function* () {
      const waiting = yield* Effect.forEach(["y", "y", "z", "z"], (name) =>
        Effect.fork(whole({ ...request, model: name }))
      )
      const none = yield* Effect.fork(tagOf({ ...request, model: "none" }))
      yield* TestClock.adjust("100 millis")
      yield* b.come
      yield* c.come
      assert.deepStrictEqual(yield* Effect.forEach(waiting, Fiber.join), ["b", "b", "c", "c"])
      assert.strictEqual(yield* Fiber.join(none), "ModelNotFound")
      assert.strictEqual(b.asks.length + c.asks.length, 4)
    }).pipe(Effect.provide(gateway(b.backend, c.backend)))
  })

  it.effect("does not ask another instance for what the upstream itself finds too long", () => {
    const tooLong = TestBackend.refuse(new ContextLengthExceeded({ promptTokens: 2, limit: 1 }))
    const [a, b] = [scripted("a", tooLong), scripted("b", tooLong)]
    return Effect.gen(function* () {
      assert.strictEqual(yield* tagOf(request), "ContextLengthExceeded")
      assert.strictEqual(a.asks.length + b.asks.length, 1)
    }).pipe(Effect.provide(gateway(a.backend, b.backend)))
  })

  it.scopedLive("tells clients of each dialect when a spent quota returns, and asks again once at most", () =>
    Effect.gen(function* () {
      const scripted = offering("a", [x], spent("a", Date.now() + 90_000, "x"))
      const gateway = yield* TestGateway.serve(scripted)
      const messages = [{ role: "user", content: "hi" }]
      const told: Array<readonly [number, unknown, unknown]> = []
      for (const [path, body] of [
        ["chat/completions", { messages }],
        ["chat/completions", { messages }],
        ["responses", { input: "hi" }],
        ["messages", { messages, max_tokens: 9 }]
      ] as const) {
        const headers = { "content-type": "application/json" }
        const init = { method: "POST", headers, body: JSON.stringify({ model: "x", ...body }) }
        const answer = yield* gateway.request(`/v1/${path}`, init)
        const seconds = Number(answer.headers.get("retry-after"))
        assert.isTrue(seconds > 60 && seconds <= 90, `${path}: ${seconds} s`)
        told.push([answer.status, answer.json.error?.type, answer.json.error?.code])
      }
      const openai = [429, "insufficient_quota", "insufficient_quota"] as const
      assert.deepStrictEqual(told, [openai, openai, openai, [429, "rate_limit_error", undefined]])
      assert.strictEqual(scripted.asks.length, 2)
    })
  )

  it.scopedLive("says once that DEFAULT_MODEL is none of Lingma's models, and asks another", () =>
    Effect.gen(function* () {
      const scripted = TestBackend.make(TestBackend.say("hi"))
      const gateway = yield* TestGateway.serve(scripted, { defaultModel: "no-such-model" })
      for (let n = 0; n < 3; n++) {
        const { status } = yield* gateway.chat({ model: "auto", messages: [{ role: "user", content: "hi" }] })
        assert.strictEqual(status, 200)
      }
      const told = gateway.lines.filter(({ message }) => message.startsWith("DEFAULT_MODEL"))
      assert.deepStrictEqual(
        told.map(({ annotations, level }) => [level, annotations["defaultModel"]]),
        [["WARN", "no-such-model"]]
      )
    })
  )
})

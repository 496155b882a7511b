import { assert, describe, it } from "@effect/vitest"
import { Effect, Either, Exit, Fiber, Option, Stream } from "effect"
import * as Attempt from "../../src/chat/Attempt.ts"
import type { Backend, Draft } from "../../src/chat/Backend.ts"
import { type ChatRequest, finish, message, request, textDelta, thoughtDelta, usage } from "../../src/domain/Chat.ts"
import { BackendFailure } from "../../src/domain/ChatError.ts"
import * as Turn from "../../src/domain/Turn.ts"
import * as MetricKeys from "../../src/observe/MetricKeys.ts"
import { Metrics } from "../../src/observe/Metrics.ts"
import { TokenCounter } from "../../src/tokens/TokenCounter.ts"
import * as TokenEstimate from "../../src/tokens/TokenEstimate.ts"
import * as Figures from "../support/Figures.ts"
import * as LogLines from "../support/LogLines.ts"
import * as QuickClock from "../support/QuickClock.ts"
import * as TestBackend from "../support/TestBackend.ts"
import { model, mustCall, options, x } from "../support/TestChat.ts"

/** An attempt whose tries begin where nothing was asked yet. */
const make = (more: Partial<Attempt.AttemptOptions> = {}, metrics = Metrics.make) =>
  Effect.map(
    Effect.provideServiceEffect(Attempt.make({ ...options, ...more }), Metrics, metrics),
    ({ begin, deadline, ...rest }) => ({
      ...rest,
      ask: (
        prepared: Attempt.Prepared,
        { backend }: Pick<TestBackend.Scripted, "backend">,
        progress = { started: false }
      ) => begin(prepared, backend, deadline(), progress)
    })
  )
const attempt = make()

const wanting = (model: string) => request({ messages: "List.", model, toolset: mustCall })

const crash = new BackendFailure({ instance: "inst-0", started: true, detail: "crash" })

/** Answers in words where a call must come, and the next time as the script has it. */
const second = (script: TestBackend.Script) => {
  let asked = 0
  return TestBackend.make((turn, ask) =>
    Effect.suspend(() => (asked++ === 0 ? TestBackend.say("Why?") : script)(turn, ask))
  )
}

describe("Attempt", () => {
  it.scoped("asks again for a call that must come, but never in agent mode", () =>
    Effect.gen(function* () {
      const { ask, prepare } = yield* attempt
      for (const [model, asked] of [
        ["auto", 2],
        ["agent", 1]
      ] as const) {
        const scripted = TestBackend.make(TestBackend.say("Why?"))
        const error = yield* Effect.flip(ask(prepare(wanting(model)), scripted))
        assert.strictEqual(error._tag, "ToolCallNotProduced")
        assert.strictEqual(scripted.asks.length, asked, model)
      }
    })
  )

  it.scoped("asks again for an answer that was empty, whatever is asked, but never in agent mode", () =>
    Effect.gen(function* () {
      const { ask, prepare } = yield* attempt
      for (const [model, asked] of [
        ["auto", 2],
        ["agent", 1]
      ] as const) {
        const scripted = TestBackend.make(TestBackend.emit(finish("stop")))
        const error = yield* Effect.flip(ask(prepare(request({ messages: "Hi", model })), scripted))
        assert.strictEqual(error._tag, "EmptyAnswer")
        assert.strictEqual(scripted.asks.length, asked, model)
        assert.deepInclude(scripted.counts, { opened: asked, closed: asked - 1 })
        if (asked > 1) assert.match(scripted.asks[1]!.prompt, /\[user (\w+)\] Hi\n\[user \1\] There was no answer/)
      }
    })
  )

  it.scoped("gives up a second answer that is on its way when its scope closes", () =>
    Effect.gen(function* () {
      const { ask, prepare } = yield* attempt
      let asked = 0
      let isInterrupted = false
      const forever = Effect.onInterrupt(Effect.never, () =>
        Effect.sync(() => {
          isInterrupted = true
        })
      )
      const scripted = TestBackend.make((turn, ask) =>
        Effect.suspend(() => (asked++ === 0 ? TestBackend.emit(finish("stop"))(turn, ask) : forever))
      )
      const prepared = prepare(request({ messages: "Hi" }))
      const waiting = yield* Effect.fork(Effect.scoped(ask(prepared, scripted)))
      yield* QuickClock.adjust("1 second")
      assert.deepStrictEqual(scripted.counts, { opened: 2, closed: 1, cancelled: 0 })
      yield* Fiber.interrupt(waiting)
      assert.deepStrictEqual(scripted.counts, { opened: 2, closed: 2, cancelled: 1 })
      assert.isTrue(isInterrupted)
    })
  )

  it.scoped("tells a second answer as a failure that is interrupted from within", () =>
    Effect.gen(function* () {
      const { ask, prepare } = yield* attempt
      const scripted = second(() => Effect.interrupt)
      const waiting = yield* Effect.fork(Effect.scoped(ask(prepare(wanting("auto")), scripted)))
      yield* QuickClock.adjust("1 second")
      const exit = Option.getOrThrow(yield* Fiber.poll(waiting))
      assert.isTrue(Exit.isFailure(exit) && exit.cause._tag === "Fail" && exit.cause.error._tag === "BackendFailure")
    })
  )

  it.scoped("tells a defect of a second answer as a failure", () =>
    Effect.gen(function* () {
      const { ask, prepare } = yield* attempt
      const scripted = second(() => Effect.die("broken"))
      const waiting = yield* Effect.fork(Effect.scoped(ask(prepare(wanting("auto")), scripted)))
      yield* QuickClock.adjust("1 second")
      const exit = Option.getOrThrow(yield* Fiber.poll(waiting))
      assert.deepStrictEqual(
        exit,
        Exit.fail(new BackendFailure({ instance: "inst-0", started: true, detail: "broken" }))
      )
    })
  )

  for (const [how, script] of [
    ["is refused", TestBackend.refuse(crash)],
    [
      "breaks",
      (turn) =>
        Effect.sync(() => {
          turn.emit(textDelta("Be"))
          turn.fail(crash)
        })
    ]
  ] satisfies ReadonlyArray<readonly [string, TestBackend.Script]>) {
    it.effect(`tells the failure of a second answer that ${how}`, () =>
      Effect.gen(function* () {
        const { ask, prepare } = yield* attempt
        const scripted = second(script)
        const waiting = yield* Effect.fork(Effect.scoped(ask(prepare(wanting("auto")), scripted)))
        yield* QuickClock.adjust("1 second")
        assert.deepStrictEqual(yield* Fiber.poll(waiting), Option.some(Exit.fail(crash)))
        assert.deepStrictEqual(scripted.counts, { opened: 2, closed: 2, cancelled: how === "breaks" ? 0 : 1 })
      }).pipe(Effect.scoped)
    )
  }

  it.scoped("leaves the pictures of earlier turns out of both questions to a model that does not see", () =>
    Effect.gen(function* () {
      const { ask, prepare } = yield* attempt
      const models = [{ key: "blind", name: "Blind", scene: "chat", isDefault: true, vision: false }]
      const scripted = TestBackend.make(TestBackend.say("Why?"), { models: Effect.succeed(models) })
      const shown = message("user", "See.", { images: [{ mediaType: "image/png", data: "aGk=" }] })
      const messages = [shown, message("assistant", "Yes."), message("user", "List.")] as const
      yield* Effect.flip(ask(prepare({ ...wanting("blind"), messages }), scripted))
      const tokens = TokenEstimate.estimate(scripted.asks[0]!.prompt) + 3 * TokenEstimate.PER_MESSAGE
      assert.strictEqual(scripted.asks[0]!.promptTokens, Math.ceil(tokens * 1.05))
      const asked = scripted.asks.map(({ images, prompt }) => [images.length, /\[image 1 \w+: left out,/.test(prompt)])
      assert.deepStrictEqual(asked, [
        [0, true],
        [0, true]
      ])
    })
  )

  it.scoped("says once of each list of models that DEFAULT_MODEL is none of them, and asks another", () => {
    const { layer, lines } = LogLines.listening()
    const asked = request({ messages: "hi", model: "auto" })
    return Effect.gen(function* () {
      const [first, second] = [TestBackend.make(), TestBackend.make(undefined, { offers: [x] })]
      const { ask, prepare } = yield* attempt
      yield* ask(prepare(asked), first)
      assert.lengthOf(lines, 0)
      const other = yield* make({ defaultModel: "gone\n" })
      for (let n = 0; n < 3; n++) assert.strictEqual((yield* other.ask(other.prepare(asked), first)).model, "auto")
      assert.lengthOf(lines, 1)
      assert.strictEqual((yield* other.ask(other.prepare(asked), second)).model, "x")
      assert.deepStrictEqual(
        lines.map(({ annotations, level }) => [level, annotations["defaultModel"]]),
        [
          ["WARN", "gone\uFFFD"],
          ["WARN", "gone\uFFFD"]
        ]
      )
      assert.match(String(lines[0]?.message), /^DEFAULT_MODEL is none of Lingma's models/)
    }).pipe(Effect.provide(layer))
  })

  it.scoped(
    "asks with the pictures and the tokens of the prompt, and teaches calls in XML where nothing else is said",
    () =>
      Effect.gen(function* () {
        const { ask, count, prepare } = yield* attempt
        const picture = { mediaType: "image/png", data: "aGk=" }
        const shown = {
          ...wanting("x"),
          messages: [message("user", "See.", { images: [{ ...picture, at: 0 }] })] as const
        }
        const scripted = TestBackend.make(TestBackend.say("Why?"), { offers: [] })
        const progress = { started: false }
        yield* Effect.flip(ask(prepare(shown), scripted, progress))
        assert.isTrue(progress.started)
        const [first] = scripted.asks
        assert.deepInclude(first, { model: "x", mode: "chat", images: [picture], contextLimit: undefined })
        assert.match(first!.prompt, /<function=/)
        assert.notMatch(first!.prompt, /left out/)
        const tokens = TokenEstimate.estimate(first!.prompt) + TokenEstimate.PER_MESSAGE + TokenEstimate.PER_IMAGE
        assert.strictEqual(count(shown, scripted.backend), tokens)
        assert.strictEqual(first!.promptTokens, Math.ceil(tokens * 1.05))
        const json = yield* make({ toolFormat: "hermes" })
        yield* Effect.flip(json.ask(json.prepare(shown), scripted))
        assert.notMatch(scripted.asks[2]!.prompt, /<function=/)
      })
  )

  it.scoped("takes an estimate for too long some tokens before the limit, and an exact count at the limit", () =>
    Effect.gen(function* () {
      const text = "word ".repeat(400)
      const limit = TokenEstimate.estimate(text.trim()) + TokenEstimate.PER_MESSAGE
      const scripted = TestBackend.make(undefined, { offers: [model("x", { contextLength: limit })] })
      const asked = request({ messages: text.trim(), model: "x" })
      const { ask, prepare } = yield* attempt
      const error = yield* Effect.flip(ask(prepare(asked), scripted))
      assert.deepInclude(error, { _tag: "ContextLengthExceeded", promptTokens: Math.ceil(limit * 1.05), limit })
      const exact = { counter: TokenEstimate.counter, count: TokenEstimate.estimate, isExact: true }
      const sure = yield* Effect.provideService(attempt, TokenCounter, exact)
      assert.strictEqual((yield* sure.ask(sure.prepare(asked), scripted)).promptTokens, limit)
      assert.deepInclude(scripted.asks[0], { promptTokens: limit, contextLimit: limit })
    })
  )

  it.scoped(
    "holds an answer back that is read whole, until it is known to be one, and passes on one that is streamed",
    () =>
      Effect.gen(function* () {
        const { ask, prepare } = yield* attempt
        const seen = (asked: ChatRequest, scripted: TestBackend.Scripted) =>
          Effect.map(ask(prepare(asked), scripted), ({ turn }) => {
            const events: Array<string> = []
            turn.read({ onEvent: ({ _tag }) => events.push(_tag), onFailure: ({ _tag }) => events.push(_tag) })
            return events
          })
        const plain = request({ messages: "hi" })
        const json = { ...plain, format: { type: "json_object" } } as const
        const half = TestBackend.make(TestBackend.emit(textDelta('{"a":'), textDelta("1")))
        const streamed = { ...json, origin: { ...json.origin, stream: true } }
        assert.include(yield* seen(streamed, half), "TextDelta")
        const whole = yield* Effect.fork(seen(json, half))
        yield* QuickClock.adjust("1 second")
        assert.isTrue(Option.isNone(yield* Fiber.poll(whole)))
      })
  )

  it.scoped("tells of a further question in the log and in the metrics, and lets go of the first answer before", () => {
    const { layer, lines } = LogLines.listening()
    return Effect.gen(function* () {
      const metrics = yield* Metrics.make
      const { ask, prepare } = yield* make({}, Effect.succeed(metrics))
      let closed = 0
      const scripted = second((turn, question) => {
        closed = scripted.counts.closed
        return TestBackend.say("<tool_call><function=ls></function></tool_call>")(turn, question)
      })
      yield* ask(prepare(wanting("auto")), scripted)
      assert.strictEqual(closed, 1)
      const retries = Figures.value(MetricKeys.replyRetries, { reason: "no_call" })
      assert.strictEqual(yield* Effect.provideService(retries, Metrics, metrics), 1)
      assert.deepStrictEqual(
        lines.map(({ annotations, level, message }) => [level, message, annotations]),
        [["INFO", "answer asked for again", { reason: "no_call" }]]
      )
    }).pipe(Effect.provide(layer))
  })

  it.scoped("counts what the second answer said, and nothing of the first", () =>
    Effect.gen(function* () {
      const { ask, prepare } = yield* attempt
      let asked = 0
      const scripted = TestBackend.make((turn, question) =>
        asked++ === 0
          ? TestBackend.emit(
              thoughtDelta("a thought of some length"),
              usage({ inputTokens: 7 }),
              finish("stop")
            )(turn, question)
          : TestBackend.say("Hello")(turn, question)
      )
      const { totals, turn } = yield* ask(prepare(request({ messages: "hi" })), scripted)
      const seen = yield* Stream.runCollect(Turn.toStream(turn))
      assert.deepStrictEqual(
        Array.from(seen, ({ _tag }) => _tag),
        ["ThoughtDelta", "Usage", "TextDelta", "Finish"]
      )
      assert.deepInclude(totals(), { input: undefined, output: TokenEstimate.estimate("Hello"), reasoning: 0 })
    })
  )

  it.scoped("has begun with the upstream's first event, although the text of it is withheld", () =>
    Effect.gen(function* () {
      const { ask, prepare } = yield* attempt
      const scripted = TestBackend.make((turn) =>
        Effect.forkScoped(
          Effect.gen(function* () {
            yield* Effect.sleep("1 second")
            turn.emit(textDelta('{"a":'))
            yield* Effect.sleep("3 seconds")
            turn.emit(textDelta("1}"))
            turn.emit(finish("stop"))
          })
        )
      )
      const json = { ...request({ messages: "hi" }), format: { type: "json_object" } } as const
      const running = yield* Effect.fork(ask(prepare(json), scripted))
      yield* QuickClock.adjust("5 seconds")
      assert.strictEqual((yield* running).firstEventAt, 1_000_000_000n)
    })
  )

  it.scoped("makes one draft for all backends that share a way of asking, and one more for each other way", () =>
    Effect.gen(function* () {
      const { count, prepare } = yield* attempt
      const made: Array<string> = []
      const drafting = (name: string, tokens: number) => {
        const draft = (): Draft => {
          made.push(name)
          return { promptTokens: tokens, mostPromptTokens: tokens, withoutImages: draft }
        }
        return draft
      }
      const [mine, other] = [drafting("mine", 11), drafting("other", 12)]
      const at = (id: string, draft: Backend["draft"]) => {
        const { backend } = TestBackend.native(() => {}, { id })
        return draft === undefined ? backend : { ...backend, draft }
      }
      const asked = request({ messages: "hello there", model: "x" })
      const { draft, offers } = prepare(asked)
      const models = [model("x", { contextLength: 11 })]
      const offered = [at("a", mine), at("b", other), at("c", mine), at("d", other), at("e", undefined)].map(
        (backend) => [draft(backend).promptTokens, Either.isRight(offers(models, { backend }))]
      )
      const plain = count(asked, at("e", undefined))
      assert.strictEqual(plain, TokenEstimate.estimate("hello there") + TokenEstimate.PER_MESSAGE)
      assert.deepStrictEqual(offered, [
        [11, true],
        [12, false],
        [11, true],
        [12, false],
        [plain, true]
      ])
      assert.deepStrictEqual(made, ["mine", "other"])
    })
  )

  it.scoped("tells a backend with tools of its own that the model takes no images, and counts none", () =>
    Effect.gen(function* () {
      const { ask, prepare } = yield* attempt
      const offers = [model("blind", { vision: false }), model("seeing", { vision: true })]
      const native = TestBackend.native((turn) => turn.emit(finish("stop")), { models: Effect.succeed(offers) })
      const shown = message("user", "See.", { images: [{ mediaType: "image/png", data: "aGk=" }] })
      const messages = [shown, message("assistant", "Yes."), message("user", "List.")] as const
      const tokensOf = (name: string) =>
        Effect.map(ask(prepare({ ...request({ messages, model: name }) }), native), ({ promptTokens }) => promptTokens)
      const [blind, seeing] = [yield* tokensOf("blind"), yield* tokensOf("seeing")]
      assert.strictEqual(seeing - blind, TokenEstimate.PER_IMAGE)
      assert.deepStrictEqual(
        native.requests.map(({ draft, withoutImages }) => [withoutImages, draft.promptTokens]),
        [
          [true, blind],
          [false, seeing]
        ]
      )
    })
  )

  it.scoped("gives the second answer when the first was none", () =>
    Effect.gen(function* () {
      const { ask, prepare } = yield* attempt
      const call = "<tool_call><function=ls></function></tool_call>"
      const scripted = second(TestBackend.emit(textDelta(call), finish("stop")))
      const { turn } = yield* ask(prepare(wanting("auto")), scripted)
      const seen: Array<string> = []
      turn.read({ onEvent: ({ _tag }) => seen.push(_tag), onFailure: ({ _tag }) => seen.push(_tag) })
      assert.deepStrictEqual(seen, ["ToolCall", "Finish"])
    })
  )
})

import { assert, describe, it } from "@effect/vitest"
import { type Context, Effect, Either, type Exit, Fiber, Layer, Option, Tracer } from "effect"
import { Chat } from "../../src/chat/Chat.ts"
import { Guard } from "../../src/chat/Guard.ts"
import { Pool } from "../../src/chat/Pool.ts"
import { finish, request, textDelta } from "../../src/domain/Chat.ts"
import { BackendFailure } from "../../src/domain/ChatError.ts"
import * as MetricKeys from "../../src/observe/MetricKeys.ts"
import { Metrics } from "../../src/observe/Metrics.ts"
import * as Figures from "../support/Figures.ts"
import * as QuickClock from "../support/QuickClock.ts"
import * as TestBackend from "../support/TestBackend.ts"
import { options } from "../support/TestChat.ts"

/** Records what is set on a span. */
class Told implements Tracer.Span {
  readonly _tag = "Span"
  readonly spanId = crypto.randomUUID()
  readonly traceId = "trace"
  readonly sampled = true
  readonly attributes = new Map<string, unknown>()
  readonly events: Array<readonly [string, bigint]> = []
  readonly links: ReadonlyArray<Tracer.SpanLink> = []
  status: Tracer.SpanStatus
  readonly name: string
  readonly parent: Option.Option<Tracer.AnySpan>
  readonly context: Context.Context<never>
  readonly kind: Tracer.SpanKind
  constructor(
    name: string,
    parent: Option.Option<Tracer.AnySpan>,
    context: Context.Context<never>,
    startTime: bigint,
    kind: Tracer.SpanKind
  ) {
    this.name = name
    this.parent = parent
    this.context = context
    this.kind = kind
    this.status = { _tag: "Started", startTime }
  }
  end(endTime: bigint, exit: Exit.Exit<unknown, unknown>): void {
    this.status = { _tag: "Ended", startTime: this.status.startTime, endTime, exit }
  }
  attribute(key: string, value: unknown): void {
    this.attributes.set(key, value)
  }
  event(name: string, startTime: bigint): void {
    this.events.push([name, startTime])
  }
  addLinks(): void {}
}

const listening = () => {
  const spans: Array<Told> = []
  const tracer = Tracer.make({
    span: (name, parent, context, _links, startTime, kind) => {
      const span = new Told(name, parent, context, startTime, kind)
      spans.push(span)
      return span
    },
    context: (run) => run()
  })
  return { spans, layer: Layer.setTracer(tracer) }
}

const gateway = (scripted: TestBackend.Scripted, captureContent = false) =>
  Chat.layer({ ...options, captureContent }).pipe(
    Layer.provideMerge(Guard.layer({ maxInFlight: 1, queueMax: 1, queueTimeout: "10 seconds" })),
    Layer.provideMerge(Metrics.layer),
    Layer.provideMerge(Pool.layer([scripted.backend]))
  )

const hello = request({ messages: "hi" })
const asked = {
  "gen_ai.operation.name": "chat",
  "gen_ai.provider.name": "lingma",
  "gen_ai.request.model": "auto",
  "lingma.dialect": "embedded",
  "lingma.stream": false
}

/** Opens a chat and reads it to its end. */
const whole = Effect.scoped(
  Effect.flatMap(Chat, (chat) =>
    Effect.flatMap(chat.open(hello), ({ tokens, turn }) =>
      Effect.async<ReturnType<typeof tokens>>((resume) =>
        turn.read({
          onEvent: ({ _tag }) => _tag === "Finish" && resume(Effect.sync(tokens)),
          onFailure: () => resume(Effect.sync(tokens))
        })
      )
    )
  )
)

const sums = Effect.all([
  Figures.recorded(MetricKeys.queueWait),
  Figures.recorded(MetricKeys.firstToken, { dialect: "embedded" }),
  Figures.recorded(MetricKeys.duration, { dialect: "embedded", outcome: "completed" }),
  Figures.recorded(MetricKeys.tokenGap)
])

const seconds = (n: number) => BigInt(n) * 1_000_000_000n

describe("The span and the metrics of a chat", () => {
  it.effect("record its queue wait, first token, pieces and end at the times they happened", () => {
    const scripted = TestBackend.make(TestBackend.silent)
    const { layer, spans } = listening()
    return Effect.gen(function* () {
      const guard = yield* Guard
      // With a clock at 0, a time measured from 0 would look right.
      yield* QuickClock.adjust("100 seconds")
      const held = yield* Effect.fork(Effect.scoped(Effect.zipRight(guard.slot(), Effect.sleep("3 seconds"))))
      yield* Effect.yieldNow()
      const chat = yield* Effect.fork(whole)
      yield* QuickClock.adjust("3 seconds")
      yield* Fiber.join(held)
      const turn = yield* scripted.turns.take
      yield* QuickClock.adjust("2 seconds")
      turn.emit(textDelta("Hel"))
      yield* QuickClock.adjust("1 second")
      turn.emit(textDelta("lo"))
      yield* QuickClock.adjust("3 seconds")
      turn.emit(finish("stop"))
      const { completion, prompt } = yield* Fiber.join(chat)

      // Four seconds between three events, the end being one.
      assert.deepStrictEqual(yield* sums, [
        [1, 3],
        [1, 5],
        [1, 9],
        [1, 2]
      ])
      const [span] = spans
      assert.deepStrictEqual(
        spans.map(({ name, parent }) => [name, Option.getOrUndefined(parent)?.spanId]),
        [
          ["chat", undefined],
          ["queue", span?.spanId],
          ["lease", span?.spanId]
        ]
      )
      assert.deepStrictEqual(Object.fromEntries(span?.attributes ?? []), {
        ...asked,
        "lingma.outcome": "completed",
        "lingma.key": "anonymous",
        "lingma.client": "none",
        "gen_ai.response.model": "auto",
        "gen_ai.usage.input_tokens": prompt,
        "gen_ai.usage.output_tokens": completion,
        "lingma.instance": "inst-0",
        "lingma.ask_mode": "chat"
      })
      assert.isAbove(completion, 0)
      assert.deepStrictEqual(span?.events, [["gen_ai.first_token", seconds(105)]])
      assert.deepInclude(span?.status, { _tag: "Ended", startTime: seconds(100), endTime: seconds(109) })
      assert.deepInclude(spans[1]?.status, { _tag: "Ended", startTime: seconds(100), endTime: seconds(103) })
    }).pipe(Effect.provide(Layer.merge(gateway(scripted), layer)))
  })

  it.effect("record a failure: before the first token without an answer, after it with one", () => {
    const crash = new BackendFailure({ instance: "inst-0", started: true, detail: "secret" })
    const half: TestBackend.Script = (turn) =>
      Effect.sync(() => {
        turn.emit(textDelta("Hel"))
        turn.fail(crash)
      })
    const who = { "lingma.key": "anonymous", "lingma.client": "none" }
    const failed = { ...asked, ...who, "lingma.outcome": "failed", "error.type": "failed" }
    const told = (script: TestBackend.Script) => {
      const { layer, spans } = listening()
      return Effect.map(
        Effect.provide(Effect.either(whole), Layer.merge(gateway(TestBackend.make(script)), layer)),
        (result) => ({
          failed: Either.isLeft(result),
          span: spans.find(({ name }) => name === "chat"),
          attributes: Object.fromEntries(spans.find(({ name }) => name === "chat")?.attributes ?? [])
        })
      )
    }
    return Effect.gen(function* () {
      const early = yield* told(TestBackend.refuse(crash))
      assert.deepStrictEqual([early.failed, early.attributes], [true, failed])
      assert.isFalse(early.span?.events.some(([name]) => name === "gen_ai.first_token"))
      const late = yield* told(half)
      assert.deepInclude(late.attributes, { ...failed, "lingma.instance": "inst-0", "lingma.ask_mode": "chat" })
      assert.strictEqual(late.span?.events[0]?.[0], "gen_ai.first_token")
      assert.notInclude(JSON.stringify([early.attributes, late.attributes]), "secret")
    })
  })

  it.effect("name the provider of the instance that was asked, and none before one was", () => {
    const scripted = TestBackend.make(TestBackend.silent, { provider: "Another" })
    const { layer, spans } = listening()
    const providers = () =>
      spans.filter(({ name }) => name === "chat").map(({ attributes }) => attributes.get("gen_ai.provider.name"))
    return Effect.gen(function* () {
      const first = yield* Effect.fork(whole)
      yield* scripted.turns.take
      const queued = yield* Effect.fork(whole)
      yield* Effect.yieldNow()
      yield* Fiber.interrupt(queued)
      yield* Fiber.interrupt(first)
      assert.deepStrictEqual(providers(), ["another", undefined])
    }).pipe(Effect.provide(Layer.merge(gateway(scripted), layer)))
  })

  it.effect("record a client that left as cancelled, and one without a slot as rejected", () => {
    const scripted = TestBackend.make(TestBackend.silent)
    const { layer, spans } = listening()
    return Effect.gen(function* () {
      const first = yield* Effect.fork(whole)
      yield* scripted.turns.take
      const second = yield* Effect.fork(whole)
      yield* Effect.yieldNow()
      yield* QuickClock.adjust("1 second")
      yield* Effect.flip(whole)
      yield* Fiber.interrupt(second)
      yield* Fiber.interrupt(first)
      const outcomes = spans
        .filter(({ name }) => name === "chat")
        .map(({ attributes }) => [attributes.get("lingma.outcome"), attributes.get("error.type")])
      assert.deepStrictEqual(outcomes, [
        ["cancelled", undefined],
        ["cancelled", undefined],
        ["rejected", "rejected"]
      ])
    }).pipe(Effect.provide(Layer.merge(gateway(scripted), layer)))
  })

  it.effect("hold prompt and answer only if capturing content is enabled", () => {
    const told = (captureContent: boolean) => {
      const { layer, spans } = listening()
      return Effect.as(
        Effect.provide(
          whole,
          Layer.merge(gateway(TestBackend.make(TestBackend.say("Hel", "lo")), captureContent), layer)
        ),
        () => {
          const { attributes } = spans.find(({ name }) => name === "chat")!
          return [attributes.get("gen_ai.input.messages"), attributes.get("gen_ai.output.messages")]
        }
      ).pipe(Effect.map((read) => read()))
    }
    return Effect.gen(function* () {
      assert.deepStrictEqual(yield* told(false), [undefined, undefined])
      const [input, output] = yield* told(true)
      assert.deepStrictEqual(JSON.parse(String(input)), [{ role: "user", parts: [{ type: "text", content: "hi" }] }])
      assert.deepStrictEqual(JSON.parse(String(output)), [
        { role: "assistant", parts: [{ type: "text", content: "Hello" }], finish_reason: "stop" }
      ])
    })
  })

  it.effect("do not change the chat while tracing is off, when there is no span", () => {
    const { layer, spans } = listening()
    return Effect.gen(function* () {
      assert.isAbove((yield* whole).completion, 0)
      assert.lengthOf(spans, 0)
    }).pipe(Effect.provide(Layer.merge(gateway(TestBackend.make(), true), layer)), Effect.withTracerEnabled(false))
  })
})

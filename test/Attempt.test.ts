import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Exit, Fiber, Option, TestClock } from "effect"
import * as Attempt from "../src/Attempt.ts"
import { finish, message, request, textDelta } from "../src/domain/Chat.ts"
import { BackendFailure } from "../src/domain/ChatError.ts"
import * as TestBackend from "./support/TestBackend.ts"

const attempt = Attempt.make({
  aliases: [],
  defaultModel: "auto",
  fallback: "none",
  defaultAskMode: "chat",
  firstTokenTimeout: Duration.seconds(10),
  idleTimeout: Duration.seconds(5),
  totalTimeout: Duration.seconds(60)
})

const ls = { kind: "function", name: "ls", description: undefined, parameters: {}, strict: false } as const
/** A call must come. */
const wanting = (model: string) =>
  request({ messages: "List.", model, toolset: { tools: [ls], choice: "required", parallel: true } })

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
      const { begin, deadline, prepare } = yield* attempt
      for (const [model, asked] of [
        ["auto", 2],
        ["agent", 1]
      ] as const) {
        const scripted = TestBackend.make(TestBackend.say("Why?"))
        const error = yield* Effect.flip(begin(prepare(wanting(model)), scripted.backend, deadline()))
        assert.strictEqual(error._tag, "ToolCallNotProduced")
        assert.strictEqual(scripted.asks.length, asked, model)
      }
    })
  )

  it.scoped("asks again for an answer that was empty, whatever is asked, but never in agent mode", () =>
    Effect.gen(function* () {
      const { begin, deadline, prepare } = yield* attempt
      for (const [model, asked] of [
        ["auto", 2],
        ["agent", 1]
      ] as const) {
        const scripted = TestBackend.make(TestBackend.emit(finish("stop")))
        const error = yield* Effect.flip(
          begin(prepare(request({ messages: "Hi", model })), scripted.backend, deadline())
        )
        assert.strictEqual(error._tag, "EmptyAnswer")
        assert.strictEqual(scripted.asks.length, asked, model)
        assert.deepInclude(scripted.counts, { opened: asked, closed: asked - 1 })
        if (asked > 1) assert.match(scripted.asks[1]!.prompt, /\[user (\w+)\] Hi\n\[user \1\] There was no answer/)
      }
    })
  )

  it.scoped("gives up a second answer that is on its way when its scope closes", () =>
    Effect.gen(function* () {
      const { begin, deadline, prepare } = yield* attempt
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
      const waiting = yield* Effect.fork(Effect.scoped(begin(prepared, scripted.backend, deadline())))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(scripted.counts, { opened: 2, closed: 1, cancelled: 0 })
      yield* Fiber.interrupt(waiting)
      assert.deepStrictEqual(scripted.counts, { opened: 2, closed: 2, cancelled: 1 })
      assert.isTrue(isInterrupted)
    })
  )

  it.scoped("tells a defect of a second answer as a failure", () =>
    Effect.gen(function* () {
      const { begin, deadline, prepare } = yield* attempt
      const scripted = second(() => Effect.die("broken"))
      const waiting = yield* Effect.fork(Effect.scoped(begin(prepare(wanting("auto")), scripted.backend, deadline())))
      yield* TestClock.adjust("1 second")
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
        const { begin, deadline, prepare } = yield* attempt
        const scripted = second(script)
        const waiting = yield* Effect.fork(Effect.scoped(begin(prepare(wanting("auto")), scripted.backend, deadline())))
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual(yield* Fiber.poll(waiting), Option.some(Exit.fail(crash)))
        assert.deepStrictEqual(scripted.counts, { opened: 2, closed: 2, cancelled: how === "breaks" ? 0 : 1 })
      }).pipe(Effect.scoped)
    )
  }

  it.scoped("leaves the pictures of earlier turns out of both questions to a model that does not see", () =>
    Effect.gen(function* () {
      const { begin, deadline, prepare } = yield* attempt
      const models = [{ key: "blind", name: "Blind", scene: "chat", isDefault: true, vision: false }]
      const scripted = TestBackend.make(TestBackend.say("Why?"), { models: Effect.succeed(models) })
      const shown = message("user", "See.", { images: [{ mediaType: "image/png", data: "aGk=" }] })
      const messages = [shown, message("assistant", "Yes."), message("user", "List.")] as const
      yield* Effect.flip(begin(prepare({ ...wanting("blind"), messages }), scripted.backend, deadline()))
      const asked = scripted.asks.map(({ images, prompt }) => [images.length, /\[image 1 \w+: left out,/.test(prompt)])
      assert.deepStrictEqual(asked, [
        [0, true],
        [0, true]
      ])
    })
  )

  it.scoped("gives the second answer when the first was none", () =>
    Effect.gen(function* () {
      const { begin, deadline, prepare } = yield* attempt
      const call = "<tool_call><function=ls></function></tool_call>"
      const scripted = second(TestBackend.emit(textDelta(call), finish("stop")))
      const { reply } = yield* begin(prepare(wanting("auto")), scripted.backend, deadline())
      const seen: Array<string> = []
      reply.turn.read({ onEvent: ({ _tag }) => seen.push(_tag), onFailure: ({ _tag }) => seen.push(_tag) })
      assert.deepStrictEqual(seen, ["ToolCall", "Finish"])
    })
  )
})

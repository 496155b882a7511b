import { assert, describe, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Option } from "effect"
import * as Attempt from "../src/Attempt.ts"
import { finish, message, request, textDelta } from "../src/domain/Chat.ts"
import { BackendFailure } from "../src/domain/ChatError.ts"
import * as LogLines from "./support/LogLines.ts"
import * as QuickClock from "./support/QuickClock.ts"
import * as TestBackend from "./support/TestBackend.ts"
import { mustCall, options, x } from "./support/TestChat.ts"

const attempt = Attempt.make(options)

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
        yield* QuickClock.adjust("1 second")
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

  it.scoped("says once of each list of models that DEFAULT_MODEL is none of them, and asks another", () => {
    const { layer, lines } = LogLines.listening()
    return Effect.gen(function* () {
      const { begin, deadline, prepare } = yield* Attempt.make({ ...options, defaultModel: "gone\n" })
      const ask = (scripted: TestBackend.Scripted) =>
        Effect.scoped(begin(prepare(request({ messages: "hi", model: "auto" })), scripted.backend, deadline()))
      const [first, second] = [TestBackend.make(), TestBackend.make(undefined, { offers: [x] })]
      for (let n = 0; n < 3; n++) assert.strictEqual((yield* ask(first)).model, "auto")
      assert.lengthOf(lines, 1)
      assert.strictEqual((yield* ask(second)).model, "x")
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

/**
 * Small ways of Lingma's on the wire, as clients of each dialect see them: resuming, pushes of old turns, pushes that
 * name no turn, long silence, a handshake without a name, and a session that is never created.
 */
import { assert, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import * as Dialects from "./dialects.ts"
import { control, eventually, lingmas, type Program, settled, start, told } from "./support.ts"

class Gateway extends Context.Tag("test/Gateway")<Gateway, Program>() {}

const options = { timeout: "60 seconds", excludeTestServices: true } as const
const spoken = "[[emu interval=0 tokens=6"
const text = "t0 t1 t2 t3 t4 t5 "

const ends: Readonly<Record<Dialects.Dialect["name"], string>> = {
  "chat completions": "stop",
  responses: "completed",
  messages: "end_turn",
  completions: "stop"
}

const each = Effect.fnUntraced(function* (program: Program, prompt: string, expected = text) {
  for (const dialect of Dialects.all) {
    for (const stream of [false, true]) {
      const { outcome, status } = yield* Dialects.ask(program, dialect, prompt, { stream })
      const where = `${dialect.name}, ${stream ? "streamed" : "whole"}`
      assert.strictEqual(status, 200, where)
      assert.deepStrictEqual([outcome?.text, outcome?.end], [expected, ends[dialect.name]], where)
    }
  }
  yield* settled(program)
})

layer(Layer.scoped(Gateway, start()), options)("an answer by session/*", (it) => {
  it.effect("goes on where Lingma asks to resume it, in each dialect", () =>
    Effect.gen(function* () {
      const program = yield* Gateway
      yield* each(program, `${spoken} fault=resume@3]]`)
    })
  )

  it.effect("holds nothing of an old turn's chunks that are sent again, in each dialect", () =>
    Effect.gen(function* () {
      const program = yield* Gateway
      yield* each(program, `${spoken} fault=replay]]`)
    })
  )

  it.effect("is whole where its chunks name no request, in each dialect", () =>
    Effect.gen(function* () {
      const program = yield* Gateway
      yield* each(program, `${spoken} fault=no_request_id]]`)
    })
  )

  it.effect("waits for an upstream that is silent at first, in each dialect", () =>
    Effect.gen(function* () {
      const program = yield* Gateway
      yield* each(program, `${spoken} first=1500]]`)
    })
  )

  it.effect("that refuses every other permission ends all the same, in each dialect", () =>
    Effect.gen(function* () {
      const program = yield* Gateway
      yield* each(program, `${spoken} fault=permission@2]]`)
    })
  )
})

layer(Layer.scoped(Gateway, start({ LINGMA_EMULATOR_HANDSHAKE: "acp" })), options)(
  "a handshake that names no server",
  (it) => {
    it.effect("is one, in each dialect", () => Effect.flatMap(Gateway, (program) => each(program, `${spoken}]]`)))
  }
)

const two = Effect.tap(start({ LINGMA_INSTANCE_COUNT: "2", GATEWAY_FIRST_TOKEN_TIMEOUT_SEC: "2" }), (program) =>
  eventually(() => program.stdout().split('"state":"ready"').length > 2 || undefined, "two ready")
)
layer(Layer.scoped(Gateway, two), options)("a session that is never created", (it) => {
  it.effect("is given up in time, and the chat is answered by the other instance, in each dialect", () =>
    Effect.gen(function* () {
      const program = yield* Gateway
      const [first, second] = lingmas(program)
      yield* control(first!, "fault", { fault: "hang_new" })
      for (const dialect of Dialects.all) {
        const { outcome, status } = yield* Dialects.ask(program, dialect, `${spoken}]]`)
        assert.deepStrictEqual([status, outcome?.text], [200, text], dialect.name)
      }
      assert.isAtLeast((yield* told(second!)).prompts ?? 0, 3)
    })
  )
})

import { assert, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import { chat, content, eventually, inFlight, json, lingma, type Program, start, stats, text } from "./support.ts"

class Gateway extends Context.Tag("test/Gateway")<Gateway, Program>() {}

/** The first one also covers the wait for a process that comes back after a crash. */
const deadlines = { GATEWAY_FIRST_TOKEN_TIMEOUT_SEC: "4", GATEWAY_IDLE_TIMEOUT_SEC: "1", LINGMA_RPC_TIMEOUT: "2" }
const emu = (keys: string) => `[[emu interval=0 tokens=6 ${keys}]]`
const six = "t0 t1 t2 t3 t4 t5 "

/** Nothing is held anywhere, and the next chat works. */
const restored = (program: Program) =>
  Effect.gen(function* () {
    const next = yield* chat(program, emu(""))
    assert.strictEqual((yield* json(next)).choices?.[0]?.message.content, six)
    const held = Effect.gen(function* () {
      const { sessions, turnsRunning } = yield* stats(program)
      return { slots: yield* inFlight(program), sessions, turnsRunning }
    })
    yield* Effect.delay(held, "20 millis").pipe(
      Effect.repeat({ times: 100, until: ({ sessions, slots, turnsRunning }) => sessions + slots + turnsRunning === 0 })
    )
    assert.deepStrictEqual(yield* held, { slots: 0, sessions: 0, turnsRunning: 0 })
  })

/** Before its first token a fault is a status; after it, one error event and no [DONE]. */
const failing = [
  ["reject_prompt", 502],
  ["never_answer", 504],
  ["finish_error=500@0", 502],
  // A moment's throttle; what is used up is not asked for again.
  ['finish_error=429@0 reason="Too many requests"', 429],
  ["stall@0", 504],
  ["drop_socket@0", 502],
  ["malformed_json@0", 502],
  ["crash@0", 502]
] as const
const breaking = [
  "finish_error=500@3",
  "stall@3",
  "no_finish",
  "drop_socket@3",
  "malformed_json@3",
  "malformed_header@3",
  "crash@3"
] as const
const harmless = ["stale_updates", "wrong_id", "duplicate_finish", "late_chunk"] as const

interface Tests {
  readonly effect: (name: string, test: () => Effect.Effect<void, unknown, Gateway>) => void
}

const suite = (it: Tests) => {
  const program = Gateway
  for (const [fault, status] of failing) {
    it.effect(`${fault} is answered ${status}`, () =>
      Effect.gen(function* () {
        const gateway = yield* program
        for (const stream of [false, true]) {
          const response = yield* chat(gateway, emu(`fault=${fault}`), { stream })
          assert.strictEqual(response.status, status, JSON.stringify({ stream }))
          assert.isString((yield* json(response)).error?.message)
        }
        yield* restored(gateway)
      })
    )
  }

  for (const fault of breaking) {
    it.effect(`${fault} is told in the stream`, () =>
      Effect.gen(function* () {
        const gateway = yield* program
        const response = yield* chat(gateway, emu(`fault=${fault}`), { stream: true })
        assert.strictEqual(response.status, 200)
        const body = yield* text(response)
        assert.strictEqual(body.split('"error":{').length, 2)
        assert.notInclude(body, "[DONE]")
        assert.isTrue(six.startsWith(content(body)))
        yield* restored(gateway)
      })
    )
  }

  for (const fault of harmless) {
    it.effect(`${fault} is not noticed`, () =>
      Effect.gen(function* () {
        const gateway = yield* program
        const body = yield* Effect.flatMap(chat(gateway, emu(`fault=${fault}`), { stream: true }), text)
        assert.strictEqual(content(body), six)
        assert.strictEqual(body.split("[DONE]").length, 2)
        yield* restored(gateway)
      })
    )
  }

  it.effect("a process killed in mid-stream costs one error event, and the next chat works", () =>
    Effect.gen(function* () {
      const gateway = yield* program
      const response = yield* chat(gateway, "[[emu tokens=200 interval=20]]", { stream: true })
      process.kill(lingma(gateway), "SIGKILL")
      const body = yield* text(response)
      assert.strictEqual(body.split('"error":{').length, 2)
      assert.notInclude(body, "[DONE]")
      yield* eventually(() => gateway.stdout().includes("ended with SIGKILL") || undefined, "a reason in the log")
      yield* restored(gateway)
    })
  )

  it.effect("thoughts stay apart from text, in any cut of frames", () =>
    Effect.gen(function* () {
      const gateway = yield* program
      for (const how of ["", "frame_bytes=7", "frame_join=5", "fault=unicode_split@2"]) {
        const prompt = `[[emu interval=0 text="你好 👍 done" thoughts="hm 思考" ${how}]]`
        const body = yield* Effect.flatMap(chat(gateway, prompt, { stream: true }), text)
        assert.match(content(body), /^你好 👍 d\S*o\S*n\S*e$/, how)
        assert.notInclude(content(body), "\uFFFD")
        assert.strictEqual(content(body, "reasoning_content"), "hm 思考", how)
      }
      yield* restored(gateway)
    })
  )
}

const options = { timeout: "60 seconds", excludeTestServices: true } as const
layer(Layer.scoped(Gateway, start(deadlines)), options)("by session/*", (it) => suite(it as Tests))
layer(Layer.scoped(Gateway, start({ ...deadlines, LINGMA_EMULATOR_DIALECT: "ask" })), options)("by chat/ask", (it) =>
  suite(it as Tests)
)

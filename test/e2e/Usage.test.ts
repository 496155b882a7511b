/**
 * The figures of an answer: Lingma's own where it gives them, the last of the turn, else estimates, and marked as such.
 */
import { assert, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import * as Dialects from "./dialects.ts"
import { type Program, start } from "./support.ts"

class Gateway extends Context.Tag("test/Gateway")<Gateway, Program>() {}

interface Tests {
  readonly effect: (name: string, test: () => Effect.Effect<void, unknown, Gateway>) => void
}

const isOlder = ({ name }: Dialects.Dialect) => name === "chat completions" || name === "completions"

const asked = (program: Program, dialect: Dialects.Dialect, prompt: string, stream: boolean) =>
  Effect.map(
    Dialects.ask(program, dialect, prompt, {
      stream,
      ...(stream && isOlder(dialect) ? { stream_options: { include_usage: true } } : {})
    }),
    ({ outcome }) => {
      const { usage = {} } = outcome ?? {}
      const older = isOlder(dialect)
      return {
        input: usage[older ? "prompt_tokens" : "input_tokens"],
        output: usage[older ? "completion_tokens" : "output_tokens"],
        source: outcome?.source
      }
    }
  )

const suite = (it: Tests) => {
  for (const stream of [false, true]) {
    const how = stream ? "a stream" : "a whole answer"
    it.effect(`are Lingma's own at the end of ${how}, in each dialect`, () =>
      Effect.gen(function* () {
        const program = yield* Gateway
        const prompt = "[[emu interval=0 tokens=6 usage=2 input=1234 output=56]]"
        for (const dialect of Dialects.all) {
          const figures = yield* asked(program, dialect, prompt, stream)
          assert.deepStrictEqual(figures, { input: 1234, output: 56, source: "reported" }, dialect.name)
        }
      })
    )
    it.effect(`are estimates at the end of ${how} where Lingma gives none, in each dialect`, () =>
      Effect.gen(function* () {
        const program = yield* Gateway
        for (const dialect of Dialects.all) {
          const { input, output, source } = yield* asked(program, dialect, "[[emu interval=0 tokens=6]]", stream)
          assert.strictEqual(source, "estimated", dialect.name)
          assert.isAtLeast(Number(input), 5)
          assert.approximately(Number(output), 12, 8)
        }
      })
    )
  }
}

const options = { timeout: "60 seconds", excludeTestServices: true } as const
layer(Layer.scoped(Gateway, start()), options)("figures by session/*", (it) => suite(it as Tests))
layer(Layer.scoped(Gateway, start({ LINGMA_EMULATOR_DIALECT: "ask" })), options)("figures by chat/ask", (it) =>
  suite(it as Tests)
)

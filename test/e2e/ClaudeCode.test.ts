import { readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import * as Agents from "./agents.ts"
import { control, lingmas, type Program, settled, start } from "./support.ts"

/** `npm install --prefix node_modules/.cache/agents @anthropic-ai/claude-code@2.1.332` puts it where it is found. */
const claude = Agents.find("claude")

class Gateway extends Context.Tag("test/Gateway")<Gateway, Program>() {}

const KEY = "sk-claude-code-000000"

/** As in docs/clients.md, without second tries. No model is named: its own names lead to the default one. */
const run = (program: Program, desk: Agents.Desk, args: ReadonlyArray<string>, key = KEY) =>
  Agents.run(desk, claude ?? "claude", ["-p", ...args], {
    ...Agents.exported("Claude Code", program.base, key),
    CLAUDE_CODE_MAX_RETRIES: "0",
    DISABLE_AUTOUPDATER: "1"
  })

/** The second goes out while it is written. */
const forms = [
  {
    form: "JSON",
    write: (file_path: string, content: string) => JSON.stringify({ name: "Write", arguments: { file_path, content } })
  },
  {
    form: "XML",
    write: (file: string, content: string) =>
      `<function=Write>\n<parameter=file_path>\n${file}\n</parameter>\n<parameter=content>\n${content}\n</parameter>\n</function>`
  }
]

const options = { timeout: "60 seconds", excludeTestServices: true } as const

if (claude === undefined) {
  describe("Claude Code", () => {
    it("WAS NOT RUN: claude is neither on the PATH nor in node_modules/.cache/agents", () => {
      assert.isUndefined(claude)
    })
  })
} else {
  layer(Layer.scoped(Gateway, start()), options)(`Claude Code (${claude})`, (it) => {
    it.scoped(
      "answers, and goes on in the same session",
      () =>
        Effect.gen(function* () {
          const program = yield* Gateway
          const desk = yield* Agents.desk
          yield* Agents.script(program)
          for (const text of ["pong 🏓, says the gateway", "the second pong"])
            yield* control(lingmas(program)[0]!, "script", { text, thoughts: "I wonder.", interval: 0, turns: 1 })
          const first = yield* run(program, desk, ["Reply with pong"])
          assert.deepStrictEqual([first.code, first.out.trim()], [0, "pong 🏓, says the gateway"])
          const second = yield* run(program, desk, ["--continue", "And again"])
          assert.deepStrictEqual([second.code, second.out.trim()], [0, "the second pong"])
          const prompt = yield* Agents.lastPrompt(program)
          for (const text of ["Reply with pong", "pong 🏓, says the gateway", "And again"]) assert.include(prompt, text)
          assert.notInclude(prompt, "I wonder.")
          yield* settled(program)
        }),
      120_000
    )

    for (const { form, write } of forms) {
      it.scoped(
        `writes a file by its own tool, from a call in ${form}, and is told what came of it`,
        () =>
          Effect.gen(function* () {
            const program = yield* Gateway
            const desk = yield* Agents.desk
            const file = join(desk.work, "greeting.txt")
            const text = 'hello from the gateway\n</tool_call> "quoted" 你好\n'
            yield* Agents.script(
              program,
              `I write it.\n<tool_call>\n${write(file, text)}\n</tool_call>`,
              "It is written."
            )
            const { code, out } = yield* run(program, desk, ["--allowedTools", "Write", "--", "Write a greeting"])
            assert.strictEqual(code, 0, out)
            assert.strictEqual(out.trim(), "It is written.")
            assert.strictEqual(readFileSync(file, "utf8"), text)
            const prompt = yield* Agents.lastPrompt(program)
            assert.include(prompt, "<tool_response")
            assert.include(prompt, "I write it.")
            yield* settled(program)
          }),
        120_000
      )
    }

    it.scoped(
      "says so when an answer breaks",
      () =>
        Effect.gen(function* () {
          const program = yield* Gateway
          yield* Agents.script(program)
          yield* control(lingmas(program)[0]!, "script", { tokens: 20, interval: 0, fault: "finish_error=500@9" })
          const { code, out } = yield* run(program, yield* Agents.desk, ["Reply with pong"])
          assert.notStrictEqual(code, 0, out)
          assert.include(out, "upstream lingma error")
          yield* Agents.script(program)
          yield* settled(program)
        }),
      120_000
    )

    it.scoped(
      "says what is wrong with a wrong key",
      () =>
        Effect.gen(function* () {
          const program = yield* start({ API_KEYS: KEY })
          const desk = yield* Agents.desk
          const wrong = yield* run(program, desk, ["Reply with pong"], "sk-wrong-key-00000000")
          assert.notStrictEqual(wrong.code, 0)
          assert.match(wrong.out, /login|API key|authenti/i)
          yield* Agents.script(program, "pong")
          const right = yield* run(program, desk, ["Reply with pong"])
          assert.deepStrictEqual([right.code, right.out.trim()], [0, "pong"])
        }),
      120_000
    )
  })
}

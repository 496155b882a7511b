import { readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import * as Spoken from "../support/Spoken.ts"
import * as Agents from "./agents.ts"
import * as Echo from "./echo.ts"
import { control, eventually, lingmas, type Program, settled, start } from "./support.ts"

/** `npm install --prefix node_modules/.cache/agents @openai/codex@0.169.0` puts it where it is found. */
const codex = Agents.find("codex")

/** As in docs/clients.md, without second tries and other networks. */
const config = (base: string) => `
check_for_update_on_startup = false
${Agents.documented("Codex", "toml", base)}
request_max_retries = 0
stream_max_retries = 0
[analytics]
enabled = false
[features]
plugins = false
apps = false
`

const desk = (program: Program) =>
  Effect.tap(Agents.desk, ({ home }) =>
    Effect.sync(() => Agents.put(join(home, ".codex", "config.toml"), config(program.base)))
  )

const run = (desk: Agents.Desk, args: ReadonlyArray<string>, key = "any-key") =>
  Agents.run(desk, codex ?? "codex", ["exec", ...args], {
    CODEX_HOME: join(desk.home, ".codex"),
    ...Agents.exported("Codex", "", key)
  })

const free = ["--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox"]

class Gateway extends Context.Tag("test/Gateway")<Gateway, Program>() {}

const options = { timeout: "60 seconds", excludeTestServices: true } as const

if (codex === undefined) {
  describe("Codex", () => {
    it("WAS NOT RUN: codex is neither on the PATH nor in node_modules/.cache/agents", () => {
      assert.isUndefined(codex)
    })
  })
} else {
  layer(Layer.scoped(Gateway, start()), options)(`Codex (${codex})`, (it) => {
    it.scoped(
      "answers, and goes on in the same session",
      () =>
        Effect.gen(function* () {
          const program = yield* Gateway
          const place = yield* desk(program)
          yield* Agents.script(program, "pong 🏓, says the gateway", "the second pong")
          const first = yield* run(place, [...free, "Reply with pong"])
          assert.strictEqual(first.code, 0, first.out)
          assert.include(first.out, "pong 🏓, says the gateway")
          const second = yield* run(place, ["resume", "--last", ...free, "And again"])
          assert.strictEqual(second.code, 0, second.out)
          assert.include(second.out, "the second pong")
          const prompt = yield* Agents.lastPrompt(program)
          for (const text of ["Reply with pong", "pong 🏓, says the gateway", "And again"]) assert.include(prompt, text)
          yield* settled(program)
        }),
      120_000
    )

    it.scoped(
      "runs by the one command of the README",
      () =>
        Effect.gen(function* () {
          const program = yield* Gateway
          const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8")
          const [, options = ""] = /^LINGMA_API_KEY=any-key codex (-c .*?)^```/ms.exec(readme) ?? []
          const line = `${codex} exec --skip-git-repo-check ${options.trim()} "Reply with pong"`
          yield* Agents.script(program, "pong by one command")
          const { code, out } = yield* Agents.run(
            yield* Agents.desk,
            "/bin/sh",
            ["-c", line.replace("http://127.0.0.1:8370", program.base)],
            Agents.exported("Codex", "")
          )
          assert.strictEqual(code, 0, out)
          assert.include(out, "pong by one command")
        }),
      120_000
    )

    it.scoped(
      "keeps to one WebSocket over the steps of a session, where its provider has one",
      () =>
        Effect.gen(function* () {
          const program = yield* Gateway
          const place = yield* desk(program)
          const provider = 'wire_api = "responses"\n'
          const file = join(place.home, ".codex", "config.toml")
          Agents.put(file, config(program.base).replace(provider, `${provider}supports_websockets = true\n`))
          const step = (name: string) =>
            `<tool_call>\n<function=exec_command>\n<parameter=cmd>\necho ${name} > ${name}.txt\n</parameter>\n</function>\n</tool_call>`
          yield* Agents.script(program, step("one"), step("two"), step("three"), "All three are there.")
          const before = program.stdout().length
          const { code, out } = yield* run(place, [...free, "Write three files"])
          assert.strictEqual(code, 0, out)
          assert.include(out, "All three are there.")
          assert.strictEqual(readFileSync(join(place.work, "three.txt"), "utf8"), "three\n")
          const prompt = yield* Agents.lastPrompt(program)
          for (const text of ["Write three files", "one.txt", "two.txt", "three.txt"]) assert.include(prompt, text)
          yield* settled(program)
          const lines = () => program.stdout().slice(before)
          yield* eventually(() => lines().includes('"method":"GET"') || undefined, "the end of the connection")
          // One connection, and over it: a warm-up, three calls, the answer.
          assert.lengthOf([...lines().matchAll(/"status":101/g)], 1)
          assert.lengthOf([...lines().matchAll(/"method":"POST"/g)], 5)
        }),
      120_000
    )

    it.scoped(
      "writes a file by its own tool, and is told what came of it",
      () =>
        Effect.gen(function* () {
          const program = yield* Gateway
          const place = yield* desk(program)
          const command = `printf '%s\\n' 'a < b && "c"' > note.txt && echo written`
          yield* Agents.script(
            program,
            `I write it.\n<tool_call>\n<function=exec_command>\n<parameter=cmd>\n${command}\n</parameter>\n</function>\n</tool_call>`,
            "note.txt is there."
          )
          const { code, out } = yield* run(place, [...free, "Write note.txt"])
          assert.strictEqual(code, 0, out)
          assert.include(out, "note.txt is there.")
          assert.strictEqual(readFileSync(join(place.work, "note.txt"), "utf8"), 'a < b && "c"\n')
          const prompt = yield* Agents.lastPrompt(program)
          for (const text of ["I write it.", "<tool_response", "written"]) assert.include(prompt, text)
          yield* settled(program)
        }),
      120_000
    )

    it.scoped(
      "knows its own tools that live in a namespace",
      () =>
        Effect.gen(function* () {
          const program = yield* Gateway
          const place = yield* desk(program)
          yield* Agents.script(
            program,
            "<tool_call>\n<function=close_agent>\n<parameter=target>nobody</parameter>\n</function>\n</tool_call>",
            "There is no such agent."
          )
          const { code, out } = yield* run(place, [...free, "Close the agent nobody"])
          assert.strictEqual(code, 0, out)
          assert.include(out, "There is no such agent.")
          const prompt = yield* Agents.lastPrompt(program)
          assert.include(prompt, "<tool_response")
          assert.include(prompt, "invalid agent id nobody")
          yield* settled(program)
        }),
      120_000
    )

    it.scoped(
      "says that an answer broke",
      () =>
        Effect.gen(function* () {
          const program = yield* Gateway
          const place = yield* desk(program)
          yield* Agents.script(program)
          yield* control(lingmas(program)[0]!, "script", {
            tokens: 8,
            interval: 0,
            fault: "finish_error=500@4",
            turns: 1
          })
          const { code, out } = yield* run(place, [...free, "Reply with pong"])
          assert.notStrictEqual(code, 0)
          assert.include(out, "upstream lingma error")
          yield* settled(program)
        }),
      120_000
    )
  })

  layer(Layer.scoped(Gateway, start({ API_KEYS: "sk-right-and-long-enough" })), options)("Codex with a key", (it) => {
    it.scoped(
      "is let in by the right one, and says so when it is wrong",
      () =>
        Effect.gen(function* () {
          const program = yield* Gateway
          const place = yield* desk(program)
          yield* Agents.script(program, "pong")
          const right = yield* run(place, [...free, "Reply with pong"], "sk-right-and-long-enough")
          assert.strictEqual(right.code, 0, right.out)
          const wrong = yield* run(place, [...free, "Reply with pong"], "sk-wrong")
          assert.notStrictEqual(wrong.code, 0)
          assert.include(wrong.out, "401")
          assert.include(wrong.out, "Incorrect API key provided.")
        }),
      120_000
    )
  })

  describe(`Codex (${codex}) with a model that copies what it is shown`, () => {
    it.scopedLive(
      "edits a git config and a Java file, and every other byte stays",
      () =>
        Effect.gen(function* () {
          const command = (cmd: string) => Spoken.call("exec_command", { cmd })
          const gateway = yield* Echo.serve({
            read: ({ name }) => command(`cat ${name}`),
            write: (edit, shown) => {
              const [before, old, after] = Echo.around(edit, shown.split("\n"))
              const hunk = `@@\n ${before}\n-${old}\n+${old.replace(edit.find, edit.replace)}\n ${after}`
              const patch = `*** Begin Patch\n*** Update File: ${edit.name}\n${hunk}\n*** End Patch`
              return command(`apply_patch <<'EOF'\n${patch}\nEOF`)
            }
          })
          Agents.put(join(gateway.desk.home, ".codex", "config.toml"), config(gateway.base))
          const { code, out } = yield* run(gateway.desk, [...free, "Edit both files"])
          assert.strictEqual(code, 0, out)
          assert.include(out, "Both are edited.", gateway.prompts().join("\n---\n"))
          assert.deepStrictEqual(gateway.onDisk(), Echo.edits.map(Echo.edited))
        }),
      120_000
    )
  })
}

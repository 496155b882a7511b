/**
 * Further agents, run with what docs/clients.md says, wherever they are in node_modules/.cache/agents; CI installs two.
 */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it, layer } from "@effect/vitest"
import { Context, Effect, Layer, Schedule } from "effect"
import * as Spoken from "../support/Spoken.ts"
import * as Agents from "./agents.ts"
import { control, lingmas, type Program, start, stats } from "./support.ts"

interface Agent {
  /** A heading of docs/clients.md. */
  readonly name: string
  readonly command: string
  /** The language and the place of its settings. */
  readonly file?: readonly ["json" | "yaml", string]
  /** A command that sets it up. */
  readonly setUp?: (base: string, key: string) => ReadonlyArray<string>
  readonly ask: (prompt: string) => ReadonlyArray<string>
  /** In the same session; not every one can without a terminal. */
  readonly goOn?: (prompt: string) => ReadonlyArray<string>
  readonly write: (file: string, text: string) => string
  /** Keeps it off other networks. */
  readonly quiet?: Readonly<Record<string, string>>
}

const agents: ReadonlyArray<Agent> = [
  {
    name: "opencode",
    command: "opencode",
    file: ["json", ".config/opencode/opencode.json"],
    ask: (prompt) => ["run", prompt],
    goOn: (prompt) => ["run", "--continue", prompt],
    write: (filePath, content) => Spoken.call("write", { filePath, content }),
    quiet: { npm_config_offline: "true", npm_config_fetch_retries: "0" }
  },
  {
    name: "Qwen Code",
    command: "qwen",
    file: ["json", ".qwen/settings.json"],
    ask: (prompt) => ["-p", prompt],
    goOn: (prompt) => ["--yolo", "--continue", "-p", prompt],
    write: (file_path, content) => Spoken.call("write_file", { file_path, content })
  },
  {
    name: "Continue",
    command: "cn",
    file: ["yaml", ".continue/config.yaml"],
    ask: (prompt) => ["--config", "../home/.continue/config.yaml", "-p", prompt],
    goOn: (prompt) => ["--config", "../home/.continue/config.yaml", "--auto", "--resume", "-p", prompt],
    write: (filepath, content) => Spoken.call("Write", { filepath, content }),
    quiet: { CONTINUE_CLI_AUTO_UPDATED: "1" }
  },
  {
    name: "Cline",
    command: "cline",
    setUp: (base, key) => {
      const [line = ""] = Agents.documented("Cline", "sh", base, key).split("\n")
      return line.split(" ").slice(1)
    },
    ask: (prompt) => ["--json", prompt],
    write: (file, text) => Spoken.jsonCall("run_commands", { commands: [`printf '%s' '${text}' > ${file}`] }),
    quiet: { CLINE_NO_AUTO_UPDATE: "1" }
  }
]

class Gateway extends Context.Tag("test/OtherGateway")<Gateway, Program>() {}

const options = { timeout: "60 seconds", excludeTestServices: true } as const

const CONTENT = 'if (a < b && c) { "two" }\n  你好'

/** One gateway for all: to start it costs more than most of what is looked at. */
const KEY = "sk-right-and-long-enough"

for (const { command, name } of agents.filter(({ command }) => Agents.find(command, [Agents.cached]) === undefined)) {
  describe(name, () => {
    it(`WAS NOT RUN: ${command} is not in node_modules/.cache/agents`, () => {
      assert.isUndefined(Agents.find(command, [Agents.cached]))
    })
  })
}

const seated = (agent: Agent, command: string, { base }: Program, key: string) =>
  Effect.gen(function* () {
    const desk = yield* Agents.desk
    const env = agent.file === undefined ? {} : Agents.exported(agent.name, base, key)
    const run = (args: ReadonlyArray<string>) => Agents.run(desk, command, args, { ...env, ...agent.quiet })
    if (agent.file !== undefined) {
      const [language, place] = agent.file
      Agents.put(join(desk.home, place), Agents.documented(agent.name, language, base, key))
    }
    if (agent.setUp !== undefined) assert.strictEqual((yield* run(agent.setUp(base, key))).code, 0)
    return { run, file: join(desk.work, "note.txt") }
  })

const installed = agents.flatMap((agent) => {
  const command = Agents.find(agent.command, [Agents.cached])
  return command === undefined ? [] : [{ agent, command }]
})

if (installed.length > 0) {
  layer(Layer.scoped(Gateway, start({ API_KEYS: KEY })), options)("a gateway with a key", (it) => {
    for (const { agent, command } of installed) {
      it.scoped(
        `has ${agent.name} answered; it writes a file by its own tool, and is told what came of it`,
        () =>
          Effect.gen(function* () {
            const program = yield* Gateway
            const { file, run } = yield* seated(agent, command, program, KEY)
            yield* Agents.script(program)
            yield* control(lingmas(program)[0]!, "script", { text: "pong 🏓, says the gateway", interval: 0 })
            const first = yield* run(agent.ask("Reply with pong"))
            assert.strictEqual(first.code, 0, first.out)
            assert.include(first.out, "pong 🏓, says the gateway")
            yield* Agents.script(program, `I write it.\n${agent.write(file, CONTENT)}`, "It is written.")
            const second = yield* run((agent.goOn ?? agent.ask)("Write note.txt"))
            assert.strictEqual(second.code, 0, second.out)
            assert.include(second.out, "It is written.")
            assert.strictEqual(readFileSync(file, "utf8").trimEnd(), CONTENT)
            const prompt = yield* Agents.lastPrompt(program)
            const earlier = agent.goOn === undefined ? [] : ["Reply with pong", "pong 🏓, says the gateway"]
            for (const text of ["I write it.", "<tool_response", ...earlier]) assert.include(prompt, text)
            yield* Effect.repeat(stats(program), {
              until: ({ sessions, turnsRunning }) => sessions === 0 && turnsRunning === 0,
              schedule: Schedule.spaced("50 millis")
            }).pipe(Effect.timeout("10 seconds"))
          }),
        180_000
      )

      it.scoped(
        `has ${agent.name} say so when its key is wrong`,
        () =>
          Effect.gen(function* () {
            const { run } = yield* seated(agent, command, yield* Gateway, "sk-wrong")
            const { code, out } = yield* run(agent.ask("Reply with pong"))
            assert.notStrictEqual(code, 0, out)
            assert.include(out, "Incorrect API key provided.")
          }),
        120_000
      )
    }
  })
}

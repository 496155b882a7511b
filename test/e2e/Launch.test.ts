/**
 * `launch` with the real clients: they answer by the gateway and use their tools, whatever the user has set, and leave the
 * home as it was, also when they are killed.
 */
import { readFileSync } from "node:fs"
import { createServer } from "node:net"
import { delimiter, join } from "node:path"
import { assert, it, layer } from "@effect/vitest"
import { Context, Effect, Layer, Schedule } from "effect"
import * as Spoken from "../support/Spoken.ts"
import * as Agents from "./agents.ts"
import { bin, control, lingmas, type Program, settled, start, stats } from "./support.ts"

const HOSTILE = "http://127.0.0.1:9"

interface Client {
  readonly name: "claude" | "codex" | "opencode" | "qwen" | "pi"
  /** What makes it do as it is told, with its tools, and end. */
  readonly ask: (prompt: string) => ReadonlyArray<string>
  /** The call that has it write a file. */
  readonly write: (file: string, content: string) => string
  /** Settings of the user's that lead elsewhere: in the home, in the project, in the environment. */
  readonly home: Readonly<Record<string, string>>
  readonly project?: Readonly<Record<string, string>>
  readonly env: Readonly<Record<string, string>>
}

const claudeSettings = JSON.stringify({
  apiKeyHelper: "echo sk-of-the-user",
  model: "opus",
  env: { ANTHROPIC_BASE_URL: HOSTILE, ANTHROPIC_AUTH_TOKEN: "sk-of-the-user", CLAUDE_CODE_USE_BEDROCK: "1" }
})
const elsewhere = { OPENAI_BASE_URL: HOSTILE, OPENAI_API_KEY: "sk-of-the-user", OPENAI_MODEL: "gpt-5" }

const clients: ReadonlyArray<Client> = [
  {
    name: "claude",
    ask: (prompt) => ["-p", "--allowedTools", "Write", "--", prompt],
    write: (file_path, content) => Spoken.call("Write", { file_path, content }),
    home: { ".claude/settings.json": claudeSettings, ".claude.json": "{}" },
    project: { ".claude/settings.json": claudeSettings },
    env: {
      ANTHROPIC_BASE_URL: HOSTILE,
      ANTHROPIC_API_KEY: "sk-of-the-user",
      CLAUDE_CODE_USE_VERTEX: "1",
      CLAUDE_CODE_MAX_RETRIES: "0"
    }
  },
  {
    name: "codex",
    ask: (prompt) => ["exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", prompt],
    write: (file, content) => Spoken.call("exec_command", { cmd: `printf %s '${content}' > ${file}` }),
    home: { ".codex/config.toml": `model = "gpt-5"\nopenai_base_url = "${HOSTILE}/v1"\n` },
    env: { ...elsewhere, CODEX_API_KEY: "sk-of-the-user" }
  },
  {
    name: "opencode",
    ask: (prompt) => ["run", "--title", "a note", prompt],
    write: (filePath, content) => Spoken.call("write", { filePath, content }),
    home: { ".config/opencode/opencode.json": JSON.stringify({ model: "openai/gpt-5" }) },
    project: { "opencode.json": JSON.stringify({ model: "openai/gpt-5" }) },
    env: { ...elsewhere, npm_config_offline: "true", npm_config_fetch_retries: "0" }
  },
  {
    name: "qwen",
    ask: (prompt) => ["--yolo", "-p", prompt],
    write: (file_path, content) => Spoken.call("write_file", { file_path, content }),
    home: {
      ".qwen/settings.json": JSON.stringify({ security: { auth: { selectedType: "qwen-oauth" } } }),
      ".qwen/.env": `OPENAI_BASE_URL=${HOSTILE}\n`
    },
    env: elsewhere
  },
  {
    name: "pi",
    ask: (prompt) => ["-p", prompt],
    write: (path, content) => Spoken.call("write", { path, content }),
    home: { ".pi/agent/settings.json": JSON.stringify({ defaultProvider: "openai", defaultModel: "gpt-5" }) },
    env: { ...elsewhere, PI_OFFLINE: "1" }
  }
]

const put = (dir: string, files: Readonly<Record<string, string>> = {}) => {
  for (const [name, text] of Object.entries(files)) Agents.put(join(dir, name), text)
}

const PATH = [process.env["PATH"], Agents.cached].join(delimiter)

const seated = (client: Client) =>
  Effect.map(
    Effect.tap(Agents.desk, ({ home, work }) =>
      Effect.sync(() => {
        put(home, client.home)
        put(work, client.project)
      })
    ),
    (desk) => ({ ...desk, state: join(desk.tmp, "state"), before: Agents.stateOf(desk.home) })
  )

const environment = (client: Client, state: string, port: string) => ({
  ...client.env,
  PATH,
  GATEWAY_PORT: port,
  LINGMA_WORK_DIR: state,
  LINGMA_STARTUP_TIMEOUT: "60"
})

const launched = (
  desk: Agents.Desk & { readonly state: string },
  client: Client,
  port: string,
  prompt = "Write note.txt"
) =>
  Agents.run(
    desk,
    process.execPath,
    [bin, "launch", client.name, "--", ...client.ask(prompt)],
    environment(client, desk.state, port)
  )

/** Those that an end test may drive: `node_modules/.cache/agents`, or the PATH. */
const installed = clients.filter(({ name }) => Agents.find(name) !== undefined)

for (const { name } of clients.filter((one) => !installed.includes(one)))
  it(`WAS NOT RUN: ${name} is neither on the PATH nor in node_modules/.cache/agents`, () => {
    assert.isUndefined(Agents.find(name))
  })

class Gateway extends Context.Tag("test/LaunchGateway")<Gateway, Program>() {}

const CONTENT = "pong 🏓, says the gateway"

if (installed.length > 0) {
  layer(Layer.scoped(Gateway, start()), { timeout: "60 seconds", excludeTestServices: true })(
    "launch, of a gateway that runs,",
    (it) => {
      for (const client of installed) {
        it.scoped(
          `has ${client.name} answered and its tool called, against the user's settings, and leaves the home as it was`,
          () =>
            Effect.gen(function* () {
              const program = yield* Gateway
              const desk = yield* seated(client)
              const file = join(desk.work, "note.txt")
              yield* Agents.script(program, `I write it.\n${client.write(file, CONTENT)}`, "It is written.")
              const { code, out } = yield* launched(desk, client, new URL(program.base).port)
              assert.strictEqual(code, 0, out)
              assert.include(out, "It is written.")
              assert.include(out, `${client.name} is answered by Auto (auto)`)
              assert.strictEqual(readFileSync(file, "utf8").trimEnd(), CONTENT)
              assert.deepStrictEqual(Agents.stateOf(desk.home), desk.before)
            }),
          180_000
        )

        it.scoped(
          `leaves the home as it was when it is killed with ${client.name} in the middle of an answer`,
          () =>
            Effect.gen(function* () {
              const program = yield* Gateway
              const desk = yield* seated(client)
              yield* Agents.script(program)
              yield* control(lingmas(program)[0]!, "script", { text: "It goes on and on.", interval: 30_000 })
              const isAnswered = Effect.repeat(stats(program), {
                until: ({ turnsRunning }) => turnsRunning > 0,
                schedule: Schedule.spaced("50 millis")
              })
              const [{ code, out }] = yield* Effect.all(
                [launched(desk, client, new URL(program.base).port), Effect.zipRight(isAnswered, Agents.killAll(desk))],
                { concurrency: 2 }
              )
              assert.notStrictEqual(code, 0, `it ended by itself: ${out}`)
              yield* Agents.killAll(desk)
              assert.deepStrictEqual(Agents.stateOf(desk.home), desk.before)
              yield* settled(program)
            }),
          180_000
        )
      }
    }
  )
}

const [first] = installed
if (first !== undefined) {
  it.scopedLive(
    `launch starts a gateway where none runs, which ends with the client (${first.name})`,
    () =>
      Effect.gen(function* () {
        const desk = yield* seated(first)
        const port = yield* freePort
        const { code, out } = yield* launched(desk, first, String(port))
        assert.strictEqual(code, 0, out)
        assert.include(out, "built-in stand-in for Lingma")
        assert.deepStrictEqual(Agents.stateOf(desk.home), desk.before)
        assert.isTrue(yield* isSilent(port))
      }),
    180_000
  )
}

const freePort = Effect.promise(async () => {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === "object" && address !== null ? address.port : 0
})

const isSilent = (port: number) =>
  Effect.promise(() =>
    fetch(`http://127.0.0.1:${port}/healthz`).then(
      () => false,
      () => true
    )
  )

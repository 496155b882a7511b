/**
 * `launch` with the real clients: they answer by the gateway, whatever the user has set, and leave the home as it was.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { createHash } from "node:crypto"
import { chmodSync, lstatSync, mkdirSync, readdirSync, readFileSync } from "node:fs"
import { createServer } from "node:net"
import { delimiter, join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Agents from "./agents.ts"
import { bin, control, eventually, lingmas, type Program, start } from "./support.ts"

const HOSTILE = "http://127.0.0.1:9"

interface Client {
  readonly name: "claude" | "codex" | "opencode" | "qwen" | "pi"
  /** What makes it answer once and end. */
  readonly ask: ReadonlyArray<string>
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
    ask: ["-p", "Reply with pong"],
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
    ask: ["exec", "--skip-git-repo-check", "Reply with pong"],
    home: { ".codex/config.toml": `model = "gpt-5"\nopenai_base_url = "${HOSTILE}/v1"\n` },
    env: { ...elsewhere, CODEX_API_KEY: "sk-of-the-user" }
  },
  {
    name: "opencode",
    ask: ["run", "--title", "pong", "Reply with pong"],
    home: { ".config/opencode/opencode.json": JSON.stringify({ model: "openai/gpt-5" }) },
    project: { "opencode.json": JSON.stringify({ model: "openai/gpt-5" }) },
    env: { ...elsewhere, npm_config_offline: "true", npm_config_fetch_retries: "0" }
  },
  {
    name: "qwen",
    ask: ["-p", "Reply with pong"],
    home: {
      ".qwen/settings.json": JSON.stringify({ security: { auth: { selectedType: "qwen-oauth" } } }),
      ".qwen/.env": `OPENAI_BASE_URL=${HOSTILE}\n`
    },
    env: elsewhere
  },
  {
    name: "pi",
    ask: ["-p", "Reply with pong"],
    home: { ".pi/agent/settings.json": JSON.stringify({ defaultProvider: "openai", defaultModel: "gpt-5" }) },
    env: { ...elsewhere, PI_OFFLINE: "1" }
  }
]

/** Every file of a home with its content, mode and time. */
const stateOf = (home: string): ReadonlyArray<string> =>
  readdirSync(home, { recursive: true, encoding: "utf8" })
    .sort()
    .map((name) => {
      const path = join(home, name)
      const stats = lstatSync(path)
      const content = stats.isFile() ? createHash("sha256").update(readFileSync(path)).digest("hex") : ""
      return `${name} ${stats.mode.toString(8)} ${stats.mtimeMs} ${content}`
    })

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
    (desk) => ({ ...desk, state: join(desk.tmp, "state"), before: stateOf(desk.home) })
  )

const environment = (client: Client, state: string, port: string) => ({
  ...client.env,
  PATH,
  GATEWAY_PORT: port,
  LINGMA_WORK_DIR: state,
  LINGMA_STARTUP_TIMEOUT: "60"
})

const launched = (desk: Agents.Desk & { readonly state: string }, client: Client, port: string) =>
  Agents.run(
    desk,
    process.execPath,
    [bin, "launch", client.name, "--", ...client.ask],
    environment(client, desk.state, port)
  )

/** Those that an end test may drive: `node_modules/.cache/agents`, or the PATH. */
const installed = clients.filter(({ name }) => Agents.find(name) !== undefined)

describe("launch", () => {
  for (const { name } of clients.filter((one) => !installed.includes(one)))
    it(`WAS NOT RUN: ${name} is neither on the PATH nor in node_modules/.cache/agents`, () => {
      assert.isUndefined(Agents.find(name))
    })

  for (const client of installed) {
    it.scopedLive(
      `has ${client.name} answered by a gateway that runs, against the user's settings, and leaves the home as it was`,
      () =>
        Effect.gen(function* () {
          const program = yield* start()
          const desk = yield* seated(client)
          yield* Agents.script(program)
          yield* control(lingmas(program)[0]!, "script", { text: "pong 🏓, says the gateway", interval: 0 })
          const { code, out } = yield* launched(desk, client, new URL(program.base).port)
          assert.strictEqual(code, 0, out)
          assert.include(out, "pong 🏓, says the gateway")
          assert.include(out, `${client.name} is answered by Auto (auto)`)
          assert.deepStrictEqual(stateOf(desk.home), desk.before)
        }),
      180_000
    )
  }

  const [first] = installed
  if (first === undefined) return

  it.scopedLive(
    `starts a gateway where none runs, which ends with the client (${first.name})`,
    () =>
      Effect.gen(function* () {
        const desk = yield* seated(first)
        const port = yield* freePort
        const { code, out } = yield* launched(desk, first, String(port))
        assert.strictEqual(code, 0, out)
        assert.include(out, "built-in stand-in for Lingma")
        assert.deepStrictEqual(stateOf(desk.home), desk.before)
        assert.isTrue(yield* isSilent(port))
      }),
    180_000
  )
})

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

/** A client that a test can talk to: what it was given, a signal, an exit code. */
const stub = (script: string) => `#!/bin/sh\n${script}\n`

const withStub = (name: Client["name"], script: string) =>
  Effect.map(Agents.desk, (desk) => {
    const programs = join(desk.tmp, "bin")
    mkdirSync(programs)
    Agents.put(join(programs, name), stub(script))
    chmodSync(join(programs, name), 0o755)
    put(desk.home, { ".claude/settings.json": claudeSettings })
    return { ...desk, programs, state: join(desk.tmp, "state"), before: stateOf(desk.home) }
  })

type Stubbed = Effect.Effect.Success<ReturnType<typeof withStub>>

const begun = (program: Pick<Program, "base">, desk: Stubbed, ...args: ReadonlyArray<string>) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const child = spawn(process.execPath, [bin, "launch", "claude", ...args], {
        cwd: desk.work,
        env: {
          PATH: [desk.programs, process.env["PATH"]].join(delimiter),
          HOME: desk.home,
          LINGMA_WORK_DIR: desk.state,
          GATEWAY_PORT: new URL(program.base).port
        },
        stdio: ["ignore", "pipe", "pipe"]
      })
      let out = ""
      for (const stream of [child.stdout, child.stderr]) {
        stream.setEncoding("utf8").on("data", (text: string) => {
          out += text
        })
      }
      const exited = new Promise<number | null>((resolve) => child.on("exit", (code) => resolve(code)))
      return { child: child as ChildProcess, out: () => out, exited }
    }),
    ({ child }) => Effect.sync(() => child.kill("SIGKILL"))
  )

describe("launch of a client that a test has written", () => {
  it.scopedLive("passes arguments, the exit code, and no variable that leads elsewhere", () =>
    Effect.gen(function* () {
      const program = yield* start()
      const desk = yield* withStub("claude", 'echo "given: $*"; echo "url: $ANTHROPIC_BASE_URL"; exit 37')
      const { exited, out } = yield* begun(program, desk, "--", "--resume", "-p", "two words")
      assert.strictEqual(yield* Effect.promise(() => exited), 37, out())
      assert.include(out(), "--resume -p two words")
      assert.include(out(), `url: ${program.base}`)
      assert.deepStrictEqual(stateOf(desk.home), desk.before)
    })
  )

  it.scopedLive("passes signals on, and lets the client decide", () =>
    Effect.gen(function* () {
      const program = yield* start()
      const desk = yield* withStub(
        "claude",
        'trap "echo heard; exit 5" INT; echo waiting; while :; do sleep 0.05; done'
      )
      const { child, exited, out } = yield* begun(program, desk)
      yield* eventually(() => out().includes("waiting") || undefined, "a waiting client")
      child.kill("SIGINT")
      assert.strictEqual(yield* Effect.promise(() => exited), 5)
      assert.include(out(), "heard")
    })
  )

  it.scopedLive("leaves the home as it was also when it is killed", () =>
    Effect.gen(function* () {
      const program = yield* start()
      const desk = yield* withStub("claude", "echo waiting; exec sleep 30")
      const { child, exited, out } = yield* begun(program, desk)
      yield* eventually(() => out().includes("waiting") || undefined, "a waiting client")
      child.kill("SIGKILL")
      yield* Effect.promise(() => exited)
      assert.deepStrictEqual(stateOf(desk.home), desk.before)
    })
  )

  it.scopedLive("names what is missing: the client, a key, a model", () =>
    Effect.gen(function* () {
      const program = yield* start({ API_KEYS: "sk-right-and-long-enough" })
      const desk = yield* withStub("claude", "exit 0")
      const locked = yield* begun(program, desk)
      assert.strictEqual(yield* Effect.promise(() => locked.exited), 1)
      assert.include(locked.out(), "LINGMA_API_KEY")
      const open = yield* start()
      const other = yield* begun(open, desk, "--model", "gpt-17")
      assert.strictEqual(yield* Effect.promise(() => other.exited), 1)
      assert.include(other.out(), "gpt-17")
      const absent = yield* begun(open, { ...desk, programs: "/nowhere" })
      assert.strictEqual(yield* Effect.promise(() => absent.exited), 1, absent.out())
      assert.include(absent.out(), "npm install -g @anthropic-ai/claude-code")
    })
  )
})

/**
 * `launch` of a client that the test has written: what it is given, how it ends, and what is said where something is missing.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { chmodSync, mkdirSync } from "node:fs"
import { delimiter, join } from "node:path"
import { assert, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import * as Agents from "./agents.ts"
import { bin, eventually, type Program, start } from "./support.ts"

/** A client that a test can talk to: what it was given, a signal, an exit code. */
const stub = (script: string) => `#!/bin/sh\n${script}\n`

const withStub = (name: string, script: string) =>
  Effect.map(Agents.desk, (desk) => {
    const programs = join(desk.tmp, "bin")
    mkdirSync(programs)
    Agents.put(join(programs, name), stub(script))
    chmodSync(join(programs, name), 0o755)
    Agents.put(join(desk.home, ".claude", "settings.json"), JSON.stringify({ model: "opus" }))
    return { ...desk, programs, state: join(desk.tmp, "state"), before: Agents.stateOf(desk.home) }
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

class Gateway extends Context.Tag("test/LaunchEndingsGateway")<Gateway, Program>() {}

layer(Layer.scoped(Gateway, start()), { timeout: "60 seconds", excludeTestServices: true })("launch", (it) => {
  it.scoped("passes arguments, the exit code, and no variable that leads elsewhere", () =>
    Effect.gen(function* () {
      const program = yield* Gateway
      const desk = yield* withStub("claude", 'echo "given: $*"; echo "url: $ANTHROPIC_BASE_URL"; exit 37')
      const { exited, out } = yield* begun(program, desk, "--", "--resume", "-p", "two words")
      assert.strictEqual(yield* Effect.promise(() => exited), 37, out())
      assert.include(out(), "--resume -p two words")
      assert.include(out(), `url: ${program.base}`)
      assert.deepStrictEqual(Agents.stateOf(desk.home), desk.before)
    })
  )

  it.scoped("has Claude Code's status line say which model answers the one that is chosen", () =>
    Effect.gen(function* () {
      const program = yield* Gateway
      const asked = JSON.stringify({ model: { id: "claude-opus-4-1" } })
      const line = `echo '${asked}' | sh -c "$(node -p 'require(process.env.CLAUDE_CONFIG_DIR + "/gateway.json").statusLine.command')"`
      const desk = yield* withStub("claude", line)
      const { exited, out } = yield* begun(program, desk)
      assert.strictEqual(yield* Effect.promise(() => exited), 0, out())
      assert.include(out(), "Auto by Lingma gateway")
    })
  )

  it.scoped("passes signals on, and lets the client decide", () =>
    Effect.gen(function* () {
      const program = yield* Gateway
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

  it.scoped("leaves the home as it was also when it is killed", () =>
    Effect.gen(function* () {
      const program = yield* Gateway
      const desk = yield* withStub("claude", "echo waiting; exec sleep 30")
      const { child, exited, out } = yield* begun(program, desk)
      yield* eventually(() => out().includes("waiting") || undefined, "a waiting client")
      child.kill("SIGKILL")
      yield* Effect.promise(() => exited)
      assert.deepStrictEqual(Agents.stateOf(desk.home), desk.before)
    })
  )

  it.scoped("names what is missing: the client, a key, a model", () =>
    Effect.gen(function* () {
      const program = yield* start({ API_KEYS: "sk-right-and-long-enough" })
      const desk = yield* withStub("claude", "exit 0")
      const locked = yield* begun(program, desk)
      assert.strictEqual(yield* Effect.promise(() => locked.exited), 1)
      assert.include(locked.out(), "LINGMA_API_KEY")
      const open = yield* Gateway
      const other = yield* begun(open, desk, "--model", "gpt-17")
      assert.strictEqual(yield* Effect.promise(() => other.exited), 1)
      assert.include(other.out(), "gpt-17")
      const absent = yield* begun(open, { ...desk, programs: "/nowhere" })
      assert.strictEqual(yield* Effect.promise(() => absent.exited), 1, absent.out())
      assert.include(absent.out(), "npm install -g @anthropic-ai/claude-code")
    })
  )
})

import { spawn } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import * as Spoken from "../support/Spoken.ts"
import { control, lingmas, type Program, settled, start } from "./support.ts"

/** `npm install --prefix node_modules/.cache/agents @mariozechner/pi-coding-agent@0.73.1` puts it where it is found. */
const cached = fileURLToPath(new URL("../../node_modules/.cache/agents/node_modules/.bin", import.meta.url))
const pi = [...(process.env["PATH"] ?? "").split(delimiter), cached]
  .map((dir) => join(dir, "pi"))
  .find((file) => existsSync(file))

/** As in docs/clients.md. */
const models = (base: string) => ({
  providers: {
    gw: { baseUrl: `${base}/v1`, api: "openai-completions", apiKey: "GW_KEY", models: [{ id: "auto" }] }
  }
})

interface Desk {
  readonly home: string
  readonly work: string
}

/** A home and a work directory of its own. */
const desk = (program: Program) =>
  Effect.acquireRelease(
    Effect.sync((): Desk & { readonly dir: string } => {
      const dir = mkdtempSync(join(tmpdir(), "lingma-pi-"))
      const [home, work] = [join(dir, "home"), join(dir, "work")]
      mkdirSync(join(home, ".pi", "agent"), { recursive: true })
      mkdirSync(work)
      writeFileSync(join(home, ".pi", "agent", "models.json"), JSON.stringify(models(program.base)))
      writeFileSync(join(work, "note.txt"), "one\ntwo\n")
      return { dir, home, work }
    }),
    ({ dir }) => Effect.sync(() => rmSync(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 }))
  )

const run = ({ home, work }: Desk, args: ReadonlyArray<string>, key = "any-key") =>
  Effect.async<{ readonly code: number | null; readonly out: string }>((resume) => {
    const child = spawn(pi ?? "pi", ["--provider", "gw", "--model", "auto", ...args], {
      cwd: work,
      env: { PATH: process.env["PATH"], HOME: home, GW_KEY: key, PI_OFFLINE: "1", PI_TELEMETRY: "0" },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true
    })
    let out = ""
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        out += text
      })
    }
    child.on("close", (code) => resume(Effect.succeed({ code, out })))
    return Effect.sync(() => child.pid !== undefined && process.kill(-child.pid, "SIGKILL"))
  }).pipe(Effect.timeout("50 seconds"))

/** What the model says, turn by turn. */
const script = (program: Program, ...texts: ReadonlyArray<string>) =>
  Effect.zipRight(
    control(lingmas(program)[0]!, "reset"),
    Effect.forEach(texts, (text) => control(lingmas(program)[0]!, "script", { text, interval: 0, turns: 1 }))
  )

const lastPrompt = (program: Program) =>
  Effect.promise(async () =>
    JSON.stringify(await (await fetch(`http://127.0.0.1:${lingmas(program)[0]!.httpPort}/__control/stats`)).json())
  )

class Gateway extends Context.Tag("test/PiGateway")<Gateway, Program>() {}

const options = { timeout: "60 seconds", excludeTestServices: true } as const

if (pi === undefined) {
  describe("pi", () => {
    it("WAS NOT RUN: pi is neither on the PATH nor in node_modules/.cache/agents", () => {
      assert.isUndefined(pi)
    })
  })
} else {
  layer(Layer.scoped(Gateway, start()), options)(`pi (${pi})`, (it) => {
    it.scoped(
      "reads a file, edits it, and is told what came of each",
      () =>
        Effect.gen(function* () {
          const program = yield* Gateway
          const place = yield* desk(program)
          const content = 'one\nif (a < b && c) { "two" }\n  你好\n'
          yield* script(
            program,
            `I look at it.\n${Spoken.call("read", { path: "note.txt" })}`,
            Spoken.call("write", { path: "note.txt", content }),
            "note.txt is edited."
          )
          const { code, out } = yield* run(place, ["-p", "Edit note.txt"])
          assert.strictEqual(code, 0, out)
          assert.include(out, "note.txt is edited.")
          assert.strictEqual(readFileSync(join(place.work, "note.txt"), "utf8").trimEnd(), content.trimEnd())
          const prompt = yield* lastPrompt(program)
          for (const text of ["I look at it.", "<tool_response", "one\\ntwo"]) assert.include(prompt, text)

          yield* script(program, "It holds two lines.")
          const second = yield* run(place, ["--continue", "-p", "What is in it?"])
          assert.include(second.out, "It holds two lines.")
          const again = yield* lastPrompt(program)
          for (const text of ["Edit note.txt", "note.txt is edited.", "What is in it?"]) assert.include(again, text)
          yield* settled(program)
        }),
      120_000
    )
  })

  layer(Layer.scoped(Gateway, start({ API_KEYS: "sk-right-and-long-enough" })), options)("pi with a key", (it) => {
    it.scoped(
      "says so when its key is wrong",
      () =>
        Effect.gen(function* () {
          const place = yield* desk(yield* Gateway)
          const { code, out } = yield* run(place, ["-p", "Hello"], "sk-wrong")
          assert.notStrictEqual(code, 0)
          assert.include(out, "Incorrect API key provided.")
        }),
      60_000
    )
  })
}

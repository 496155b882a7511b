import { readFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it, layer } from "@effect/vitest"
import { Context, Effect, Layer } from "effect"
import * as Spoken from "../support/Spoken.ts"
import * as Agents from "./agents.ts"
import { type Program, settled, start } from "./support.ts"

/** `npm install --prefix node_modules/.cache/agents @mariozechner/pi-coding-agent@0.73.1` puts it where it is found. */
const pi = Agents.find("pi")

/** As in docs/clients.md, over each dialect. */
const models = (base: string) => {
  const { providers } = JSON.parse(Agents.documented("pi", "json", base)) as {
    readonly providers: { readonly lingma: Readonly<Record<string, unknown>> }
  }
  const { lingma } = providers
  return {
    providers: {
      lingma,
      responses: { ...lingma, api: "openai-responses" },
      messages: { ...lingma, api: "anthropic-messages", baseUrl: base }
    }
  }
}

const desk = (program: Program) =>
  Effect.tap(Agents.desk, ({ home, work }) =>
    Effect.sync(() => {
      Agents.put(join(home, ".pi", "agent", "models.json"), JSON.stringify(models(program.base)))
      Agents.put(join(work, "note.txt"), "one\ntwo\n")
    })
  )

type Provider = keyof ReturnType<typeof models>["providers"]

const run = (desk: Agents.Desk, by: Provider, args: ReadonlyArray<string>, key = "any-key") =>
  Agents.run(desk, pi ?? "pi", ["--provider", by, "--model", "auto", ...args], {
    ...Agents.exported("pi", "", key),
    PI_OFFLINE: "1",
    PI_TELEMETRY: "0"
  })

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
    for (const by of ["lingma", "responses", "messages"] as const)
      it.scoped(
        `reads a file, edits it, and is told what came of each (${by})`,
        () =>
          Effect.gen(function* () {
            const program = yield* Gateway
            const place = yield* desk(program)
            const content = 'one\nif (a < b && c) { "two" }\n  你好\n'
            yield* Agents.script(
              program,
              `I look at it.\n${Spoken.call("read", { path: "note.txt" })}`,
              Spoken.call("write", { path: "note.txt", content }),
              "note.txt is edited."
            )
            const { code, out } = yield* run(place, by, ["-p", "Edit note.txt"])
            assert.strictEqual(code, 0, out)
            assert.include(out, "note.txt is edited.")
            assert.strictEqual(readFileSync(join(place.work, "note.txt"), "utf8").trimEnd(), content.trimEnd())
            const prompt = yield* Agents.lastPrompt(program)
            for (const text of ["I look at it.", "<tool_response", "one\\ntwo"]) assert.include(prompt, text)

            yield* Agents.script(program, "It holds two lines.")
            const second = yield* run(place, by, ["--continue", "-p", "What is in it?"])
            assert.include(second.out, "It holds two lines.")
            const again = yield* Agents.lastPrompt(program)
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
          const { code, out } = yield* run(place, "lingma", ["-p", "Hello"], "sk-wrong")
          assert.notStrictEqual(code, 0)
          assert.include(out, "Incorrect API key provided.")
          const other = yield* run(place, "messages", ["-p", "Hello"], "sk-wrong")
          assert.notStrictEqual(other.code, 0)
          assert.include(other.out, "invalid x-api-key")
        }),
      120_000
    )
  })
}

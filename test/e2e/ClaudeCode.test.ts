import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it, layer } from "@effect/vitest"
import { Context, Effect, Layer, Option } from "effect"
import * as Pdf from "../support/Pdf.ts"
import * as Searches from "../support/Searches.ts"
import * as Spoken from "../support/Spoken.ts"
import * as TestGateway from "../support/TestGateway.ts"
import * as Agents from "./agents.ts"
import * as Echo from "./echo.ts"
import { control, internalStats, type Lingma, lingmas, type Program, settled, start, told } from "./support.ts"

/** `npm install --prefix node_modules/.cache/agents @anthropic-ai/claude-code@2.1.332` puts it where it is found. */
const claude = Agents.find("claude")

class Gateway extends Context.Tag("test/Gateway")<Gateway, Program>() {}

const KEY = "sk-claude-code-000000"

/** As in docs/clients.md, without second tries. No model is named: its own names lead to the default one. */
const run = (
  program: Pick<Program, "base">,
  desk: Agents.Desk,
  args: ReadonlyArray<string>,
  key = KEY,
  more: Readonly<Record<string, string>> = {}
) =>
  Agents.run(desk, claude ?? "claude", ["-p", ...args], {
    ...Agents.exported("Claude Code", program.base, key),
    ...more,
    CLAUDE_CODE_MAX_RETRIES: "0",
    DISABLE_AUTOUPDATER: "1"
  })

/** What Claude Code sends with its first words. */
interface Sent {
  readonly characters: number
  readonly tokens: number
}

const textOfLast = (lingma: Lingma) =>
  Effect.map(told(lingma), ({ lastPrompt }) => (lastPrompt as unknown as { readonly text: string }).text)

const gatewayStats = (program: Program) => Effect.promise(() => internalStats(program))
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

    /** Leaves room for two of the parts below beside what Claude Code always sends. */
    const limits = {
      "Lingma's word": ({ characters }: Sent) => ({
        action: "fault",
        body: { fault: `too_long=${characters + 30_000}` }
      }),
      "the window of the model": ({ tokens }: Sent) => ({
        action: "account",
        body: { models: [{ key: "auto", max_input_tokens: tokens + 6_000 }] }
      })
    } satisfies Record<string, (sent: Sent) => unknown>
    for (const [what, limit] of Object.entries(limits)) {
      it.scoped(
        `compacts a conversation that is too long by ${what}, by itself, and goes on`,
        () =>
          Effect.gen(function* () {
            const program = yield* Gateway
            const desk = yield* Agents.desk
            const [lingma] = lingmas(program)
            yield* Agents.script(program)
            yield* control(lingma!, "script", { text: "It is noted.", interval: 0 })
            const say = (...args: ReadonlyArray<string>) =>
              Effect.gen(function* () {
                const { chats_total: before = 0, prompt_tokens_total: tokens = 0 } = (yield* gatewayStats(program))
                  .stats
                const { code, out } = yield* run(program, desk, args)
                assert.deepStrictEqual([code, out.trim()], [0, "It is noted."])
                const { stats } = yield* gatewayStats(program)
                const prompt = yield* textOfLast(lingma!)
                return {
                  prompt,
                  chats: (stats["chats_total"] ?? 0) - before,
                  sent: { characters: prompt.length, tokens: (stats["prompt_tokens_total"] ?? 0) - tokens }
                }
              })
            const { sent } = yield* say("Remember the word heron.")
            const { action, body } = limit(sent)
            yield* control(lingma!, action, body)
            const parts: Array<{ readonly chats: number; readonly prompt: string }> = []
            for (let n = 0; n < 4; n++)
              parts.push(yield* say("--continue", `Part ${n}: ${"lorem ipsum dolor ".repeat(600)}`))
            yield* Effect.logInfo(
              "chats of each part",
              parts.map(({ chats }) => chats)
            )
            const compacted = parts.findIndex(({ chats }) => chats > 1)
            assert.isAbove(compacted, 0, "not at once")
            assert.isBelow(compacted, 3, "and the last part goes on without")
            const { prompt } = parts[compacted]!
            assert.include(prompt, `Part ${compacted}: lorem`)
            assert.include(prompt, "continued from a previous conversation")
            assert.notInclude(prompt, "Part 0: lorem")
            yield* Agents.script(program)
            yield* settled(program)
          }),
        120_000
      )
    }

    it.scoped(
      "compacts before that where it is told a window, by Lingma's own figures",
      () =>
        Effect.gen(function* () {
          const program = yield* Gateway
          const desk = yield* Agents.desk
          const [lingma] = lingmas(program)
          yield* Agents.script(program)
          yield* control(lingma!, "script", { text: "It is noted.", interval: 0, usage: 1, input: 95_000 })
          const chats = (window: Readonly<Record<string, string>>, ...args: ReadonlyArray<string>) =>
            Effect.gen(function* () {
              const before = (yield* gatewayStats(program)).stats["chats_total"] ?? 0
              const { code, out } = yield* run(program, desk, args, KEY, window)
              assert.deepStrictEqual([code, out.trim()], [0, "It is noted."])
              return ((yield* gatewayStats(program)).stats["chats_total"] ?? 0) - before
            })
          assert.strictEqual(yield* chats({}, "Remember the word heron."), 1)
          assert.strictEqual(
            yield* chats({}, "--continue", "And the word stork."),
            1,
            "a window of a million is believed in"
          )
          const windowed = { CLAUDE_CODE_AUTO_COMPACT_WINDOW: "100000" }
          assert.isAbove(yield* chats(windowed, "--continue", "And the word crane."), 1)
          assert.include(yield* textOfLast(lingma!), "continued from a previous conversation")
          yield* Agents.script(program)
          yield* settled(program)
        }),
      120_000
    )

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

  describe(`Claude Code (${claude}) and what its API does by itself`, () => {
    /** Answers each kind of request by its prompt; the first that fits. */
    const serve = Effect.fnUntraced(function* (
      answers: ReadonlyArray<readonly [marks: string, answer: string]>,
      settings: Parameters<typeof TestGateway.serve>[1] = {}
    ) {
      const scripted = Spoken.by((prompt) => answers.find(([marks]) => prompt.includes(marks))?.[1] ?? "Nothing fits.")
      const { base } = yield* TestGateway.serve(scripted, settings)
      return { base, prompts: () => scripted.asks.map(({ prompt }) => prompt) }
    })
    const search = Spoken.call("web_search", { query: "museum hours" })
    const asked = "Find the hours of the museum"
    /** It puts the loading of that tool off: it is offered once it was looked for. */
    const found = [
      ["The tool WebSearch is available now.", Spoken.call("WebSearch", { query: "museum hours" })],
      [asked, Spoken.call("ToolSearch", { query: "select:WebSearch", max_results: 1 })]
    ] as const

    it.scopedLive(
      "searches for a tool, then the web by the operator's service",
      () =>
        Effect.gen(function* () {
          const page = { url: "https://museum.example/hours", title: "Hours", content: "Open from nine." }
          const { url } = yield* Searches.finds([page])
          const gateway = yield* serve(
            [
              ["The page says nine.", "It opens at nine."],
              ["Open from nine.", "The page says nine."],
              ["Perform a web search for the query", search],
              ...found
            ],
            { webSearchUrl: Option.some(url) }
          )
          const desk = yield* Agents.desk
          const { code, out } = yield* run(gateway, desk, ["--allowedTools", "WebSearch", "--", asked])
          assert.deepStrictEqual([code, out.trim()], [0, "It opens at nine."], gateway.prompts().join("\n---\n"))
        }),
      120_000
    )

    it.scopedLive(
      "is told that no search can be had where there is no service",
      () =>
        Effect.gen(function* () {
          const gateway = yield* serve([
            ["Web search error: unavailable", "There is no search here."],
            ["The tool failed: unavailable", "I cannot search."],
            ["Perform a web search for the query", search],
            ...found
          ])
          const desk = yield* Agents.desk
          const { code, out } = yield* run(gateway, desk, ["--allowedTools", "WebSearch", "--", asked])
          assert.deepStrictEqual([code, out.trim()], [0, "There is no search here."], gateway.prompts().join("\n---\n"))
        }),
      120_000
    )

    it.scopedLive(
      "reads a PDF",
      () =>
        Effect.gen(function* () {
          const desk = yield* Agents.desk
          const file = join(desk.work, "report.pdf")
          writeFileSync(file, Pdf.make(["The heron stands still"]))
          const gateway = yield* serve([
            ["The heron stands still", "It is about a heron."],
            ["What is the report about?", Spoken.call("Read", { file_path: file })]
          ])
          const { code, out } = yield* run(gateway, desk, ["--allowedTools", "Read", "--", "What is the report about?"])
          assert.deepStrictEqual([code, out.trim()], [0, "It is about a heron."], gateway.prompts().join("\n---\n"))
        }),
      120_000
    )
  })

  /** As its tool numbers them. */
  const lines = (shown: string) => [...shown.matchAll(/^ *\d+(?:\t|→)(.*)$/gm)].map(([, line = ""]) => line)

  describe(`Claude Code (${claude}) with a model that copies what it is shown`, () => {
    it.scopedLive(
      "edits a git config and a Java file, and every other byte stays",
      () =>
        Effect.gen(function* () {
          const path = ({ name }: Echo.Edit, { work }: Agents.Desk) => join(work, name)
          const gateway = yield* Echo.serve({
            read: (edit, desk) => Spoken.call("Read", { file_path: path(edit, desk) }),
            write: (edit, shown, desk) => {
              const old = Echo.around(edit, lines(shown)).join("\n")
              const now = old.replace(edit.find, edit.replace)
              return Spoken.call("Edit", { file_path: path(edit, desk), old_string: old, new_string: now })
            }
          })
          const allowed = ["--allowedTools", "Read,Edit", "--", "Edit both files"]
          const { code, out } = yield* run(gateway, gateway.desk, allowed)
          assert.deepStrictEqual([code, out.trim()], [0, "Both are edited."], gateway.prompts().join("\n---\n"))
          assert.deepStrictEqual(gateway.onDisk(), Echo.edits.map(Echo.edited))
        }),
      120_000
    )
  })
}

/** What Codex does beyond single turns: models of its own, MCP, compaction, long silences. */
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Spoken from "../support/Spoken.ts"
import * as Agents from "./agents.ts"
import { control, lingmas, type Program, settled, start, told } from "./support.ts"

const codex = Agents.find("codex")

const quiet = `
check_for_update_on_startup = false
web_search = "disabled"
`
const tables = `
[analytics]
enabled = false
[features]
plugins = false
apps = false
`

/** Codex's built-in provider: it names one of OpenAI's models, and takes its key from the environment. */
const builtIn = (base: string) => `model = "gpt-5.5"\nopenai_base_url = "${base}/v1"\n`

const provider = (base: string, name: string, more = "") => `
model = "auto"
model_provider = "gateway"
[model_providers.gateway]
name = "${name}"
base_url = "${base}/v1"
env_key = "LINGMA_API_KEY"
wire_api = "responses"
request_max_retries = 0
stream_max_retries = 0
${more}
`

const server = fileURLToPath(new URL("../support/mcpServer.mjs", import.meta.url))
const mcp = (...names: ReadonlyArray<string>) =>
  names.map((name) => `[mcp_servers.${name}]\ncommand = "node"\nargs = ["${server}", "${name}"]\n`).join("")

const free = ["--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox"]
const aliased = { MODEL_ALIASES: "gpt-*=auto" }

/** A desk with a `config.toml`; each run is one `codex exec`. */
const desk = (config: string) =>
  Effect.map(Agents.desk, (place) => {
    Agents.put(join(place.home, ".codex", "config.toml"), config)
    return (...args: ReadonlyArray<string>) =>
      Agents.run(place, codex ?? "codex", ["exec", ...args], {
        CODEX_HOME: join(place.home, ".codex"),
        CODEX_API_KEY: "any-key",
        LINGMA_API_KEY: "any-key"
      })
  })

const prompt = (program: Program) =>
  Effect.map(told(lingmas(program)[0]!), ({ lastPrompt }) => (lastPrompt as unknown as { readonly text: string }).text)

if (codex === undefined) {
  describe("Codex's sessions", () => {
    it("WERE NOT RUN: codex is neither on the PATH nor in node_modules/.cache/agents", () => {
      assert.isUndefined(codex)
    })
  })
} else {
  describe(`Codex's sessions (${codex})`, () => {
    for (const [what, config] of [
      ["the built-in provider, by its base URL and with an aliased model", builtIn],
      ["a provider that is named OpenAI", (base: string) => provider(base, "OpenAI")]
    ] as const) {
      it.scopedLive(
        `are served to ${what}`,
        () =>
          Effect.gen(function* () {
            const program = yield* start(aliased)
            const run = yield* desk(quiet + config(program.base) + tables)
            yield* Agents.script(program, Spoken.call("exec_command", { cmd: "echo he''ron" }), "It printed a bird.")
            const { code, out } = yield* run(...free, "Print the bird")
            assert.strictEqual(code, 0, out)
            assert.include(out, "It printed a bird.")
            assert.match(yield* prompt(program), /<tool_response[\s\S]*\nheron\n/)
            yield* settled(program)
          }),
        120_000
      )
    }

    it.scopedLive(
      "find and call the tools of three MCP servers, each by its own name",
      () =>
        Effect.gen(function* () {
          const program = yield* start(aliased)
          const servers = mcp("alpha", "beta", "gamma")
          const run = yield* desk(quiet + builtIn(program.base) + tables + servers)
          yield* Agents.script(
            program,
            Spoken.call("tool_search", { query: "dictionary lookup" }),
            Spoken.call("mcp__beta__lookup", { word: "heron" }),
            Spoken.call("mcp__gamma__lookup", { word: "stork" }),
            "Both were found."
          )
          const { code, out } = yield* run(...free, "Look both birds up")
          assert.strictEqual(code, 0, out)
          assert.include(out, "Both were found.")
          const asked = yield* prompt(program)
          assert.include(asked, "beta says HERON")
          assert.include(asked, "gamma says STORK")
          assert.notInclude(asked, "names a tool that does not exist")
          yield* settled(program)
        }),
      120_000
    )

    it.scopedLive(
      "are compacted at their limit, and go on from the summary",
      () =>
        Effect.gen(function* () {
          const program = yield* start(aliased)
          const limit = "model_auto_compact_token_limit = 12000\n"
          const run = yield* desk(limit + quiet + builtIn(program.base) + tables)
          yield* Agents.script(program, "It is noted.", "SUMMARY: the word is heron.", "The word was heron.")
          const first = yield* run(...free, `Remember the word heron. ${"lorem ipsum ".repeat(4000)}`)
          assert.strictEqual(first.code, 0, first.out)
          const second = yield* run("resume", "--last", ...free, "Which word was it?")
          assert.strictEqual(second.code, 0, second.out)
          assert.include(second.out, "context compacted")
          assert.include(second.out, "The word was heron.")
          const asked = yield* prompt(program)
          assert.include(asked, "SUMMARY: the word is heron.")
          assert.include(asked, "Which word was it?")
          assert.notInclude(asked, "It is noted.")
          yield* settled(program)
        }),
      120_000
    )

    it.scopedLive(
      "wait for a model that is silent for longer than Codex's idle limit",
      () =>
        Effect.gen(function* () {
          const program = yield* start({ GATEWAY_KEEPALIVE_SEC: "1" })
          const run = yield* desk(quiet + provider(program.base, "gateway", "stream_idle_timeout_ms = 3000") + tables)
          yield* Agents.script(program)
          yield* control(lingmas(program)[0]!, "script", { text: "At last.", first: 8000, interval: 0, turns: 1 })
          const { code, out } = yield* run(...free, "Think for long")
          assert.strictEqual(code, 0, out)
          assert.include(out, "At last.")
          yield* settled(program)
        }),
      120_000
    )
  })
}

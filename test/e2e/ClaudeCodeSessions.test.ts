/** What Claude Code does beyond single turns: auto mode's checks, and its account of the context. */

import { existsSync } from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Spoken from "../support/Spoken.ts"
import * as Agents from "./agents.ts"
import { control, lingmas, type Program, settled, start } from "./support.ts"

const claude = Agents.find("claude")

const run = (
  program: Program,
  desk: Agents.Desk,
  args: ReadonlyArray<string>,
  more: Readonly<Record<string, string>> = {}
) =>
  Agents.run(desk, claude ?? "claude", ["-p", ...args], {
    ...Agents.exported("Claude Code", program.base, "any-key"),
    CLAUDE_CODE_MAX_RETRIES: "0",
    DISABLE_AUTOUPDATER: "1",
    ...more
  })

if (claude === undefined) {
  describe("Claude Code's sessions", () => {
    it("WERE NOT RUN: claude is neither on the PATH nor in node_modules/.cache/agents", () => {
      assert.isUndefined(claude)
    })
  })
} else {
  describe(`Claude Code's sessions (${claude})`, () => {
    it.scopedLive(
      "tell what fills the context, by the gateway's count of tokens",
      () =>
        Effect.gen(function* () {
          const program = yield* start()
          const { code, out } = yield* run(program, yield* Agents.desk, ["/context"])
          assert.strictEqual(code, 0, out)
          assert.match(out, /System tools \| [1-9][\d.]*k/)
          yield* settled(program)
        }),
      120_000
    )

    for (const [severity, isRun] of [
      [5, true],
      [95, false]
    ] as const) {
      it.scopedLive(
        `have auto mode's own check answered, and ${isRun ? "run" : "do not run"} a command of severity ${severity}`,
        () =>
          Effect.gen(function* () {
            const program = yield* start()
            const desk = yield* Agents.desk
            const verdict = `<severity>${severity}</severity>${isRun ? "" : "<category>Code from External</category>"}`
            yield* Agents.script(
              program,
              Spoken.call("Bash", { command: "sh ./missing.sh; echo ran > note.txt", description: "Runs it" }),
              verdict,
              ...(isRun ? [] : [verdict]),
              "That is all."
            )
            yield* control(lingmas(program)[0]!, "script", { text: "That is all.", interval: 0 })
            const auto = { CLAUDE_CODE_DISABLE_EXPERIMENTAL_BETAS: "1" }
            const { code, out } = yield* run(program, desk, ["--permission-mode", "auto", "--", "Run it"], auto)
            assert.deepStrictEqual([code, out.trim()], [0, "That is all."])
            assert.strictEqual(existsSync(join(desk.work, "note.txt")), isRun)
            yield* Agents.script(program)
            yield* settled(program)
          }),
        120_000
      )
    }
  })
}

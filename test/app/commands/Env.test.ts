import { execFileSync } from "node:child_process"
import { assert, describe, it } from "@effect/vitest"
import * as Env from "../../../src/app/commands/Env.ts"
import * as Logs from "../../../src/app/commands/Logs.ts"

describe("env", () => {
  it("prints what a shell takes for one value, whatever it holds", () => {
    const value = `a b'c"d$e\`f\\g;h&i`
    const script = `${Env.line("sh", "TRIED", value)}\nprintf '%s' "$TRIED"`
    assert.strictEqual(execFileSync("/bin/sh", ["-c", script], { encoding: "utf8" }), value)
    assert.strictEqual(Env.line("fish", "A", "it's"), "set -gx A 'it\\'s';")
    assert.strictEqual(Env.line("powershell", "A", "it's"), "$Env:A = 'it''s'")
  })

  it("has OpenAI's address with /v1 and Anthropic's without", () => {
    const all = Env.variablesOf(undefined, "http://127.0.0.1:8370", "sk-1", "auto")
    assert.deepStrictEqual(all, {
      OPENAI_BASE_URL: "http://127.0.0.1:8370/v1",
      OPENAI_API_KEY: "sk-1",
      ANTHROPIC_BASE_URL: "http://127.0.0.1:8370",
      ANTHROPIC_AUTH_TOKEN: "sk-1"
    })
  })
})

describe("logs", () => {
  it("begin at a time ago, or at a date", () => {
    const now = Date.UTC(2026, 10, 29)
    assert.strictEqual(Logs.startOf("30m", now), now - 1_800_000)
    assert.strictEqual(Logs.startOf("7d", now), now - 7 * 86_400_000)
    assert.strictEqual(Logs.startOf("2026-11-01", now), Date.UTC(2026, 10, 1))
    for (const wrong of ["", "1", "h", "yesterday", "-1h"]) assert.isUndefined(Logs.startOf(wrong, now), wrong)
  })
})

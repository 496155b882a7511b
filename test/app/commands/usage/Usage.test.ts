import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect } from "effect"
import * as Usage from "../../../../src/app/commands/usage/Usage.ts"
import * as Terminal from "../../../../src/app/screen/Terminal.ts"
import { DatabaseUnavailable } from "../../../../src/team/database/Database.ts"
import type { Line } from "../../../../src/team/ledger/UsageReport.ts"

const line = (name: string, more: Partial<Line> = {}): Line => ({
  name,
  requests: 1204,
  completed: 1190,
  failed: 12,
  cancelled: 2,
  rejected: 0,
  estimated: 0,
  promptTokens: 8_123_456,
  completionTokens: 912_345,
  reasoningTokens: 1,
  ...more
})

describe("The command usage", () => {
  it("prints a table with its total, figures under each other", () => {
    const lines = [line("ann"), line("bob", { requests: 3, promptTokens: 900, completionTokens: 12_000, estimated: 3 })]
    assert.deepStrictEqual(Usage.print({ by: "key", format: "table" }, lines, 80), [
      "key    requests  failed  rejected  tokens in     out",
      "ann       1,204      12         0      8.1 M   0.9 M",
      "bob           3      12         0        900  12,000",
      "total     1,207      24         0      8.1 M   0.9 M",
      "",
      "Tokens of 3 chats are estimates."
    ])
    const one = Usage.print({ by: "key", format: "table" }, [line("ann", { estimated: 1 })], 80)
    assert.strictEqual(one.at(-1), "Tokens of 1 chat are estimates.")
    assert.deepStrictEqual(Usage.print({ by: "key", format: "table" }, [], 80), ["No chats in this time."])
  })

  it("shows what keys have used of their limits by bars, as far as the columns suffice", () => {
    const limits = { tokensPerDay: { limit: 1_000_000, used: 612_000 }, requestsPerMinute: { limit: 60, used: 12 } }
    const lines = [{ ...line("ann"), limits }, line("bob")]
    const print = (room: number) => Usage.print({ by: "key", format: "table" }, lines, room)
    assert.deepStrictEqual(print(80).slice(0, 3), [
      "key    requests  failed  rejected  tokens in    out  of today's limit  a minute",
      "ann       1,204      12         0      8.1 M  0.9 M  ▇▇▇▇▇▁▁▁    61 %     12/60",
      "bob       1,204      12         0      8.1 M  0.9 M"
    ])
    assert.match(print(75)[1] ?? "", /0\.9 M {2}▇▇▇▇▇▁▁▁ {4}61 %$/)
    assert.match(print(68)[1] ?? "", /0\.9 M {3}61 % {5}12\/60$/)
    for (const room of [40, 60, 80, 100, 200]) {
      const widest = Math.max(...print(room).map(Terminal.width))
      assert.isAtMost(widest, Math.max(room, 51))
    }
    assert.deepStrictEqual(JSON.parse(Usage.print({ by: "key", format: "json" }, lines, 80)[0] ?? "")[0].limits, {
      tokens_per_day: { limit: 1_000_000, used: 612_000 },
      requests_per_minute: { limit: 60, used: 12 }
    })
  })

  it("prints CSV that a spreadsheet takes for data alone", () => {
    const lines = [line('=HYPERLINK("http://x"),1'), line("ann")]
    assert.deepStrictEqual(Usage.print({ by: "key", format: "csv" }, lines, 80), [
      "key,requests,completed,failed,cancelled,rejected,estimated,prompt_tokens,completion_tokens,reasoning_tokens",
      `"'=HYPERLINK(""http://x""),1",1204,1190,12,2,0,0,8123456,912345,1`,
      "ann,1204,1190,12,2,0,0,8123456,912345,1"
    ])
  })

  it("prints JSON with whole figures", () => {
    const [text = ""] = Usage.print({ by: "day", format: "json" }, [line("2026-11-28")], 80)
    assert.deepInclude(JSON.parse(text)[0], { name: "2026-11-28", requests: 1204, prompt_tokens: 8_123_456 })
  })

  it("prints no character that a terminal would obey", () => {
    const [, shown] = Usage.print({ by: "key", format: "table" }, [line("a\u001b[31mb\u202e")], 80)
    assert.match(shown ?? "", /^a\?\[31mb\? /)
  })

  it.effect("fails with what DATABASE_URL names, which ends the command as wrong settings do", () =>
    Effect.gen(function* () {
      const options = { by: "key", since: "7d", format: "json" } as const
      const failed = (url: string) =>
        Effect.withConfigProvider(
          Effect.flip(Usage.run(options)),
          ConfigProvider.fromMap(new Map([["DATABASE_URL", url]]))
        )
      for (const url of ["none", "sqlite:/dev/null/gateway.db"]) {
        assert.instanceOf(yield* failed(url), DatabaseUnavailable, url)
      }
    })
  )
})

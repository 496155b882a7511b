import { assert, describe, it } from "@effect/vitest"
import { Config, Effect } from "effect"
import { explain } from "../../src/config/Config.ts"
import * as DotEnv from "../../src/config/DotEnv.ts"

const refusals = (text: string) => Effect.map(Effect.flip(DotEnv.parse("gateway.env", text)), explain)

describe("DotEnv", () => {
  it.effect("reads what a .env may hold, each setting with its line", () =>
    Effect.gen(function* () {
      const text = [
        "\uFEFF# a comment",
        "",
        "A=1   # another",
        'export B="two, #2"',
        "C: three",
        'D="first',
        'second"',
        "   # indented",
        "E=",
        "F = six \t",
        "G='it\\'s'"
      ].join("\r\n")
      const { provider, settings } = yield* DotEnv.parse("gateway.env", text)
      assert.deepStrictEqual(
        settings.map(({ line, name }) => [name, line]),
        [
          ["A", 3],
          ["B", 4],
          ["C", 5],
          ["D", 6],
          ["E", 9],
          ["F", 10],
          ["G", 11]
        ]
      )
      const values = yield* Effect.forEach(["A", "B", "C", "D", "E", "F"], (name) => provider.load(Config.string(name)))
      assert.deepStrictEqual(values, ["1", "two, #2", "three", "first\nsecond", "", "six"])
    })
  )

  it.effect("passes over comments of systemd and names that a shell exports", () =>
    Effect.gen(function* () {
      const text = "; a comment\n;A=0\nA=1\nexport A\n  export A B # both\nC=3\n"
      const { settings } = yield* DotEnv.parse("gateway.env", text)
      assert.deepStrictEqual(
        settings.map(({ line, name, value }) => [name, value, line]),
        [
          ["A", "1", 3],
          ["C", "3", 6]
        ]
      )
      assert.strictEqual((yield* refusals("export\nexport A B-\n")).length, 2)
    })
  )

  it.effect("refuses a file with a line that is no setting, and tells the line's number but not its text", () =>
    Effect.gen(function* () {
      const rule = "must be NAME=value, or a comment that begins with #"
      assert.deepStrictEqual(yield* refusals("# one\nGATEWAY_PORT=1\n\nsk-secret\nAPI_KEYS=a\n"), [
        `gateway.env line 4 ${rule}`
      ])
      assert.deepStrictEqual(yield* refusals("API_KEYS\nGATEWAY_PORT=1\n=x\nLOG_LEVEL debug"), [
        `gateway.env line 1 ${rule}`,
        `gateway.env line 3 ${rule}`,
        `gateway.env line 4 ${rule}`
      ])
      assert.deepStrictEqual(yield* refusals('{\n  "GATEWAY_PORT": 8370\n}'), [
        `gateway.env line 1 ${rule}`,
        `gateway.env line 2 ${rule}`,
        `gateway.env line 3 ${rule}`
      ])
    })
  )

  it.effect("refuses a value whose quote is not closed, which would be part of it", () =>
    Effect.gen(function* () {
      const rule = "begins a value with a quote that is not closed"
      assert.deepStrictEqual(yield* refusals('A=1\nAPI_KEYS="sk-one,sk-two\nB="2"\n'), [`gateway.env line 2 ${rule}`])
    })
  )

  it.effect("names no more than five lines of a file that is something else", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* refusals("not a setting\n".repeat(5_000))).length, 5)
    })
  )
})

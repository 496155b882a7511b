import { readFileSync } from "node:fs"
import { stripVTControlCharacters } from "node:util"
import * as CliConfig from "@effect/cli/CliConfig"
import * as Command from "@effect/cli/Command"
import * as HelpDoc from "@effect/cli/HelpDoc"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as ConfigCommand from "../../../src/app/commands/ConfigCommand.ts"
import * as Doctor from "../../../src/app/commands/Doctor.ts"
import * as Env from "../../../src/app/commands/Env.ts"
import * as Help from "../../../src/app/commands/Help.ts"
import * as Keys from "../../../src/app/commands/keys/Keys.ts"
import * as Launch from "../../../src/app/commands/Launch.ts"
import * as Logs from "../../../src/app/commands/Logs.ts"
import * as Replay from "../../../src/app/commands/Replay.ts"
import * as Report from "../../../src/app/commands/Report.ts"
import * as Status from "../../../src/app/commands/Status.ts"
import * as Terminal from "../../../src/app/screen/Terminal.ts"

const optionsOf = (text: string) =>
  new Set([...text.matchAll(/--[a-z][a-z-]*/g)].map(([name]) => name).filter((name) => name !== "--no-admin"))

/** Every command has those of the parser. */
const everywhere = new Set(["--completions", "--log-level", "--help", "--wizard", "--version"])

describe("the help", () => {
  it("is one screen of 80 columns, with the commands first", () => {
    const lines = Help.main("0.5.0", 80)
    assert.isAtMost(lines.length, 24)
    for (const line of lines) assert.isAtMost(Terminal.width(line), 80, line)
    assert.match(stripVTControlCharacters(lines[2]!), /^ {2}start +serve the API/)
  })

  const commands = {
    launch: Launch.make(() => Effect.never),
    status: Status.command,
    doctor: Doctor.command,
    logs: Logs.command,
    replay: Replay.command,
    env: Env.command,
    report: Report.command
  }
  for (const [name, command] of Object.entries(commands)) {
    it(`names every option of ${name}, and none that it has not`, () => {
      const doc = Command.getHelp(command as typeof Doctor.command, CliConfig.defaultConfig)
      const real = [...optionsOf(stripVTControlCharacters(HelpDoc.toAnsiText(doc)))].filter(
        (one) => !everywhere.has(one)
      )
      assert.deepStrictEqual([...optionsOf(Help.of(name, 80)!.slice(2).join("\n"))].sort(), real.sort())
    })
  }

  it("is the one that docs/commands.md shows", () => {
    const docs = readFileSync(new URL("../../../docs/commands.md", import.meta.url), "utf8")
    const shown = /```\n(.*?)\n```/s.exec(docs)?.[1]?.split("\n")
    assert.deepStrictEqual(shown?.slice(1), Help.main("", 80).slice(1).map(stripVTControlCharacters))
  })

  it("names every subcommand of keys and config", () => {
    for (const [name, command] of [
      ["keys", Keys.command],
      ["config", ConfigCommand.command]
    ] as const) {
      const real = [...Command.getSubcommands(command as typeof Keys.command)].map(([sub]) => sub)
      for (const sub of real) assert.include(Object.keys(Help.entries), `${name} ${sub}`)
    }
  })

  it("is not asked for by what stands behind -- for a client", () => {
    assert.deepStrictEqual(Launch.split(["launch", "--model", "m", "claude", "--", "--help", "--", "-p"]), {
      parsed: ["launch", "--model", "m", "claude"],
      ofClient: ["--help", "--", "-p"]
    })
    for (const args of [["launch", "claude", "-p"], ["keys", "add", "--", "-x"], []]) {
      assert.deepStrictEqual(Launch.split(args), { parsed: args, ofClient: [] })
    }
  })

  it("is what is asked for: of a command, of the whole, or not at all", () => {
    const first = (...args: ReadonlyArray<string>) => Help.asked(args, "1", 80)?.[0]
    assert.include(first("--help"), "Lingma gateway 1")
    assert.include(first("help"), "Lingma gateway 1")
    assert.strictEqual(first("keys", "add", "--help"), "lingma-gateway keys add NAME")
    assert.strictEqual(first("help", "doctor"), "lingma-gateway doctor")
    assert.strictEqual(first("logs", "-h"), "lingma-gateway logs")
    assert.isUndefined(first("doctor"))
  })
})

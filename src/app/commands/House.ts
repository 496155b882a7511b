/**
 * What all commands share: their options, how they print, and how they end.
 */
import * as Options from "@effect/cli/Options"
import { Console, Effect, Logger, LogLevel, type Option } from "effect"
import * as ConfigSources from "../../config/ConfigSources.ts"
import { Ended } from "../running/Ended.ts"

export const file = Options.text("config").pipe(
  Options.withDescription("a settings file in .env format; the environment takes precedence"),
  Options.optional
)
export const json = Options.boolean("json").pipe(Options.withDescription("print JSON"))

/** Exit codes: wrong usage, wrong settings, any other failure. */
export const MISUSED = 2
export const WRONG_SETTINGS = 78
export const FAILED = 1

export const ended = (code: number, ...lines: ReadonlyArray<string>) => new Ended({ code, lines })

export const printJson = (value: unknown): Effect.Effect<void> => Console.log(JSON.stringify(value, undefined, 2))

export const printLines = (lines: ReadonlyArray<string>): Effect.Effect<void> =>
  Effect.forEach(lines, (line) => Console.log(line), { discard: true })

/** With the settings of a file and the environment, and no log lines among the output. */
export const withSettings = <A, E, R>(effect: Effect.Effect<A, E, R>, from: Option.Option<string>) =>
  Effect.provide(effect, [Logger.minimumLogLevel(LogLevel.None), ConfigSources.layer(from)])

/**
 * Runs a program as the main of this process: handles signals, prints errors and sets the exit code.
 */
import * as NodeContext from "@effect/platform-node/NodeContext"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Cause, ConfigError, Data, Effect, Exit } from "effect"
import * as Config from "../config/Config.ts"
import { WorkDirInUse } from "../lingma/process/WorkDirLock.ts"
import { DatabaseUnavailable } from "../team/database/Database.ts"
import { KeyFileWrong } from "../team/keys/KeyFile.ts"
import { KeysMissing } from "../team/keys/KeyRing.ts"
import { PortTaken } from "./PortTaken.ts"

import { Ended } from "./running/Ended.ts"

/** Their messages name the setting. */
const ofSettings = [WorkDirInUse, DatabaseUnavailable, KeyFileWrong, KeysMissing]

/** Error message and exit code: 78 for invalid settings or what they name that cannot be used, else 1. */
const verdict = (cause: Cause.Cause<unknown>): { readonly code: number; readonly lines: ReadonlyArray<string> } => {
  const error = Cause.squash(cause)
  if (Cause.isInterruptedOnly(cause)) return { code: 0, lines: [] }
  if (error instanceof Ended) return error
  if (ConfigError.isConfigError(error)) return { code: 78, lines: Config.explain(error) }
  if (error instanceof Error && ofSettings.some((kind) => error instanceof kind))
    return { code: 78, lines: [error.message] }
  if (error instanceof PortTaken) return { code: 1, lines: [error.message] }
  return { code: 1, lines: [`lingma-gateway failed: ${Cause.pretty(cause)}`] }
}

class Uncaught extends Data.TaggedError("Uncaught")<{ readonly cause: unknown }> {}

/** An exception outside of any fiber: drain as after a signal, then exit with 1. */
const uncaught = Effect.async<never, Uncaught>((resume) => {
  const fail = (reason: unknown) => resume(Effect.fail(new Uncaught({ cause: reason })))
  process.on("uncaughtException", fail)
  process.on("unhandledRejection", fail)
})

/** Handled like SIGTERM; SIGHUP by commands alone, since a gateway that serves reloads its settings. */
const alsoEnding: ReadonlyArray<NodeJS.Signals> = process.platform === "win32" ? [] : ["SIGHUP", "SIGUSR2"]

/** A Ctrl-C under npm comes twice, by the terminal and by npm: within this time of the first it is the same one. */
const SAME_SIGNAL_MILLIS = 1_000

/** `runMain` takes the first one, which drains; another one ends the process at once. Tells whether there was one. */
const endAtSecond = (): (() => boolean) => {
  let first: number | undefined
  const heard = (name: NodeJS.Signals): void => {
    const now = performance.now()
    first ??= now
    if (now - first < SAME_SIGNAL_MILLIS) return
    process.off(name, heard)
    process.kill(process.pid, name)
  }
  for (const name of ["SIGINT", "SIGTERM"] as const) process.on(name, heard)
  return () => first !== undefined
}

const listen = (): void => {
  const isEnding = endAtSecond()
  for (const name of alsoEnding)
    process.on(name, () => {
      // While it drains, a reload or a closed terminal is no wish to cut off what still runs.
      if (process.listenerCount(name) === 1 && !isEnding()) process.kill(process.pid, "SIGTERM")
    })
  // Without a listener Node opens its inspector, which allows remote code execution.
  process.on("SIGUSR1", () => {})
}

export const run = <A, E>(program: Effect.Effect<A, E, NodeContext.NodeContext>): void => {
  // A closed log reader must not end the process.
  for (const output of [process.stdout, process.stderr]) output.on("error", () => {})
  listen()
  NodeRuntime.runMain(Effect.raceFirst(Effect.provide(program, NodeContext.layer), uncaught), {
    disableErrorReporting: true,
    disablePrettyLogger: true,
    teardown: (exit, onExit) => {
      const { code, lines } = Exit.isFailure(exit) ? verdict(exit.cause) : { code: 0, lines: [] }
      for (const line of lines) process.stderr.write(`${line}\n`)
      onExit(code)
    }
  })
}

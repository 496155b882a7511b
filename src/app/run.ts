/**
 * A program as this process: until it ends or a signal comes, with an exit code and words for what went wrong.
 */
import * as HttpServerError from "@effect/platform/HttpServerError"
import * as NodeContext from "@effect/platform-node/NodeContext"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Cause, ConfigError, Data, Effect, Exit } from "effect"
import * as Config from "../config/Config.ts"
import { WorkDirInUse } from "../lingma/process/WorkDirLock.ts"

/** A command's own way to fail. */
export class Ended extends Data.TaggedError("Ended")<{
  readonly code: number
  /** Empty where it was told already. */
  readonly lines: ReadonlyArray<string>
}> {}

/** What went wrong in words, and the exit code for it: 78 settings and a directory in use, 1 the rest. */
const verdict = (cause: Cause.Cause<unknown>): { readonly code: number; readonly lines: ReadonlyArray<string> } => {
  const error = Cause.squash(cause)
  if (Cause.isInterruptedOnly(cause)) return { code: 0, lines: [] }
  if (error instanceof Ended) return error
  if (ConfigError.isConfigError(error)) return { code: 78, lines: Config.explain(error) }
  if (error instanceof WorkDirInUse) return { code: 78, lines: [error.message] }
  const taken = error instanceof HttpServerError.ServeError && String(error.cause).includes("EADDRINUSE")
  if (taken) return { code: 1, lines: ["GATEWAY_PORT is taken by another program: stop that, or choose another port"] }
  return { code: 1, lines: [`lingma-gateway failed: ${Cause.pretty(cause)}`] }
}

class Uncaught extends Data.TaggedError("Uncaught")<{ readonly cause: unknown }> {}

/** A bug outside of any fiber: drain like at a signal, then exit 1. */
const uncaught = Effect.async<never, Uncaught>((resume) => {
  const fail = (reason: unknown) => resume(Effect.fail(new Uncaught({ cause: reason })))
  process.on("uncaughtException", fail)
  process.on("unhandledRejection", fail)
})

/** Handled as SIGTERM is, a second one too: there is nothing yet that could be read anew. */
const alsoEnding: ReadonlyArray<NodeJS.Signals> = process.platform === "win32" ? [] : ["SIGHUP", "SIGUSR2"]

const listen = (): void => {
  for (const name of alsoEnding) process.on(name, () => process.kill(process.pid, "SIGTERM"))
  // Without a listener Node opens its inspector, which runs the code of whoever connects.
  process.on("SIGUSR1", () => {})
}

export const run = <A, E>(program: Effect.Effect<A, E, NodeContext.NodeContext>): void => {
  // A reader of the log that has gone must not end the service.
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

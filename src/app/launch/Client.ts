/**
 * Runs a client in the foreground of this terminal: signals are its own, and its exit code is passed on.
 */
import { spawn } from "node:child_process"
import { accessSync, constants, existsSync, mkdirSync, statSync, writeFileSync } from "node:fs"
import { constants as os } from "node:os"
import { delimiter, dirname, join } from "node:path"
import { Data, Effect } from "effect"
import type * as Profiles from "./Profiles.ts"

export class NotInstalled extends Data.TaggedError("NotInstalled")<{ readonly message: string }> {}

const isProgram = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}

const find = (command: string): string | undefined =>
  (process.env["PATH"] ?? "")
    .split(delimiter)
    .flatMap((dir) => (process.platform === "win32" ? [".exe", ".cmd"] : [""]).map((end) => join(dir, command + end)))
    .find(isProgram)

export const located = (client: Profiles.Client, { command, install }: Profiles.Profile) => {
  const path = find(command)
  return path === undefined
    ? new NotInstalled({ message: `${client} is not installed (no ${command} on the PATH): ${install}` })
    : Effect.succeed(path)
}

/** Written for their owner only: they hold a key. */
export const prepare = (dir: string, { files, seeds }: Profiles.Profile): Effect.Effect<void> =>
  Effect.sync(() => {
    mkdirSync(dir, { recursive: true, mode: 0o700 })
    const missing = Object.entries(seeds).filter(([name]) => !existsSync(join(dir, name)))
    for (const [name, text] of [...Object.entries(files), ...missing]) {
      mkdirSync(dirname(join(dir, name)), { recursive: true, mode: 0o700 })
      writeFileSync(join(dir, name), text, { mode: 0o600 })
    }
  })

const SIGNALS: ReadonlyArray<NodeJS.Signals> = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"]

/** As a shell gives it: 128 and the signal's number. */
const codeOf = (code: number | null, signal: NodeJS.Signals | null) =>
  code ?? 128 + (signal === null ? 1 : (os.signals[signal] ?? 1))

/**
 * A terminal sends its signals to the client as well, so those are not sent twice; others are passed on. What else
 * listens for them in this process does not hear them meanwhile: it would end the gateway under the client.
 */
export const run = (path: string, args: ReadonlyArray<string>, env: NodeJS.ProcessEnv): Effect.Effect<number> =>
  Effect.uninterruptible(
    Effect.async<number>((resume) => {
      const others = SIGNALS.map((name) => [name, process.listeners(name)] as const)
      for (const name of SIGNALS) process.removeAllListeners(name)
      const child = spawn(path, args, { stdio: "inherit", env, shell: process.platform === "win32" })
      const isOurs = process.stdin.isTTY === true
      const pass = (name: NodeJS.Signals) => {
        if (!isOurs || name === "SIGTERM") child.kill(name)
      }
      for (const name of SIGNALS) process.on(name, pass)
      const end = (code: number) => {
        for (const name of SIGNALS) process.off(name, pass)
        for (const [name, listeners] of others)
          for (const one of listeners) process.on(name, one as NodeJS.SignalsListener)
        resume(Effect.succeed(code))
      }
      child.once("error", () => end(126))
      child.once("exit", (code, signal) => end(codeOf(code, signal)))
    })
  )

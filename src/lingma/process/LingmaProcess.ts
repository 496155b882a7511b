/**
 * Runs one Lingma process in its own process group; it is stopped when the scope closes.
 *
 * It also stops when the gateway is killed: a watcher in the group waits for EOF on a pipe that only the gateway holds.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { chmodSync, lstatSync, mkdirSync } from "node:fs"
import { resolve } from "node:path"
import type { Readable } from "node:stream"
import { Deferred, Effect, Fiber, FiberId, Schema, type Scope } from "effect"
import { redact } from "../../domain/Redact.ts"
import * as Fork from "../../runtime/Fork.ts"
import * as BinaryCheck from "./BinaryCheck.ts"

/** The process did not start, or exited. `detail` is for the log and includes a remedy if there is one. */
export class ProcessExited extends Schema.TaggedError<ProcessExited>()("ProcessExited", { detail: Schema.String }) {}

export interface LingmaProcess {
  readonly pid: number
  /** Fails when the process ends. */
  readonly exited: Effect.Effect<never, ProcessExited>
}

export interface LaunchOptions {
  /** The binary; `prefix`: arguments before Lingma's own. */
  readonly command: string
  readonly prefix: ReadonlyArray<string>
  readonly workDir: string
  readonly socketPort: number
  readonly httpPort: number
  /** Names of additional environment variables for the child. */
  readonly childEnv: ReadonlyArray<string>
}

const passed = [
  "PATH",
  "HOME",
  "LANG",
  "LC_ALL",
  "TMPDIR",
  "TZ",
  "SystemRoot",
  "USERPROFILE",
  "APPDATA",
  "LOCALAPPDATA"
]
const proxies = ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"]

/** Environment of the child; excludes the gateway's settings. */
export const environment = (names: ReadonlyArray<string>, env: NodeJS.ProcessEnv): Record<string, string> => {
  const allowed = [...passed, ...proxies, ...proxies.map((name) => name.toLowerCase()), ...names]
  return Object.fromEntries(allowed.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])))
}

// `exec` keeps the pid; the watcher stays in the group and kills it when our end of the pipe closes.
const shell = `
umask 077
exec 3<&0
(while read -r _ <&3; do :; done; kill -KILL -$$) </dev/null >/dev/null 2>&1 &
exec "$@" </dev/null 3<&-
`

const arguments_ = (options: LaunchOptions) => [
  ...options.prefix,
  "start",
  `--workDir=${resolve(options.workDir)}`,
  `--socketPort=${options.socketPort}`,
  `--httpPort=${options.httpPort}`
]

const attempt = (check: () => boolean): boolean => {
  try {
    return check()
  } catch {
    return false
  }
}
/** Signals the group; false if it no longer exists. */
const signal = (pid: number, name: NodeJS.Signals): boolean =>
  attempt(() => process.kill(process.platform === "win32" ? pid : -pid, name))

const LINE_LIMIT = 2000
const LINES_PER_SECOND = 200
const TAIL_LINES = 5
const LONGEST_LINE = 2_000

/** Reads all output, so that the process never blocks on it; buffers at most one line. */
const drain = (output: Readable | null, onLine: (line: string) => void) => {
  let line = ""
  let second = 0
  let passedOn = 0
  output?.setEncoding("utf8").on("data", (text: string) => {
    // Node's clock: a rate limit of real output, in a callback of the stream.
    const now = Math.floor(performance.now() / 1000)
    if (now !== second) {
      second = now
      passedOn = 0
    }
    const lines = (line + text.slice(0, LINE_LIMIT * LINES_PER_SECOND)).split(/\r?\n/)
    line = (lines.pop() ?? "").slice(0, LINE_LIMIT)
    for (const whole of lines) {
      if (passedOn++ < LINES_PER_SECOND) onLine(whole.slice(0, LINE_LIMIT))
    }
  })
}

/** The work directory contains the login: it must be owned by our user and is made private. */
const prepare = (workDir: string): string | undefined => {
  mkdirSync(workDir, { recursive: true, mode: 0o700 })
  const stats = lstatSync(workDir)
  if (stats.isSymbolicLink()) return "LINGMA_WORK_DIR: must not be a symbolic link"
  if (process.getuid !== undefined && stats.uid !== process.getuid()) return "LINGMA_WORK_DIR: belongs to another user"
  if ((stats.mode & 0o077) !== 0) chmodSync(workDir, 0o700)
  return undefined
}

const start = (options: LaunchOptions): ChildProcess => {
  const posix = process.platform !== "win32"
  return spawn(
    posix ? "/bin/sh" : options.command,
    posix ? ["-c", shell, "lingma", options.command, ...arguments_(options)] : arguments_(options),
    {
      cwd: options.workDir,
      env: environment(options.childEnv, process.env),
      stdio: ["pipe", "pipe", "pipe"],
      detached: posix
    }
  )
}

export const make = (options: LaunchOptions): Effect.Effect<LingmaProcess, ProcessExited, Scope.Scope> =>
  Effect.gen(function* () {
    const fault = BinaryCheck.check(options.command)
    // Of another machine may run all the same, by an emulator that the kernel knows: said when it does not.
    const foreign = fault?.kind === "other_machine" ? fault : undefined
    const problem =
      (foreign === undefined ? fault?.message : undefined) ??
      (yield* Effect.try({
        try: () => prepare(options.workDir),
        catch: (cause) => new ProcessExited({ detail: `LINGMA_WORK_DIR: ${String(cause)}` })
      }))
    if (problem !== undefined) return yield* new ProcessExited({ detail: problem })
    const fork = yield* Fork.make()
    const ended = Deferred.unsafeMake<never, ProcessExited>(FiberId.none)
    const end = (detail: string) => Deferred.unsafeDone(ended, new ProcessExited({ detail }))
    const tail: Array<string> = []

    const child = yield* Effect.acquireRelease(
      Effect.try({
        try: () => start(options),
        catch: (cause) => new ProcessExited({ detail: `cannot start: ${String(cause)}` })
      }),
      stop
    )
    child.on("error", (cause) => end(`cannot start: ${cause.message}`))
    child.on("exit", (code, signalName) => {
      if (child.pid !== undefined) signal(child.pid, "SIGKILL") // kills what is left of its group
      const how = `ended with ${signalName ?? `code ${code}`}`
      end(foreign !== undefined && code !== 0 ? `${foreign.message} (${how})` : [how, ...tail].join("; "))
    })
    child.stdin?.on("error", () => {}) // it may close first
    for (const output of [child.stdout, child.stderr]) {
      drain(output, (said) => {
        const line = redact(said, LONGEST_LINE)
        tail.push(line)
        if (tail.length > TAIL_LINES) tail.shift()
        fork(Effect.logDebug("output of Lingma").pipe(Effect.annotateLogs({ line })))
      })
    }
    const exited = Deferred.await(ended)
    if (child.pid === undefined) return yield* exited
    const { httpPort, socketPort, workDir } = options
    yield* Effect.annotateLogs(Effect.logInfo("Lingma started"), { pid: child.pid, socketPort, httpPort, workDir })
    return { pid: child.pid, exited }
  })

/** SIGINT to Lingma, as its own clients do; SIGKILL to the group if it has not exited in time. */
const stop = (child: ChildProcess): Effect.Effect<void> =>
  Effect.suspend(() => {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return Effect.void
    const pid = child.pid
    const gone = (name: NodeJS.Signals) =>
      Effect.async<void>((resume) => {
        child.once("exit", () => resume(Effect.void))
        if (name === "SIGINT") child.kill(name)
        else signal(pid, name)
      })
    return Effect.timeoutFail(gone("SIGINT"), { duration: "4 seconds", onTimeout: () => "still there" }).pipe(
      Effect.catchAll(() => Effect.timeoutOption(gone("SIGKILL"), "1 second")),
      // On its own fiber: a timeout interrupts, but finalizers are uninterruptible.
      Effect.interruptible,
      Effect.forkDaemon,
      Effect.flatMap(Fiber.await),
      Effect.asVoid
    )
  })

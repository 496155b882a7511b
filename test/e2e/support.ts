/**
 * The real program as a child process, with a directory of its own; nothing of it outlives its scope.
 */
import { type ChildProcess, spawn } from "node:child_process"
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { Effect, Schedule } from "effect"
import * as Secrets from "../support/Secrets.ts"

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))
export const bin = path("../../bin/lingma-gateway.js")
export const emulator = path("../../bin/lingma-emulator.js")

export interface Program {
  readonly base: string
  readonly child: ChildProcess
  readonly dir: string
  /** What it wrote so far. */
  readonly stdout: () => string
  readonly stderr: () => string
  readonly exited: Promise<number | null>
}

/** Runs until it ends by itself; for what should not serve. */
export const runToEnd = (args: ReadonlyArray<string>, env: Record<string, string> = {}) =>
  Effect.scoped(
    Effect.gen(function* () {
      const program = yield* spawned(args, env)
      const code = yield* Effect.promise(() => program.exited).pipe(Effect.timeout("20 seconds"))
      return { code, stdout: program.stdout(), stderr: program.stderr() }
    })
  )

const announced = (stdout: string) => /baseUrl"?: ?"?(http:\/\/[^"\s]+)\/v1/.exec(stdout)?.[1]

/** What it answers about itself, while it still does. */
const answersOf = async (base: string, env: Record<string, string>): Promise<Record<string, string>> => {
  const [key] = (env["METRICS_TOKEN"] ?? env["ADMIN_KEYS"] ?? env["API_KEYS"] ?? "").split(",")
  const [admin] = (env["ADMIN_KEYS"] ?? env["API_KEYS"] ?? "").split(",")
  const asked = { "/metrics": key, "/healthz": "", "/internal/stats": admin, "/internal/auto-login/status": admin }
  const read = async (path: string, bearer: string | undefined) => {
    const headers = { authorization: `Bearer ${bearer}` }
    const response = await fetch(base + path, { headers, signal: AbortSignal.timeout(1_000) })
    return [path, await response.text()] as const
  }
  const answers = await Promise.allSettled(Object.entries(asked).map(([path, bearer]) => read(path, bearer)))
  return Object.fromEntries(answers.flatMap((answer) => (answer.status === "fulfilled" ? [answer.value] : [])))
}

/** The command in a directory of its own; ended with the scope, and then searched for secrets. */
export const spawned = (
  args: ReadonlyArray<string>,
  env: Record<string, string>,
  stdin: "ignore" | "pipe" = "ignore"
) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const dir = mkdtempSync(join(tmpdir(), "lingma-e2e-"))
      // So that what it leaves in the place for temporary files is looked at, too.
      const TMPDIR = join(dir, "tmp")
      mkdirSync(TMPDIR)
      Secrets.keep(...Secrets.fromSettings(env))
      const child = spawn(process.execPath, [bin, ...args], {
        cwd: dir,
        env: { PATH: process.env["PATH"], HOME: dir, TMPDIR, STATE_DIRECTORY: join(dir, "data"), ...env },
        stdio: [stdin, "pipe", "pipe"]
      })
      const written = { stdout: "", stderr: "" }
      for (const name of ["stdout", "stderr"] as const) {
        child[name]?.setEncoding("utf8").on("data", (text: string) => {
          written[name] += text
        })
      }
      const exited = new Promise<number | null>((resolve) => child.on("exit", (code) => resolve(code)))
      return { child, dir, exited, stdout: () => written.stdout, stderr: () => written.stderr }
    }),
    ({ child, dir, exited, stderr, stdout }) =>
      Effect.promise(async () => {
        const base = child.exitCode === null ? announced(stdout()) : undefined
        const answers = base === undefined ? {} : await answersOf(base, env)
        child.kill("SIGTERM")
        const late = setTimeout(() => child.kill("SIGKILL"), 8_000)
        await exited
        clearTimeout(late)
        const found = Secrets.settle({ dir, env, texts: { stdout: stdout(), stderr: stderr(), ...answers } })
        rmSync(dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 })
        if (found.length > 0) throw new Error(`secrets were written: ${found.join(", ")}`)
      })
  )

/** Polls until `read` gives something. */
export const eventually = <A>(
  read: () => A | undefined,
  what: string,
  within: "5 seconds" | "15 seconds" | "1 minute" = "15 seconds"
) =>
  Effect.suspend(() => {
    const value = read()
    return value === undefined || value === false ? Effect.fail(what) : Effect.succeed(value)
  }).pipe(
    Effect.retry(Schedule.spaced("20 millis")),
    Effect.timeoutFail({ duration: within, onTimeout: () => new Error(`never: ${what}`) })
  )

/** A serving gateway over the emulator, as a binary (the default) or built in. */
export const start = (
  env: Record<string, string> = {},
  options: {
    readonly ready?: boolean
    readonly args?: ReadonlyArray<string>
    readonly within?: "15 seconds" | "1 minute"
  } = {}
) =>
  Effect.gen(function* () {
    const emulated = Object.keys(env).filter((name) => name.startsWith("LINGMA_EMULATOR_"))
    const program = yield* spawned(options.args ?? ["start"], {
      GATEWAY_PORT: "0",
      LINGMA_BIN: emulator,
      ...(emulated.length === 0 ? {} : { LINGMA_CHILD_ENV: emulated.join(",") }),
      ...env
    })
    const base = yield* eventually(
      () => announced(program.stdout()) ?? /base URL +(http:\S+)\/v1/.exec(program.stderr())?.[1],
      `a base URL; ${program.stderr()}`,
      options.within
    )
    if (options.ready !== false)
      yield* eventually(() => /state"?: ?"?ready/.test(program.stdout()) || undefined, "ready", options.within)
    return { ...program, base } satisfies Program
  })

export const chat = (
  program: Pick<Program, "base">,
  prompt: string,
  more: Record<string, unknown> = {},
  init: RequestInit = {}
) =>
  Effect.promise(() =>
    fetch(`${program.base}/v1/chat/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ model: "auto", messages: [{ role: "user", content: prompt }], ...more }),
      ...init
    })
  )

interface Answer {
  readonly error?: {
    readonly message: string
    readonly type: string
    readonly code: string | null
    readonly param: string | null
  }
  readonly choices?: ReadonlyArray<{
    readonly message: { readonly content: string; readonly reasoning_content?: string }
  }>
  readonly [key: string]: unknown
}
export const text = (response: Response) =>
  Effect.tap(
    Effect.promise(() => response.text()),
    (body) => Effect.sync(() => Secrets.sweep(response.url, body))
  )
export const json = (response: Response) => Effect.map(text(response), (body) => JSON.parse(body) as Answer)

/** The pieces of text in a stream, joined. */
export const content = (stream: string, field: "content" | "reasoning_content" = "content"): string =>
  stream
    .split("\n")
    .filter((line) => line.startsWith("data: {"))
    .map(
      (line) =>
        JSON.parse(line.slice(6)) as { readonly choices?: ReadonlyArray<{ readonly delta: Record<string, string> }> }
    )
    .map((chunk) => chunk.choices?.[0]?.delta[field] ?? "")
    .join("")

/** Chats running on any instance, by the gateway's own account. */
export const inFlight = (program: Program) =>
  Effect.promise(async () => {
    const health = (await (await fetch(`${program.base}/healthz`)).json()) as {
      readonly instances: ReadonlyArray<{ readonly in_flight: number }>
    }
    return health.instances.reduce((sum, one) => sum + one.in_flight, 0)
  })

/** Command lines of the processes that mention this program's directory, its own left out. */
export const children = (program: Program): ReadonlyArray<number> =>
  readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(`--workDir=${program.dir}`)
      } catch {
        return false
      }
    })

export interface Lingma {
  readonly pid: number
  /** As in `inst-2`; `lingma` when there is one only. */
  readonly name: string
  readonly httpPort: number
}

const toLingma = (pid: number): ReadonlyArray<Lingma> => {
  try {
    const line = readFileSync(`/proc/${pid}/cmdline`, "utf8")
    // The shell that watches over it has the same arguments.
    if (line.startsWith("/bin/sh") || !line.includes("--httpPort=")) return []
    const name = /--workDir=([^\0]+)/.exec(line)?.[1]?.split("/").at(-1) ?? ""
    return [{ pid, name, httpPort: Number(/--httpPort=(\d+)/.exec(line)?.[1]) }]
  } catch {
    return []
  }
}

/** The Lingma processes that live now, by name. */
export const lingmas = (program: Program): ReadonlyArray<Lingma> =>
  children(program)
    .flatMap(toLingma)
    .sort((a, b) => a.name.localeCompare(b.name))

/** The only Lingma process. */
export const lingma = (program: Program): number => lingmas(program)[0]?.pid ?? 0

/** A word to an emulator behind the gateway's back. */
export const control = ({ httpPort }: Lingma, action: string, body: unknown = {}) =>
  Effect.promise(() =>
    fetch(`http://127.0.0.1:${httpPort}/__control/${action}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: typeof body === "string" ? body : JSON.stringify(body)
    })
  )

interface Stats {
  readonly turnsRunning: number
  readonly sessions: number
  readonly missedAcks: number
}
/** What the emulators say of themselves, summed; asked again while one of them is coming up. */
export const stats = (program: Program): Effect.Effect<Stats> =>
  Effect.tryPromise(async () => {
    const all = await Promise.all(
      lingmas(program).map(
        async ({ httpPort }) => (await (await fetch(`http://127.0.0.1:${httpPort}/__control`)).json()) as Stats
      )
    )
    const sum = (field: keyof Stats) => all.reduce((total, one) => total + one[field], 0)
    return { turnsRunning: sum("turnsRunning"), sessions: sum("sessions"), missedAcks: sum("missedAcks") }
  }).pipe(Effect.retry(Schedule.spaced("50 millis").pipe(Schedule.upTo("10 seconds"))), Effect.orDie)

/** What one emulator says of itself: what runs, and totals. */
export const told = ({ httpPort }: Lingma) =>
  Effect.promise(async () => {
    const response = await fetch(`http://127.0.0.1:${httpPort}/__control/stats`)
    return (await response.json()) as Readonly<Record<string, number>>
  })

export interface Concurrency {
  readonly in_flight: number
  readonly queued: number
  readonly accepted_total: number
  readonly rejected_total: number
  readonly abandoned_total: number
  readonly completed_total: number
  readonly failed_total: number
  readonly cancelled_total: number
}
interface Internal {
  readonly stats: Readonly<Record<string, number>>
  readonly concurrency: Concurrency
  readonly pool: {
    readonly ready: number
    readonly instances: ReadonlyArray<{
      readonly name: string
      readonly state: string
      readonly in_flight: number
      readonly restarts: number
      readonly ejected: boolean
      readonly ejections_total: number
      readonly consecutive_failures: number
      readonly spent: ReadonlyArray<{ readonly model: string | null; readonly until: string }>
      readonly last_error: string | null
    }>
  }
}
export const internalStats = async (program: Program): Promise<Internal> =>
  (await (await fetch(`${program.base}/internal/stats`)).json()) as Internal

/**
 * Waits until nothing is held anywhere, and says what still is when that takes too long. A session whose creation was
 * never told, since the connection broke just then, is known to nobody: those may be left out.
 */
export const settled = (
  program: Program,
  within: "2 seconds" | "10 seconds" = "10 seconds",
  { lostSessions = false }: { readonly lostSessions?: boolean } = {}
) =>
  Effect.gen(function* () {
    const { concurrency, pool } = yield* Effect.promise(() => internalStats(program))
    const { sessions, turnsRunning } = yield* stats(program)
    const held = {
      slots: concurrency.in_flight,
      queued: concurrency.queued,
      leases: pool.instances.reduce((sum, one) => sum + one.in_flight, 0),
      sessions: lostSessions ? 0 : sessions,
      turnsRunning
    }
    return yield* Object.values(held).every((n) => n === 0) ? Effect.succeed(concurrency) : Effect.fail(held)
  }).pipe(
    Effect.retry(Schedule.spaced("50 millis").pipe(Schedule.upTo(within))),
    Effect.mapError((held) => new Error(`still held: ${JSON.stringify(held)}`))
  )

/** Whether every chat that was let in has come to one end. */
export const isBalanced = (c: Concurrency) =>
  c.accepted_total === c.completed_total + c.failed_total + c.cancelled_total + c.in_flight

/**
 * Coding agents as their users run them: found where they are installed, with a home and a project of their own.
 */
import { spawn } from "node:child_process"
import { createHash } from "node:crypto"
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync
} from "node:fs"
import { tmpdir } from "node:os"
import { delimiter, dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { Effect, Schedule } from "effect"
import { control, lingmas, type Program } from "./support.ts"

export const cached = fileURLToPath(new URL("../../node_modules/.cache/agents/node_modules/.bin", import.meta.url))

const everywhere = [...(process.env["PATH"] ?? "").split(delimiter), cached]

/** On the PATH, or where `npm install --prefix node_modules/.cache/agents PACKAGE` puts it. */
export const find = (command: string, places: ReadonlyArray<string> = everywhere): string | undefined =>
  places.map((dir) => join(dir, command)).find((file) => existsSync(file))

const guide = readFileSync(new URL("../../docs/clients.md", import.meta.url), "utf8")

/** The first block of a language under a heading of docs/clients.md, for this gateway and this key. */
export const documented = (heading: string, language: string, base: string, key = "any-key"): string => {
  const section = guide.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? ""
  const block = new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, "ms").exec(section)?.[1]
  if (block === undefined) throw new Error(`docs/clients.md has no ${language} under "${heading}"`)
  return block.replaceAll("http://127.0.0.1:8370", base).replaceAll("any-key", key)
}

/** What the `export` lines under a heading of docs/clients.md set. */
export const exported = (heading: string, base: string, key = "any-key"): Readonly<Record<string, string>> =>
  Object.fromEntries(
    documented(heading, "sh", base, key)
      .split("\n")
      .filter((line) => line.startsWith("export "))
      .flatMap((line) => [...line.matchAll(/\b(\w+)=(\S+)/g)].map(([, name, value]) => [name, value]))
  )

export interface Desk {
  readonly home: string
  readonly work: string
  readonly tmp: string
}

/** What an agent left running: known by its home, also where it made itself a daemon. */
const left = ({ home }: Desk): ReadonlyArray<number> => {
  const isOurs = (pid: number) => {
    try {
      return readFileSync(`/proc/${pid}/environ`, "utf8").split("\0").includes(`HOME=${home}`)
    } catch {
      return false
    }
  }
  return existsSync("/proc")
    ? readdirSync("/proc")
        .filter((name) => /^\d+$/.test(name))
        .map(Number)
        .filter(isOurs)
    : []
}

const kill = (pid: number) => {
  try {
    process.kill(pid, "SIGKILL")
  } catch {
    // gone
  }
}

/** A file of a desk, with the directories above it. */
export const put = (file: string, text: string): void => {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
}

/** Every file of a home with its content, mode and time. */
export const stateOf = (home: string): ReadonlyArray<string> =>
  readdirSync(home, { recursive: true, encoding: "utf8" })
    .sort()
    .map((name) => {
      const path = join(home, name)
      const stats = lstatSync(path)
      const content = stats.isFile() ? createHash("sha256").update(readFileSync(path)).digest("hex") : ""
      return `${name} ${stats.mode.toString(8)} ${stats.mtimeMs} ${content}`
    })

/** Gone with the scope, and with it whatever still runs there. */
export const desk = Effect.map(
  Effect.acquireRelease(
    Effect.sync((): Desk & { readonly dir: string } => {
      const dir = mkdtempSync(join(tmpdir(), "lingma-agent-"))
      const [home, work, tmp] = [join(dir, "home"), join(dir, "work"), join(dir, "tmp")]
      for (const place of [home, work, tmp]) mkdirSync(place)
      return { dir, home, work, tmp }
    }),
    ({ dir, ...desk }) =>
      Effect.sync(() => {
        left(desk).forEach(kill)
        rmSync(dir, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 })
      })
  ),
  ({ dir: _, ...desk }): Desk => desk
)

/** Ends all that runs in a home, as `kill -9` does. */
export const killAll = (desk: Desk) =>
  Effect.repeat(
    Effect.sync(() => {
      const pids = left(desk)
      pids.forEach(kill)
      return pids.length
    }),
    { until: (count) => count === 0, schedule: Schedule.spaced("20 millis") }
  ).pipe(Effect.timeout("10 seconds"))

/** Runs to its end; all it started goes with it. */
export const run = (
  { home, tmp, work }: Desk,
  command: string,
  args: ReadonlyArray<string>,
  env: Readonly<Record<string, string>>
) =>
  Effect.async<{ readonly code: number | null; readonly out: string }>((resume) => {
    const child = spawn(command, args, {
      cwd: work,
      env: { PATH: process.env["PATH"], HOME: home, TMPDIR: tmp, ...env },
      stdio: ["ignore", "pipe", "pipe"],
      detached: true
    })
    let out = ""
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text: string) => {
        out += text
      })
    }
    const killAll = () => child.pid !== undefined && kill(-child.pid)
    child.on("error", (error) => resume(Effect.die(error)))
    // What it left in its group would hold the pipes open.
    child.on("exit", killAll)
    child.on("close", (code) => resume(Effect.succeed({ code, out })))
    return Effect.sync(killAll)
  }).pipe(Effect.timeout("90 seconds"))

/** What the emulator answers next, turn by turn. */
export const script = (program: Program, ...texts: ReadonlyArray<string>) =>
  Effect.zipRight(
    control(lingmas(program)[0]!, "reset"),
    Effect.forEach(texts, (text) => control(lingmas(program)[0]!, "script", { text, interval: 0, turns: 1 }))
  )

/** What the emulator was asked last, word for word. */
export const lastPrompt = (program: Program) =>
  Effect.promise(async () =>
    JSON.stringify(await (await fetch(`http://127.0.0.1:${lingmas(program)[0]!.httpPort}/__control/stats`)).json())
  )

/**
 * The processes under test: started fresh on free ports and in directories of their own, stopped together.
 */
import { type ChildProcess, execFileSync, spawn } from "node:child_process"
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"

/** A server to be measured. Without a pid its CPU time and memory are not known, without `control` its upstream. */
export interface Target {
  readonly name: string
  readonly base: URL
  readonly pid: number | undefined
  /** When it was started, by `performance.now`. */
  readonly born: number
  /** The control port of its emulator. */
  readonly control: URL | undefined
}

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))
const emulator = path("../bin/lingma-emulator.js")

const running: Array<{ readonly child: ChildProcess; readonly dir: string }> = []

/** Runs a script of Node's; gives the process and what its output matched. */
const start = (args: ReadonlyArray<string>, env: Record<string, string>, pattern: RegExp, dir: string) =>
  new Promise<{ readonly pid: number; readonly found: string }>((resolve, reject) => {
    const child = spawn(process.execPath, args, {
      cwd: dir,
      env: { PATH: process.env["PATH"], HOME: dir, STATE_DIRECTORY: dir, ...env },
      stdio: ["ignore", "pipe", "pipe"]
    })
    running.push({ child, dir })
    let seen = ""
    for (const output of [child.stdout, child.stderr]) {
      output.setEncoding("utf8").on("data", (text: string) => {
        if (seen.length < 100_000) seen += text
        const found = pattern.exec(seen)?.[1]
        if (found !== undefined && child.pid !== undefined) resolve({ pid: child.pid, found })
      })
    }
    child.on("error", reject)
    child.on("exit", (code) => reject(new Error(`${args[0]} ended with ${code}: ${seen}`)))
  })

const directory = () => mkdtempSync(join(tmpdir(), "lingma-bench-"))
const announced = /base URL +(http:\S+)\/v1/
const listens = /ready - WebSocket: (\d+, HTTP: \d+)/

/** An emulator for one server. */
const startLingma = async () => {
  const dir = directory()
  const flags = [`--workDir=${join(dir, "lingma")}`, "--socketPort=0", "--httpPort=0"]
  const { found } = await start([emulator, "start", ...flags], {}, listens, dir)
  const [socket, http] = found.split(", HTTP: ")
  return { url: `ws://127.0.0.1:${socket}/`, control: new URL(`http://127.0.0.1:${http}/__control/`) }
}

export const startFloor = async (): Promise<Target> => {
  const { control, url } = await startLingma()
  const born = performance.now()
  const { found, pid } = await start([path("floor.js"), url], {}, announced, directory())
  return { name: "floor", base: new URL(found), pid, born, control }
}

/** `flags` are for Node, `more` are settings. */
export const startGateway = async (
  flags: ReadonlyArray<string> = [],
  more: Readonly<Record<string, string>> = {}
): Promise<Target> => {
  const { control, url } = await startLingma()
  const env = {
    GATEWAY_PORT: "0",
    GATEWAY_MAX_IN_FLIGHT: "4096",
    GATEWAY_DRAIN_TIMEOUT_SEC: "1",
    LINGMA_ATTACH: url,
    LOG_LEVEL: "error",
    ...more
  }
  const born = performance.now()
  const { found, pid } = await start([...flags, path("../bin/lingma-gateway.js"), "start"], env, announced, directory())
  return { name: "gateway", base: new URL(found), pid, born, control }
}

const stop = (child: ChildProcess): Promise<void> =>
  new Promise((resolve) => {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return resolve()
    const late = setTimeout(() => child.kill("SIGKILL"), 8_000)
    child.once("exit", () => {
      clearTimeout(late)
      resolve()
    })
    child.kill("SIGTERM")
  })

const stopRunning = async (): Promise<void> => {
  for (let last = running.pop(); last !== undefined; last = running.pop()) {
    await stop(last.child)
    rmSync(last.dir, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 })
  }
}

let stopping = Promise.resolve()

/** The last one started goes first, so that nobody loses what it leans on. Also waits for an earlier call. */
export const stopAll = (): Promise<void> => {
  stopping = stopping.then(stopRunning)
  return stopping
}

const ticksPerSecond = (): number => {
  try {
    return Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" })) || 100
  } catch {
    return 100
  }
}
const microsPerTick = 1e6 / ticksPerSecond()

/** `[[days-]hours:]minutes:seconds` as `ps` writes it, in seconds. */
const seconds = (text: string): number =>
  text
    .trim()
    .split(/[-:]/)
    .reverse()
    .reduce((sum, part, i) => sum + Number(part) * (i === 3 ? 86_400 : 60 ** i), 0)

/** CPU time of a process so far, its own and the kernel's for it, in microseconds; NaN when it cannot be told. */
export const cpuMicros = ({ pid }: Target): number => {
  if (pid === undefined) return Number.NaN
  if (process.platform !== "linux")
    return seconds(execFileSync("ps", ["-o", "time=", "-p", String(pid)], { encoding: "utf8" })) * 1e6
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8")
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ")
  return (Number(fields[11]) + Number(fields[12])) * microsPerTick
}

/** Resident memory of a process, in KiB; NaN when it cannot be told. */
export const residentKib = ({ pid }: Target): number => {
  if (pid === undefined) return Number.NaN
  return Number(execFileSync("ps", ["-o", "rss=", "-p", String(pid)], { encoding: "utf8" }))
}

/** Open descriptors of a process; NaN when they cannot be told. */
export const descriptors = ({ pid }: Target): number =>
  pid === undefined || process.platform !== "linux" ? Number.NaN : readdirSync(`/proc/${pid}/fd`).length
